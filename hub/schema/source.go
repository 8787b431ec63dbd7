package schema

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/fault"
)

// source is what one owner declares, compiled. It is immutable.
type source struct {
	owner    string
	channels []*Channel           // by name
	files    *protoregistry.Files // the hub's own included
}

func (s *source) lookup(declared string) *Channel {
	if s == nil {
		return nil
	}
	i, ok := slices.BinarySearchFunc(s.channels, declared, func(c *Channel, name string) int { return strings.Compare(c.Name(), name) })
	if !ok {
		return nil
	}
	return s.channels[i]
}

func (s *source) list() []*Channel {
	if s == nil {
		return nil
	}
	return s.channels
}

// compile makes a source of a set. All problems are told at once, but those of
// files alone: without its files nothing can be said of a declaration.
func (l *linked) compile(ctx context.Context, cfg Config, owner string, set *descriptorpb.FileDescriptorSet) (*source, error) {
	set, err := l.decode(set)
	if err != nil {
		return nil, fault.Wrap(err, fault.SchemaInvalid, "the set is not a valid FileDescriptorSet: "+oneLine(cleanProto(err.Error())))
	}
	var found collector
	files, built, err := l.link(ctx, set, &found)
	if err != nil {
		return nil, err
	}
	checkPredefined(built, &found)
	if err := found.err(fault.SchemaInvalid); err != nil {
		return nil, err
	}

	d := &declarations{own: l, found: &found, refused: map[string]bool{}}
	for _, file := range built {
		d.messages(file.Messages())
	}
	channels := d.pair()
	shared := &rules{types: dynamicpb.NewTypes(files), limit: cfg.MaxPayloadBytes, sizes: map[protoreflect.FullName]int{}}
	for _, file := range built {
		shared.measure(file.Messages())
	}
	s := &source{owner: owner, files: files}
	for _, c := range channels {
		s.channels = append(s.channels, c.build(owner, shared))
	}
	if err := shared.compile(ctx, s.channels, files, &found); err != nil {
		return nil, err
	}
	if err := found.err(fault.SchemaInvalid); err != nil {
		return nil, err
	}
	fingerprints(s.channels, built)
	return s, nil
}

// declared is one message with options of the hub's.
type declared struct {
	message protoreflect.MessageDescriptor
	channel *hubv1.ChannelOptions // nil: none
	inbound *hubv1.InboundOptions // nil: none
}

// at is the place of a mistake in one of the message's options.
func (d declared) at(option optionName, field string) Problem {
	return Problem{
		File: d.message.ParentFile().Path(), Line: optionLine(d.message, option, field),
		Message: string(d.message.FullName()), Option: option.text(field),
	}
}

// String names the message and its file, for the other side of a conflict.
func (d declared) String() string {
	return fmt.Sprintf("message %s (%s)", d.message.FullName(), d.message.ParentFile().Path())
}
