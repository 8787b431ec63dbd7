package schema_test

import (
	"testing"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/protoutil"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
)

// compiled is the set that `buf build` would make of the files: with all
// imports, those of the hub included, and without the types of extensions.
func compiled(t testing.TB, files map[string]string) *descriptorpb.FileDescriptorSet {
	t.Helper()
	sources := &protocompile.SourceResolver{Accessor: protocompile.SourceAccessorFromMap(files)}
	linked := protocompile.ResolverFunc(func(path string) (protocompile.SearchResult, error) {
		file, err := protoregistry.GlobalFiles.FindFileByPath(path)
		return protocompile.SearchResult{Desc: file}, err
	})
	compiler := protocompile.Compiler{Resolver: protocompile.CompositeResolver{sources, linked}}
	var names []string
	for name := range files {
		names = append(names, name)
	}
	built, err := compiler.Compile(t.Context(), names...)
	if err != nil {
		t.Fatal(err)
	}
	set := &descriptorpb.FileDescriptorSet{}
	seen := map[string]bool{}
	var add func(protoreflect.FileDescriptor)
	add = func(file protoreflect.FileDescriptor) {
		if seen[file.Path()] {
			return
		}
		seen[file.Path()] = true
		for i := range file.Imports().Len() {
			add(file.Imports().Get(i).FileDescriptor)
		}
		set.File = append(set.File, protoutil.ProtoFromFileDescriptor(file))
	}
	for _, file := range built {
		add(file)
	}
	return raw(t, set)
}

// raw is the set as it comes from the wire, for a reader that knows no options.
func raw(t testing.TB, set *descriptorpb.FileDescriptorSet) *descriptorpb.FileDescriptorSet {
	t.Helper()
	out := &descriptorpb.FileDescriptorSet{}
	if err := (proto.UnmarshalOptions{Resolver: (*protoregistry.Types)(nil)}).Unmarshal(bytesOf(t, set), out); err != nil {
		t.Fatal(err)
	}
	return out
}

func bytesOf(t testing.TB, m proto.Message) []byte {
	t.Helper()
	data, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// own is a set of one file with the head and the text, without the imports
// that the hub brings itself.
func own(t testing.TB, text string) *descriptorpb.FileDescriptorSet {
	t.Helper()
	set := compiled(t, map[string]string{"t/v1/t.proto": head + text})
	return &descriptorpb.FileDescriptorSet{File: set.GetFile()[len(set.GetFile())-1:]}
}

func linkedProto(t testing.TB, path string) *descriptorpb.FileDescriptorProto {
	t.Helper()
	file, err := protoregistry.GlobalFiles.FindFileByPath(path)
	if err != nil {
		t.Fatal(err)
	}
	return protodesc.ToFileDescriptorProto(file)
}

// declare is a message that declares a public channel.
func declare(message, name string) string {
	return "message " + message + ` { option (hub.v1.channel) = { name: "` + name + `" scope: { public: {} } }; string text = 1; }` + "\n"
}
