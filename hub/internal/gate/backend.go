package gate

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
)

const (
	// minServiceTokenBytes keeps a token from being guessed over the network.
	minServiceTokenBytes = 16
	maxNameBytes         = 128
	maxSANBytes          = 255
)

// ServiceToken is a backend's bearer token.
type ServiceToken struct {
	// Name is who; several tokens may share one, so that they can be rotated. Required.
	Name string
	// Token is the secret: at least 16 bytes of what a header can carry. Required.
	Token string `json:"-"`
	// Allow is what it may do. Required.
	Allow []Right
	// Channels are declared names, or a prefix and `*`, as `blog.*`; `*` is
	// all. Default: none.
	Channels []string
}

// ServiceClient is a backend known by its certificate.
type ServiceClient struct {
	// Name is who, as in ServiceToken. Required.
	Name string
	// SAN is the subject alternative name: a DNS name, or a URI, which has a
	// colon. It is compared exactly. Required.
	SAN string
	// Allow is what it may do. Required.
	Allow []Right
	// Channels are as in ServiceToken. Default: none.
	Channels []string
}

// backends is who may call.
type backends struct {
	tokens  []serviceToken
	clients []serviceClient
}

// serviceToken keeps the hash alone: a dump of the hub's memory or a stray log
// line has no token in it.
type serviceToken struct {
	sum    [sha256.Size]byte
	caller *Caller
}

type serviceClient struct {
	san    string
	caller *Caller
}

// newBackends reports every mistake. A token is named by its place and name.
func newBackends(tokens []ServiceToken, clients []ServiceClient) (backends, error) {
	var out backends
	var errs []error
	places := make(map[[sha256.Size]byte]int, len(tokens))
	for i, t := range tokens {
		sum := sha256.Sum256([]byte(t.Token))
		caller, err := newCaller(t.Name, t.Allow, t.Channels)
		first, again := places[sum]
		switch {
		case err != nil:
		case len(t.Token) < minServiceTokenBytes:
			err = fmt.Errorf("the token has %d bytes; at least %d are needed (openssl rand -hex 32)", len(t.Token), minServiceTokenBytes)
		case strings.ContainsFunc(t.Token, unsendable):
			err = errors.New("the token has white space or characters beyond ASCII, which an authorization header cannot carry")
		case again:
			// Which of the two would hold is a guess; with different rights it
			// would be a dangerous one.
			err = fmt.Errorf("the token is that of grpc.tokens[%d]; give each its own", first)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("grpc.tokens[%d] (%q): %w", i, t.Name, err))
			continue
		}
		places[sum] = i
		out.tokens = append(out.tokens, serviceToken{sum: sum, caller: caller})
	}
	for i, c := range clients {
		caller, err := newCaller(c.Name, c.Allow, c.Channels)
		switch {
		case err != nil:
		case c.SAN == "" || len(c.SAN) > maxSANBytes:
			err = fmt.Errorf("san: the certificate's name needs 1 to %d bytes", maxSANBytes)
		case slices.ContainsFunc(out.clients, func(other serviceClient) bool { return other.san == c.SAN }):
			err = fmt.Errorf("san: another client has %q too; only the first would hold", c.SAN)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("grpc.clients[%d] (%q): %w", i, c.Name, err))
			continue
		}
		out.clients = append(out.clients, serviceClient{san: c.SAN, caller: caller})
	}
	return out, errors.Join(errs...)
}

// unsendable tells what is not a visible ASCII character.
func unsendable(r rune) bool { return r <= ' ' || r > '~' }

// channelPattern is hub.config.v1's: a declared name, a prefix and `.*`, or `*`.
var channelPattern = regexp.MustCompile(`^(\*|[a-z0-9_-]+(\.[a-z0-9_{}-]+)*(\.\*)?)$`)

func newCaller(name string, allow []Right, channels []string) (*Caller, error) {
	if name == "" || len(name) > maxNameBytes {
		return nil, fmt.Errorf("name: needs 1 to %d bytes", maxNameBytes)
	}
	if len(allow) == 0 {
		return nil, errors.New("allow: at least one right is needed")
	}
	caller := &Caller{name: name, channels: slices.Clone(channels)}
	for _, right := range allow {
		if !right.known() {
			return nil, fmt.Errorf("allow: %v is no right", right)
		}
		caller.rights |= 1 << right
	}
	for _, pattern := range channels {
		if !channelPattern.MatchString(pattern) {
			return nil, fmt.Errorf("channels: %q is neither a declared name, as blog.article.feed, nor a prefix, as blog.*, nor *", pattern)
		}
	}
	return caller, nil
}

// Format hides the token from every verb of fmt.
func (t ServiceToken) Format(f fmt.State, _ rune) { hide(f, "service token of "+t.Name) }

// LogValue hides the token from log/slog.
func (t ServiceToken) LogValue() slog.Value {
	return slog.StringValue("[service token of " + t.Name + "]")
}
