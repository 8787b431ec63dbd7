// Package plugin makes code of declared channels: descriptors for Go backends,
// and types and descriptors for TypeScript. It is the other end of `buf
// generate` and protoc: a CodeGeneratorRequest comes in, a
// CodeGeneratorResponse goes out.
//
// What a request declares is read by hub/schema, and so held to all that a hub
// holds it to when it loads: a mistake fails the generation with its file,
// message and option. Options are never looked up in the global registry.
//
// Names are made of the proto messages' names by rule, in go.go and in
// ts_names.go. Where two things would have one name the generation fails and
// says which to rename: a name that is made up would change with its
// neighbours.
//
// What comes out depends on the request alone, so that generated code can be
// compared.
package plugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"

	"github.com/realtime-hub/hub/hub/schema"
)

// A Language makes the files of a request.
type Language func(r *request) (*pluginpb.CodeGeneratorResponse, error)

// What is understood of protobuf: as protoc-gen-go.
const (
	features = uint64(pluginpb.CodeGeneratorResponse_FEATURE_PROTO3_OPTIONAL | pluginpb.CodeGeneratorResponse_FEATURE_SUPPORTS_EDITIONS)

	minEdition = descriptorpb.Edition_EDITION_PROTO2
	maxEdition = descriptorpb.Edition_EDITION_2024
)

// Run answers the request that it reads. What is wrong with the protos is part
// of the answer, for buf to tell; an error is that there was no request, or
// that the answer could not be written.
func Run(ctx context.Context, in io.Reader, out io.Writer, language Language) error {
	data, err := io.ReadAll(in)
	if err != nil {
		return fmt.Errorf("read the request: %w", err)
	}
	request := &pluginpb.CodeGeneratorRequest{}
	// Options stay as bytes; hub/schema decodes them.
	err = proto.UnmarshalOptions{Resolver: (*protoregistry.Types)(nil)}.Unmarshal(data, request)
	if err != nil || len(request.GetFileToGenerate()) == 0 {
		return errors.New("standard input is no request of buf or protoc: this command is run by them, see its --help")
	}
	response, err := answer(ctx, request, language)
	if err != nil {
		response = &pluginpb.CodeGeneratorResponse{Error: new(err.Error())}
	}
	response.SupportedFeatures = new(features)
	response.MinimumEdition = new(int32(minEdition))
	response.MaximumEdition = new(int32(maxEdition))
	if data, err = (proto.MarshalOptions{Deterministic: true}).Marshal(response); err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	if _, err = out.Write(data); err != nil {
		return fmt.Errorf("write the answer: %w", err)
	}
	return nil
}

func answer(ctx context.Context, raw *pluginpb.CodeGeneratorRequest, language Language) (*pluginpb.CodeGeneratorResponse, error) {
	set, err := schema.Read(ctx, &descriptorpb.FileDescriptorSet{File: raw.GetProtoFile()})
	if err != nil {
		return nil, withHint(err)
	}
	r := &request{
		raw: raw, set: set,
		channels: map[protoreflect.FullName]*schema.Channel{}, inbound: map[protoreflect.FullName]*schema.Channel{},
	}
	for _, c := range set.Channels {
		r.channels[c.Payload.Name()] = c
		if c.Inbound != nil {
			r.inbound[c.Inbound.Message.Name()] = c
		}
	}
	return language(r)
}

// withHint says what may be the reason where a channel is not there: protoc
// was called with some files of the package.
func withHint(err error) error {
	problems, ok := errors.AsType[*schema.Problems](err)
	if !ok {
		return err
	}
	for _, p := range problems.List {
		if strings.HasSuffix(p.Option, "(hub.v1.inbound).channel") {
			return fmt.Errorf("%w\n(All files of a proto package go into one call of the plugin. With buf that is so.)", err)
		}
	}
	return err
}

// request is what is to be generated, read.
type request struct {
	raw *pluginpb.CodeGeneratorRequest
	set *schema.Set
	// channels are by their payload, inbound by what browsers send.
	channels, inbound map[protoreflect.FullName]*schema.Channel
}

// collisions gathers names that would be there twice; the zero value works.
type collisions struct{ list []error }

// refuse reports that what is made of d would have the name of something else.
func (c *collisions) refuse(d protoreflect.Descriptor, made, name, taken string) {
	c.list = append(c.list, errors.New(schema.Problem{
		File: d.ParentFile().Path(), Line: lineOf(d), Message: string(d.FullName()),
		Text: fmt.Sprintf("%s would be called %s, as %s is; rename one of the two", made, name, taken),
	}.String()))
}

func (c *collisions) err() error { return errors.Join(c.list...) }

func lineOf(d protoreflect.Descriptor) int {
	if place := d.ParentFile().SourceLocations().ByDescriptor(d); place.Path != nil {
		return place.StartLine + 1
	}
	return 0
}

// described names a descriptor for a person: `message blog.v1.Article`.
func described(d protoreflect.Descriptor) string {
	kind := "a declaration"
	switch d.(type) {
	case protoreflect.MessageDescriptor:
		kind = "message"
	case protoreflect.EnumDescriptor:
		kind = "enum"
	case protoreflect.EnumValueDescriptor:
		kind = "enum value"
	case protoreflect.FieldDescriptor:
		kind = "field"
	}
	return fmt.Sprintf("%s %s (%s)", kind, d.FullName(), d.ParentFile().Path())
}
