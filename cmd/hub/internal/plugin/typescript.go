package plugin

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/pluginpb"

	"github.com/realtime-hub/hub/hub/schema"
)

// TypeScript makes a file of types for each proto file, in which nothing runs,
// and for each directory with channels one of events for socket.io-client, types
// too, and one of descriptors for the hub's client, the only one with an import
// that stays. A directory's channels are together because what is sent on a
// channel may be declared in another file than the channel.
//
// Types come of every message, with channels or without: which ones a channel
// of another directory needs a request does not tell.
//
// Options: client, the module of channel() and template(), or none; and
// import_extension, js, ts or none.
func TypeScript(r *request) (*pluginpb.CodeGeneratorResponse, error) {
	g := &tsGenerator{request: r, client: "@realtime-hub/client", extension: ".js"}
	if err := g.options(r.raw.GetParameter()); err != nil {
		return nil, err
	}
	var err error
	if g.validator, err = protovalidate.New(protovalidate.WithExtensionTypeResolver(dynamicpb.NewTypes(r.set.Files))); err != nil {
		return nil, err
	}
	for _, name := range r.raw.GetFileToGenerate() {
		file, err := r.set.Files.FindFileByPath(name)
		if err != nil {
			return nil, err
		}
		if err := g.file(file); err != nil {
			return nil, err
		}
	}
	if err := g.directories(); err != nil {
		return nil, err
	}
	return &pluginpb.CodeGeneratorResponse{File: g.files}, g.collisions.err()
}

type tsGenerator struct {
	*request
	collisions

	// client is the module of the hub's client; empty: no descriptors.
	client string
	// extension ends the path of an import.
	extension string
	// validator tells which fields cannot be left out.
	validator protovalidate.Validator
	files     []*pluginpb.CodeGeneratorResponse_File
}

func (g *tsGenerator) options(parameter string) error {
	for option := range strings.SplitSeq(parameter, ",") {
		name, value, _ := strings.Cut(option, "=")
		switch name {
		case "":
		case "client":
			if value == "" || strings.ContainsAny(value, "\"\\\n") {
				return fmt.Errorf("client=%s is no module; name one, as client=@realtime-hub/client, or client=none", value)
			}
			g.client = strings.TrimPrefix(value, "none")
		case "import_extension":
			extension, ok := map[string]string{"js": ".js", "ts": ".ts", "none": ""}[value]
			if !ok {
				return fmt.Errorf("import_extension=%s is not known; it is js, ts or none", value)
			}
			g.extension = extension
		default:
			return fmt.Errorf("there is no option %q; hub plugin ts takes client and import_extension", name)
		}
	}
	return nil
}

// file writes the types of a proto file.
func (g *tsGenerator) file(file protoreflect.FileDescriptor) error {
	m := newModule(g, typesPath(file))
	messages, enums := tsMessages(file.Messages()), tsEnums(file.Enums())
	for _, message := range messages {
		enums = append(enums, tsEnums(message.Enums())...)
	}
	g.declare(m, messages, enums)
	for _, enum := range enums {
		m.enum(enum)
	}
	for _, message := range messages {
		if err := m.message(message); err != nil {
			return err
		}
		if c := g.channels[message.FullName()]; c != nil {
			m.p()
			m.doc(0, append([]string{"The name of the channel of " + tsName(message) + "."}, list(channelFacts(c))...)...)
			m.p("export type ", tsName(message), "ChannelName = ", tsChannelName(c), ";")
		}
	}
	g.write(m, "// source: "+file.Path())
	return nil
}

// declare notes the names that the module has of its own.
func (g *tsGenerator) declare(m *module, messages []protoreflect.MessageDescriptor, enums []protoreflect.EnumDescriptor) {
	taken := map[string]string{}
	take := func(d protoreflect.Descriptor, what, suffix string) {
		name := tsName(d) + suffix
		if other, ok := taken[name]; ok {
			g.refuse(d, what, name, other)
		}
		taken[name] = what + " of " + described(d)
	}
	for _, enum := range enums {
		take(enum, "the type", "")
	}
	for _, message := range messages {
		take(message, "the type", "")
	}
	for _, message := range messages {
		take(message, "the type of what browsers send", "Input")
		if g.channels[message.FullName()] != nil {
			take(message, "the type of the channel's name", "ChannelName")
		}
	}
	for name := range taken {
		m.taken[name] = true
	}
}

func (g *tsGenerator) write(m *module, header string, imports ...string) {
	g.files = append(g.files, &pluginpb.CodeGeneratorResponse_File{Name: new(m.path + ".ts"), Content: new(m.text(header, imports...))})
}

// directories writes what is for all channels of a directory.
func (g *tsGenerator) directories() error {
	byDirectory := map[string][]*schema.Channel{}
	for _, c := range g.set.Channels {
		if slices.Contains(g.raw.GetFileToGenerate(), c.File) {
			byDirectory[path.Dir(c.File)] = append(byDirectory[path.Dir(c.File)], c)
		}
	}
	for _, dir := range sortedKeys(byDirectory) {
		if err := g.events(dir, byDirectory[dir]); err != nil {
			return err
		}
		if g.client != "" {
			g.descriptors(dir, byDirectory[dir])
		}
	}
	return nil
}

// tsMessages are the messages with those nested in them, without the entries of maps.
func tsMessages(list protoreflect.MessageDescriptors) []protoreflect.MessageDescriptor {
	var out []protoreflect.MessageDescriptor
	for i := range list.Len() {
		if m := list.Get(i); !m.IsMapEntry() {
			out = append(append(out, m), tsMessages(m.Messages())...)
		}
	}
	return out
}

func tsEnums(list protoreflect.EnumDescriptors) []protoreflect.EnumDescriptor {
	out := make([]protoreflect.EnumDescriptor, list.Len())
	for i := range out {
		out[i] = list.Get(i)
	}
	return out
}
