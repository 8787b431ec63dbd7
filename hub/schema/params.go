package schema

import (
	"fmt"
	"maps"
	"slices"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/realtime-hub/hub/hub/channel"
	"github.com/realtime-hub/hub/hub/internal/fault"
)

// params holds a channel's params to their rules: a message that nobody
// declared, with a string field for each param that has rules, named after it.
type params struct {
	desc  protoreflect.MessageDescriptor
	place map[string]Problem // by param, where its rules stand
}

// paramMessages gives each channel with rules for params its message, and
// returns these.
func paramMessages(channels []*Channel, files *protoregistry.Files) ([]protoreflect.MessageDescriptor, error) {
	file := &descriptorpb.FileDescriptorProto{
		// Outside of every registry, so that the names cannot be taken.
		Name: new("hub/params.proto"), Package: new("hub.params"), Syntax: new("proto3"),
	}
	var with []*Channel
	for _, c := range channels {
		if len(c.Options.GetParams()) > 0 {
			file.MessageType = append(file.MessageType, paramMessage(fmt.Sprintf("Params%d", len(with)), c.Options.GetParams()))
			with = append(with, c)
		}
	}
	built, err := protodesc.NewFile(file, files)
	if err != nil {
		return nil, fmt.Errorf("params: %w", err)
	}
	out := make([]protoreflect.MessageDescriptor, 0, len(with))
	for i, c := range with {
		desc := built.Messages().Get(i)
		c.params = &params{desc: desc, place: map[string]Problem{}}
		for param := range c.Options.GetParams() {
			p := c.place
			p.Option = channelOption().text(fmt.Sprintf("params[%q]", param))
			c.params.place[param] = p
		}
		out = append(out, desc)
	}
	return out, nil
}

func paramMessage(name string, rules map[string]*validate.StringRules) *descriptorpb.DescriptorProto {
	m := &descriptorpb.DescriptorProto{Name: new(name)}
	for i, param := range sortedKeys(rules) {
		options := &descriptorpb.FieldOptions{}
		proto.SetExtension(options, validate.E_Field, validate.FieldRules_builder{String: clone(rules[param])}.Build())
		m.Field = append(m.Field, &descriptorpb.FieldDescriptorProto{
			Name: new(param), Number: new(int32(i + 1)), Options: options,
			// The params a_b and a__b would have one JSON name otherwise.
			JsonName: new(param),
			Type:     descriptorpb.FieldDescriptorProto_TYPE_STRING.Enum(),
			Label:    descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(),
		})
	}
	return m
}

// check reports rules that do not compile.
func (p *params) check(validator protovalidate.Validator, found *collector) {
	for i := range p.desc.Fields().Len() {
		field := p.desc.Fields().Get(i)
		err := compiled(validator.Validate(dynamicpb.NewMessage(p.desc), protovalidate.WithFilter(protovalidate.FilterFunc(
			func(_ protoreflect.Message, asked protoreflect.Descriptor) bool { return asked == field },
		))))
		if err != nil {
			found.add(with(p.place[string(field.Name())], rulesText(err)))
		}
	}
}

// validate holds the values to the rules, decoded.
func (p *params) validate(validator protovalidate.Validator, values channel.Params) error {
	m := dynamicpb.NewMessage(p.desc)
	for i := range p.desc.Fields().Len() {
		field := p.desc.Fields().Get(i)
		m.Set(field, protoreflect.ValueOfString(values[string(field.Name())]))
	}
	violations, err := judge(validator, m)
	if err != nil {
		return fault.Wrap(err, fault.ChannelNameInvalid, "a rule of the channel's params could not be evaluated on this name")
	}
	if len(violations) > 0 {
		return fault.Invalid(fault.ChannelNameInvalid, violations)
	}
	return nil
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
