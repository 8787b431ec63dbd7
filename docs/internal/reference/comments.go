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
	note := func(d protoreflect.Descriptor) {
		text := d.ParentFile().SourceLocations().ByDescriptor(d).LeadingComments
		said[d.FullName()] = strings.Join(strings.Fields(text), " ")
	}
	for i := range files[0].Messages().Len() {
		message := files[0].Messages().Get(i)
		note(message)
		for j := range message.Fields().Len() {
			note(message.Fields().Get(j))
		}
		for j := range message.Enums().Len() {
			noteEnum(message.Enums().Get(j), note)
		}
	}
	for i := range files[0].Enums().Len() {
		noteEnum(files[0].Enums().Get(i), note)
	}
	return said, nil
}

func noteEnum(enum protoreflect.EnumDescriptor, note func(protoreflect.Descriptor)) {
	note(enum)
	for i := range enum.Values().Len() {
		note(enum.Values().Get(i))
	}
}
