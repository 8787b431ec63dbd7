package main

import (
	"context"
	"strings"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// comments are what a file's comments say, by full name. Linked-in descriptors
// have none, so the source is read.
func comments(path string) (map[protoreflect.FullName]string, error) {
	compiler := &protocompile.Compiler{
		Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{
			ImportPaths: []string{"proto", "third_party/protovalidate"},
		}),
		SourceInfoMode: protocompile.SourceInfoStandard,
	}
	files, err := compiler.Compile(context.Background(), path)
	if err != nil {
		return nil, err
	}
	said := map[protoreflect.FullName]string{}
	every(files[0], func(d protoreflect.Descriptor) {
		text := d.ParentFile().SourceLocations().ByDescriptor(d).LeadingComments
		said[d.FullName()] = strings.Join(strings.Fields(text), " ")
	})
	return said, nil
}

// every visits all that a file declares. An enum's values are named beside it,
// not in it.
func every(file protoreflect.FileDescriptor, visit func(protoreflect.Descriptor)) {
	each(file.Extensions(), func(d protoreflect.ExtensionDescriptor) { visit(d) })
	each(file.Enums(), func(d protoreflect.EnumDescriptor) { everyValue(d, visit) })
	each(file.Messages(), func(d protoreflect.MessageDescriptor) { everyField(d, visit) })
	each(file.Services(), func(d protoreflect.ServiceDescriptor) {
		visit(d)
		each(d.Methods(), func(d protoreflect.MethodDescriptor) { visit(d) })
	})
}

func everyField(message protoreflect.MessageDescriptor, visit func(protoreflect.Descriptor)) {
	visit(message)
	each(message.Fields(), func(d protoreflect.FieldDescriptor) { visit(d) })
	each(message.Oneofs(), func(d protoreflect.OneofDescriptor) { visit(d) })
	each(message.Enums(), func(d protoreflect.EnumDescriptor) { everyValue(d, visit) })
	each(message.Messages(), func(d protoreflect.MessageDescriptor) { everyField(d, visit) })
}

func everyValue(enum protoreflect.EnumDescriptor, visit func(protoreflect.Descriptor)) {
	visit(enum)
	each(enum.Values(), func(d protoreflect.EnumValueDescriptor) { visit(d) })
}

func each[D any](list interface {
	Len() int
	Get(i int) D
}, visit func(D),
) {
	for i := range list.Len() {
		visit(list.Get(i))
	}
}
