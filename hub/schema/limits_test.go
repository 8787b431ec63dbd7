package schema_test

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/realtime-hub/hub/hub/internal/fault"
	"github.com/realtime-hub/hub/hub/schema"
)

func TestSetsHaveBounds(t *testing.T) {
	two := own(t, declare("A", "a.a")+declare("B", "a.b"))
	size := proto.Size(two)
	set := func(files ...*descriptorpb.FileDescriptorProto) *descriptorpb.FileDescriptorSet {
		return &descriptorpb.FileDescriptorSet{File: files}
	}
	name := func(n int) *string { return new(strings.Repeat("n", n)) }
	for _, row := range []struct {
		name string
		cfg  schema.Config
		set  *descriptorpb.FileDescriptorSet
		want string
	}{
		{"bytes", schema.Config{MaxSetBytes: size - 1}, two, fmt.Sprintf("the set has %d bytes; at most %d are allowed", size, size-1)},
		{"files", schema.Config{MaxSetFiles: 1}, set(two.GetFile()[0], two.GetFile()[0]), "the set has 2 files; at most 1 are allowed"},
		{"messages", schema.Config{MaxSetMessages: 1}, two, "the set has 2 messages and enums; at most 1 are allowed"},
		{"fields", schema.Config{MaxSetFields: 1}, two, "the set has 2 fields and enum values; at most 1 are allowed"},
		{"channels", schema.Config{MaxSetChannels: 1}, two, "the set declares 2 channels; at most 1 are allowed"},
		{"depth", schema.Config{}, set(nested(33)), "the set nests messages deeper than 32 levels"},
		{"a package", schema.Config{}, set(&descriptorpb.FileDescriptorProto{Name: new("x"), Package: name(511), MessageType: []*descriptorpb.DescriptorProto{{Name: name(1)}}}), "the set has a full name of 513 bytes; at most 512 are allowed"},
		{"a package of enums", schema.Config{}, set(&descriptorpb.FileDescriptorProto{Name: new("x"), Package: name(511), EnumType: []*descriptorpb.EnumDescriptorProto{{Name: name(1)}}}), "the set has a full name of 513 bytes; at most 512 are allowed"},
		{"a package of services", schema.Config{}, set(&descriptorpb.FileDescriptorProto{Name: new("x"), Package: name(511), Service: []*descriptorpb.ServiceDescriptorProto{{Name: name(1)}}}), "the set has a full name of 513 bytes; at most 512 are allowed"},
		{"public imports", schema.Config{}, set(fibonacci(40)...), `the set has more than 10000 paths of public imports from `},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := schema.New(row.cfg).Register(t.Context(), "blog", row.set, nil, false)
			if !fault.Is(err, fault.SchemaInvalid) || !strings.HasPrefix(fault.Of(err).Message, row.want) {
				t.Errorf("it says %v, not %s", err, row.want)
			}
		})
	}
	// At the bounds it is still taken.
	cfg := schema.Config{MaxSetBytes: size, MaxSetFiles: 1, MaxSetMessages: 2, MaxSetFields: 2, MaxSetChannels: 2}
	if _, err := schema.New(cfg).Register(t.Context(), "blog", two, nil, false); err != nil {
		t.Error(err)
	}
}

func nested(depth int) *descriptorpb.FileDescriptorProto {
	var m *descriptorpb.DescriptorProto
	for range depth {
		outer := &descriptorpb.DescriptorProto{Name: new("M")}
		if m != nil {
			outer.NestedType = []*descriptorpb.DescriptorProto{m}
		}
		m = outer
	}
	return &descriptorpb.FileDescriptorProto{Name: new("x"), MessageType: []*descriptorpb.DescriptorProto{m}}
}

// fibonacci are files that each import the two before them publicly: as many
// paths as the numbers' sum.
func fibonacci(n int) []*descriptorpb.FileDescriptorProto {
	var files []*descriptorpb.FileDescriptorProto
	for i := range n {
		file := &descriptorpb.FileDescriptorProto{Name: new(fmt.Sprint(i))}
		for back := range min(i, 2) {
			file.Dependency = append(file.Dependency, fmt.Sprint(i-1-back))
			file.PublicDependency = append(file.PublicDependency, int32(back))
		}
		files = append(files, file)
	}
	return files
}
