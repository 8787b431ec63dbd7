package scaffold

import (
	"context"
	"fmt"
	"path"
	"strings"

	"github.com/realtime-hub/hub/hub/schema"
)

// handlerData is what templates of a handler are told.
type handlerData struct {
	channelData

	Inbound string // the message that browsers send
	Handler string // onArticleViewed
	Symbol  string // OnArticleViewed
	// Params fill the channel's descriptor from a delivery.
	Params []param
	// Both: the message goes both ways, and the handler can pass it on.
	Both bool
	// Sample are the fields of a valid inbound message, as Go writes them.
	Sample string
}

type param struct{ Name, Value string }

// NewHandler plans and writes a handler of what browsers send on a channel: the
// inbound option, the handler with its test, and its registration in both
// binders.
func NewHandler(ctx context.Context, p Project, a Addition) (*Report, error) {
	f, err := parseFeature(a.Feature)
	if err != nil {
		return nil, err
	}
	message, err := parseName(a.Name)
	if err != nil {
		return nil, err
	}
	inbound := message
	if a.Message != "" {
		if inbound, err = parseMessage(a.Message); err != nil {
			return nil, err
		}
	}
	mod, dir, before, err := p.surroundings(ctx, f)
	if err != nil {
		return nil, err
	}
	c, err := find(before, f, a.Name, message)
	if err != nil {
		return nil, err
	}
	pl := &plan{root: p.Root}
	proto, err := planInbound(pl, f, c, inbound, a.Message != "")
	if err != nil {
		return nil, err
	}
	after, err := p.load(ctx, pl)
	if err != nil {
		return nil, fmt.Errorf("a hub would not take the channel with its inbound message:\n%w", err)
	}
	c, _ = after.Lookup(c.Name())
	data, err := handlerOf(mod, f, dir, c)
	if err != nil {
		return nil, err
	}
	if err := planHandler(pl, dir, data); err != nil {
		return nil, err
	}
	return p.finish(pl, mod, dir, handlerSteps(dir, data, proto))
}

// find is the channel that the command line means.
func find(channels *schema.Snapshot, f feature, name, message string) (*schema.Channel, error) {
	full := f.protoPackage() + "." + message
	var others []string
	for _, c := range channels.Channels() {
		if string(c.Payload.Name()) == full {
			return c, nil
		}
		if string(c.Payload.Descriptor().ParentFile().Package()) == f.protoPackage() {
			others = append(others, fmt.Sprintf("%s (%s)", c.Name(), c.Payload.Descriptor().Name()))
		}
	}
	there := "the feature has no channel yet"
	if len(others) > 0 {
		there = "the feature has " + strings.Join(others, ", ")
	}
	return nil, fmt.Errorf("no channel is declared by a message %s; %s; make it by `hub new channel %s %s SCOPE`", full, there, f, name)
}

// planInbound lets browsers send. It names the proto to look at.
func planInbound(pl *plan, f feature, c *schema.Channel, inbound string, own bool) (file string, err error) {
	payload := c.Payload.Descriptor()
	if c.Inbound != nil {
		taken := c.Inbound.Message.Descriptor()
		if own && string(taken.Name()) != inbound {
			return "", fmt.Errorf("browsers send %s on %s already (%s/%s); a channel takes one message", taken.Name(), c.Name(), protoDir, taken.ParentFile().Path())
		}
		return path.Join(protoDir, taken.ParentFile().Path()), nil
	}
	if inbound != string(payload.Name()) {
		if taken := payload.ParentFile().Messages().ByName(payload.Name()); taken == nil {
			return "", fmt.Errorf("%s is nested in another message; give it its inbound message by hand", payload.FullName())
		}
		messages, err := importOf(payload.ParentFile().Options(), payload.ParentFile().Path())
		if err != nil {
			return "", err
		}
		data := channelData{ProtoPackage: f.protoPackage(), Messages: messages, Message: inbound, Declared: c.Name()}
		text, err := render("inbound.proto", data)
		if err != nil {
			return "", err
		}
		return f.proto(inbound), pl.whole(f.proto(inbound), text)
	}
	file = path.Join(protoDir, payload.ParentFile().Path())
	return file, pl.edit(file, func(have []byte) ([]byte, error) {
		if have == nil {
			return nil, fmt.Errorf("%s is not below %s; add the line `%s` to the message by hand", payload.ParentFile().Path(), protoDir, inboundOption)
		}
		return addInbound(file, have, string(payload.Name()))
	})
}

// handlerOf is what there is to know once browsers may send.
func handlerOf(mod module, f feature, dir string, c *schema.Channel) (handlerData, error) {
	if c == nil || c.Inbound == nil { // a file that was kept does not declare it
		return handlerData{}, fmt.Errorf("the file of the inbound message is there already, and declares none for the channel; "+
			"write `option (hub.v1.inbound) = {channel: …};` into it, or take another --message than one of %s", f.protoPackage())
	}
	taken, payload := c.Inbound.Message.Descriptor(), c.Payload.Descriptor()
	messages, err := importOf(taken.ParentFile().Options(), taken.ParentFile().Path())
	if err != nil {
		return handlerData{}, err
	}
	d := handlerData{
		channelData: channelData{
			Feature: string(f), Package: f.goPackage(), ProtoPackage: f.protoPackage(), FeatureImport: featureImport(mod, f, dir),
			Messages: messages, Message: string(payload.Name()), Declared: c.Name(),
		},
		Inbound: string(taken.Name()),
		Both:    taken.FullName() == payload.FullName(),
	}
	d.Symbol = "On" + d.Inbound
	d.Handler = "on" + d.Inbound
	for _, name := range c.Template.Params() {
		value := name + "_42"
		if s := scopeOf(c.Options.GetScope()); s.Param == name {
			value = "user_42"
		}
		d.Params = append(d.Params, param{name, value})
	}
	// A message that still has the field it was made with has a valid sample; what
	// has become of others only their owner knows.
	if _, err := c.Inbound.Message.FromJSON([]byte(`{"text":"Hello"}`)); err == nil {
		d.Sample = `Text: "Hello"`
	}
	return d, nil
}

func planHandler(pl *plan, dir string, d handlerData) error {
	if err := anchorsHold(pl, dir); err != nil {
		return err
	}
	file := snake(d.Inbound)
	for _, tail := range []string{".go", "_internal_test.go"} {
		text, err := render("handler"+tail, d)
		if err != nil {
			return err
		}
		if err := pl.whole(path.Join(dir, file+tail), text); err != nil {
			return err
		}
	}
	at, err := declares(pl.at(dir), d.Handler)
	if err != nil {
		return err
	}
	if at != "" && at != file+".go" {
		return fmt.Errorf("%s declares %s already; give the inbound message another name by --message", path.Join(dir, at), d.Handler)
	}
	if err := planSymbol(pl, dir, d); err != nil {
		return err
	}
	for _, binder := range []string{productionFile, developmentFile} {
		name := path.Join(dir, binder)
		if err := pl.edit(name, func(have []byte) ([]byte, error) { return d.register(name, have) }); err != nil {
			return err
		}
	}
	return nil
}

func anchorsHold(pl *plan, dir string) error {
	mistakes, err := guardFeature(pl.at(dir))
	if err != nil {
		return err
	}
	have, err := pl.read(path.Join(dir, channelsFile))
	switch {
	case err != nil:
		return err
	case len(mistakes) > 0:
		return fmt.Errorf("%s", strings.ReplaceAll(strings.Join(mistakes, "\n"), pl.at(dir), dir))
	case have == nil:
		return fmt.Errorf("%s is not a feature yet; `hub new channel` makes its files", dir)
	}
	return nil
}

func planSymbol(pl *plan, dir string, d handlerData) error {
	at, err := declares(pl.at(dir), d.Symbol)
	if err != nil {
		return err
	}
	if at != "" && at != symbolsFile {
		return fmt.Errorf("%s declares %s already, which the handler's name would be called", path.Join(dir, at), d.Symbol)
	}
	name := path.Join(dir, symbolsFile)
	return pl.edit(name, func(have []byte) ([]byte, error) {
		if at != "" {
			return have, nil
		}
		s := &goSource{name: name, source: have}
		err := s.add(fmt.Sprintf("%s = %q", d.Symbol, d.Feature+"."+d.Handler))
		return s.source, err
	})
}

// register adds the handler to a binder, unless the channel has one there.
func (d handlerData) register(name string, have []byte) ([]byte, error) {
	s := &goSource{name: name, source: have}
	there, err := s.registers(d.Message + "Inbound")
	if err != nil || there {
		return have, err
	}
	alias, err := s.imported(d.Messages)
	if err != nil {
		return nil, err
	}
	sdk, err := s.imported(goImport{Alias: "hub", Path: "github.com/realtime-hub/hub/sdk/go"})
	if err != nil {
		return nil, err
	}
	err = s.add(fmt.Sprintf("%s.Handle(%s.%sInbound, %s(b)),", sdk, alias, d.Message, d.Handler))
	return s.source, err
}

func handlerSteps(dir string, d handlerData, proto string) []string {
	file := snake(d.Inbound)
	return []string{
		"say what browsers may send, and its rules, in " + proto,
		"buf generate && go mod tidy",
		fmt.Sprintf("write %s in %s, and what it promises in %s", d.Handler, path.Join(dir, file+".go"), file+"_internal_test.go"),
		fmt.Sprintf("give it what it needs, in %s and %s", productionFile, developmentFile),
	}
}
