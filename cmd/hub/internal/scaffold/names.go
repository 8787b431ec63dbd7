package scaffold

import (
	"errors"
	"fmt"
	"go/token"
	"regexp"
	"slices"
	"strings"

	"github.com/realtime-hub/hub/hub/channel"
)

// Scopes is what a SCOPE may be, for help and errors.
const Scopes = "public, authenticated, role:NAME[,NAME…], user-scoped[:PARAM] (PARAM is user_id unless said otherwise) or handler"

// DefaultParam is the one of `user-scoped`.
const DefaultParam = "user_id"

// Scope is who may join, as the command line says it.
type Scope struct {
	kind string // public, authenticated, role, user-scoped, handler
	// Roles are those of a role scope.
	Roles []string
	// Param is the one that equals the user's id, of a user scope.
	Param string
}

// ParseScope reads a SCOPE.
func ParseScope(text string) (Scope, error) {
	kind, rest, more := strings.Cut(text, ":")
	switch {
	case kind == "role" && more:
		return roleScope(rest)
	case kind == "role":
		return Scope{}, errors.New("the scope role needs the roles' names, as role:editor; a SCOPE is " + Scopes)
	case kind == "user-scoped" && more:
		return Scope{kind: kind, Param: rest}, nil // the channel's name says whether it is one
	case kind == "user-scoped":
		return Scope{kind: kind, Param: DefaultParam}, nil
	case slices.Contains([]string{"public", "authenticated", "handler"}, text):
		return Scope{kind: kind}, nil
	default:
		return Scope{}, fmt.Errorf("there is no scope %q; a SCOPE is %s", text, Scopes)
	}
}

func roleScope(list string) (Scope, error) {
	s := Scope{kind: "role"}
	for role := range strings.SplitSeq(list, ",") {
		switch {
		case role == "":
			return Scope{}, fmt.Errorf("the scope role:%s has an empty role; write role:NAME[,NAME…]", list)
		case len(role) > 128:
			return Scope{}, fmt.Errorf("a role has at most 128 bytes; one of the scope has %d", len(role))
		case slices.Contains(s.Roles, role):
			return Scope{}, fmt.Errorf("the scope role:%s has %q twice", list, role)
		}
		s.Roles = append(s.Roles, role)
	}
	return s, nil
}

// String is the scope as it is written on the command line.
func (s Scope) String() string {
	switch s.kind {
	case "role":
		return "role:" + strings.Join(s.Roles, ",")
	case "user-scoped":
		return "user-scoped:" + s.Param
	default:
		return s.kind
	}
}

// feature is a feature's name: its folder, its proto package and the first
// segment of its channels.
type feature string

var (
	featureName = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)
	channelName = regexp.MustCompile(`^[a-z][a-z0-9_]*(-[a-z0-9_]+)*$`)
	messageName = regexp.MustCompile(`^[A-Z][A-Za-z0-9]*$`)
)

// maxName is generous for a name, and safe for a file's.
const maxName = 64

func parseFeature(name string) (feature, error) {
	pkg := strings.ReplaceAll(name, "_", "")
	switch {
	case len(name) > maxName:
		return "", fmt.Errorf("the feature's name has %d bytes; at most %d are allowed", len(name), maxName)
	case !featureName.MatchString(name):
		return "", fmt.Errorf("%q is no name of a feature: write a-z, 0-9 and _ between words, beginning with a letter, as user_profile; "+
			"it becomes a folder, a proto package and a Go package", name)
	case name == channel.Reserved:
		return "", fmt.Errorf("the name %q is reserved for the hub's own events; name the feature otherwise", name)
	case token.IsKeyword(pkg) || slices.Contains([]string{"main", "internal", "vendor", "testdata", "init"}, name) || token.IsKeyword(name):
		return "", fmt.Errorf("the feature cannot be called %q: the word has a meaning of its own in Go", name)
	}
	return feature(name), nil
}

// goPackage is the name of the feature's Go package.
func (f feature) goPackage() string { return strings.ReplaceAll(string(f), "_", "") }

// protoPackage is where the feature's messages are.
func (f feature) protoPackage() string { return string(f) + ".v1" }

// proto is the file of a message.
func (f feature) proto(message string) string {
	return "proto/" + string(f) + "/v1/" + snake(message) + ".proto"
}

// parseName makes the message of a NAME: article-feed is ArticleFeed.
func parseName(name string) (message string, err error) {
	switch {
	case len(name) > maxName:
		return "", fmt.Errorf("the channel's name has %d bytes; at most %d are allowed", len(name), maxName)
	case !channelName.MatchString(name):
		return "", fmt.Errorf("%q is no name of a channel: write a-z, 0-9, _ and -, beginning with a letter, as article-feed; "+
			"each dash begins a segment, so blog article-feed is blog.article.feed", name)
	}
	message = camel(name)
	if message == "" || !messageName.MatchString(message) {
		return "", fmt.Errorf("%q makes no name of a message; begin with a letter, as article-feed", name)
	}
	return message, nil
}

// parseMessage takes a message's name, or one as NAME is written.
func parseMessage(name string) (string, error) {
	if messageName.MatchString(name) && len(name) <= maxName {
		return name, nil
	}
	if message, err := parseName(name); err == nil {
		return message, nil
	}
	return "", fmt.Errorf("--message %q is no name of a message; write ArticleViewed or article-viewed", name)
}

// declaredName is the channel's: blog article-feed is blog.article.feed.
func (f feature) declaredName(name string, s Scope) (channel.Template, error) {
	declared := string(f) + "." + strings.ReplaceAll(name, "-", ".")
	if s.kind == "user-scoped" {
		declared += ".{" + s.Param + "}"
	}
	t, err := channel.ParseTemplate(declared)
	if err != nil {
		return channel.Template{}, fmt.Errorf("the channel's name would be %q, which a hub refuses: %w", declared, err)
	}
	return t, nil
}

// camel is article-feed, or article_feed, as ArticleFeed.
func camel(name string) string {
	var b strings.Builder
	for word := range strings.FieldsFuncSeq(name, func(r rune) bool { return r == '-' || r == '_' }) {
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return b.String()
}

// snake is ArticleFeed as article_feed, as protobuf's files are called, and
// HTTPRequest as http_request.
func snake(message string) string {
	upper := func(c byte) bool { return c >= 'A' && c <= 'Z' }
	var b strings.Builder
	for i := range len(message) {
		c := message[i]
		if upper(c) && i > 0 && (!upper(message[i-1]) || i+1 < len(message) && !upper(message[i+1])) {
			b.WriteByte('_')
		}
		b.WriteString(strings.ToLower(string(c)))
	}
	return b.String()
}
