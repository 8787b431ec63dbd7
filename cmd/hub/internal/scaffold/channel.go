package scaffold

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
	"unicode"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/schema"
)

// Addition is what `hub new channel` and `hub new handler` are about.
type Addition struct {
	// Feature and Name are as on the command line: blog, article-feed.
	Feature, Name string
	// Scope is a new channel's.
	Scope Scope
	// Message is the one of a new handler that the channel's own is not. Empty:
	// what browsers send is what subscribers receive.
	Message string
}

// channelData is what templates of a channel are told.
type channelData struct {
	Module, Feature, Package, ProtoPackage string // Package is the feature's in Go
	FeatureImport                          string // how tests import it
	Messages                               goImport
	Message, Declared                      string
	Scope                                  string // in the proto's text format
	Args                                   string // of the descriptor, where it is a function: ("user_42")
	HasArgs                                bool
}

// NewChannel plans and writes a channel: its proto, its descriptor in the
// feature's channels.go, and its contract test. A feature that is not there yet
// gets its files.
func NewChannel(ctx context.Context, p Project, a Addition) (*Report, error) {
	f, err := parseFeature(a.Feature)
	if err != nil {
		return nil, err
	}
	message, err := parseName(a.Name)
	if err != nil {
		return nil, err
	}
	declared, err := f.declaredName(a.Name, a.Scope)
	if err != nil {
		return nil, err
	}
	scope, err := a.Scope.proto()
	if err != nil {
		return nil, err
	}
	mod, dir, before, err := p.surroundings(ctx, f)
	if err != nil {
		return nil, err
	}
	if err := p.free(before, f, message, declared.String(), a.Scope); err != nil {
		return nil, err
	}
	messages, err := mod.generated(f, before)
	if err != nil {
		return nil, err
	}
	data := channelData{
		Module: mod.path, Feature: string(f), Package: f.goPackage(), ProtoPackage: f.protoPackage(), FeatureImport: featureImport(mod, f, dir),
		Messages: messages, Message: message, Declared: declared.String(), Scope: scope,
	}
	if params := declared.Params(); len(params) > 0 {
		data.Args, data.HasArgs = `("user_42")`, true
	}
	pl := &plan{root: p.Root}
	if err := planChannel(pl, f, dir, data); err != nil {
		return nil, err
	}
	if _, err := p.load(ctx, pl); err != nil {
		return nil, fmt.Errorf("a hub would not take the new channel:\n%w", err)
	}
	return p.finish(pl, mod, dir, channelSteps(f, message))
}

func planChannel(pl *plan, f feature, dir string, data channelData) error {
	proto, err := render("channel.proto", data)
	if err != nil {
		return err
	}
	name := f.proto(data.Message)
	handled, err := addInbound(name, proto, data.Message) // as `hub new handler` leaves it
	if err != nil {
		return err
	}
	if err := pl.whole(name, proto, handled); err != nil {
		return err
	}
	if err := planFeature(pl, dir, data); err != nil {
		return err
	}
	if err := planDescriptor(pl, dir, data); err != nil {
		return err
	}
	test, err := render("contract_test.go", data)
	if err != nil {
		return err
	}
	if err := pl.whole(path.Join(dir, snake(data.Message)+"_contract_test.go"), test); err != nil {
		return err
	}
	return planProtos(pl)
}

// planFeature makes the files of a feature that has none of them yet. Where
// some are there, what is missing is for its owner to put back.
func planFeature(pl *plan, dir string, data channelData) error {
	mistakes, err := guardFeature(pl.at(dir))
	if err != nil {
		return err
	}
	if len(mistakes) > 0 {
		return errors.New(strings.ReplaceAll(strings.Join(mistakes, "\n"), pl.at(dir), dir))
	}
	for _, a := range anchors {
		have, err := pl.read(path.Join(dir, a.file))
		if err != nil {
			return err
		}
		if have != nil {
			continue // to be added to
		}
		text, err := render(a.file, data)
		if err != nil {
			return err
		}
		if err := pl.whole(path.Join(dir, a.file), text); err != nil {
			return err
		}
	}
	text, err := render("feature_test.go", data)
	if err != nil {
		return err
	}
	return pl.whole(path.Join(dir, "feature_test.go"), text)
}

// planDescriptor exports the channel's descriptor by the feature.
func planDescriptor(pl *plan, dir string, data channelData) error {
	at, err := declares(pl.at(dir), data.Message)
	if err != nil {
		return err
	}
	name := path.Join(dir, channelsFile)
	if at == channelsFile { // by an earlier run
		return pl.edit(name, func(have []byte) ([]byte, error) { return have, nil })
	}
	if at != "" {
		return fmt.Errorf("%s declares %s already, which the channel's descriptor would be called; name the channel otherwise", path.Join(dir, at), data.Message)
	}
	return pl.edit(name, func(have []byte) ([]byte, error) {
		s := &goSource{name: name, source: have}
		alias, err := s.imported(data.Messages)
		if err != nil {
			return nil, err
		}
		doc := fmt.Sprintf("// %s is the channel %s.", data.Message, data.Declared)
		if data.HasArgs {
			doc = fmt.Sprintf("// %s makes the channel %s of its param.", data.Message, data.Declared)
		}
		err = s.add(fmt.Sprintf("%s\n%s = %s.%sChannel", doc, data.Message, alias, data.Message))
		return s.source, err
	})
}

// planProtos has hub.yaml name the protos once there are any: a hub refuses a
// folder without.
func planProtos(pl *plan) error {
	have, err := pl.read("hub.yaml")
	if err != nil || have == nil || !strings.Contains(string(have), noChannelsLine) {
		return err
	}
	return pl.edit("hub.yaml", func(have []byte) ([]byte, error) {
		return []byte(strings.Replace(string(have), noChannelsLine, channelsLine, 1)), nil
	})
}

// featureImport names the package where its folder is called otherwise.
func featureImport(mod module, f feature, dir string) string {
	quoted := strconv.Quote(path.Join(mod.path, dir))
	if f.goPackage() == path.Base(dir) {
		return quoted
	}
	return f.goPackage() + " " + quoted
}

// free says whether the name may be given. The same channel by an earlier run is
// no collision.
func (p Project) free(channels *schema.Snapshot, f feature, message, declared string, scope Scope) error {
	full := f.protoPackage() + "." + message
	for _, c := range channels.Channels() {
		switch {
		case c.Name() == declared && string(c.Payload.Name()) == full:
			if have := scopeOf(c.Options.GetScope()); have.String() != scope.String() {
				return fmt.Errorf("%s is there already, with scope %s; change it in %s/%s", declared, have, protoDir, c.File)
			}
		case c.Name() == declared:
			return fmt.Errorf("the channel %s is declared already, by %s in %s; take another name", declared, c.Payload.Name(), c.File)
		case string(c.Payload.Name()) == full:
			return fmt.Errorf("the message %s is there already, for the channel %s in %s; take another name", full, c.Name(), c.File)
		}
	}
	return nil
}

// scopeOf is a declared scope as the command line says it.
func scopeOf(s *hubv1.Scope) Scope {
	switch kind := s.GetKind().(type) {
	case *hubv1.Scope_Public:
		return Scope{kind: "public"}
	case *hubv1.Scope_Authenticated:
		return Scope{kind: "authenticated"}
	case *hubv1.Scope_Role:
		return Scope{kind: "role", Roles: kind.Role.GetAnyOf()}
	case *hubv1.Scope_User:
		return Scope{kind: "user-scoped", Param: kind.User.GetParam()}
	default:
		return Scope{kind: "handler"}
	}
}

// proto is the scope's kind in the text format, as buf formats it.
func (s Scope) proto() (string, error) {
	switch s.kind {
	case "role":
		quoted := make([]string, len(s.Roles))
		for i, role := range s.Roles {
			if strings.ContainsFunc(role, func(r rune) bool { return !unicode.IsPrint(r) }) || strings.ContainsRune(role, unicode.ReplacementChar) {
				return "", fmt.Errorf("the role %q has a character that cannot be printed", role)
			}
			quoted[i] = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(role) + `"`
		}
		list := strings.Join(quoted, ", ")
		if len(quoted) > 1 {
			list = "\n          " + strings.Join(quoted, ",\n          ") + "\n        "
		}
		return "role: {\n        any_of: [" + list + "]\n      }", nil
	case "user-scoped":
		return `user: {param: "` + s.Param + `"}`, nil
	default:
		return s.kind + ": {}", nil
	}
}

// finish writes the plan and says what is left.
func (p Project) finish(pl *plan, mod module, dir string, steps []string) (*Report, error) {
	files, err := pl.carryOut()
	if err != nil {
		return nil, err
	}
	r := &Report{Files: files, Steps: append(mod.steps(), steps...), Verify: "hub check && go vet ./" + dir + " && go test ./" + dir}
	for _, f := range files {
		if f.Path == "hub.yaml" {
			return r, nil
		}
	}
	if !p.servesProtos() {
		r.Steps = append(r.Steps, `add "./proto" to channels in hub.yaml, so that the hub serves them`)
	}
	return r, nil
}

func channelSteps(f feature, message string) []string {
	return []string{
		"say what the channel carries, and its rules, in " + f.proto(message),
		"buf generate && go mod tidy",
		"adapt the contract test's payloads",
	}
}
