package hubtest

import (
	"context"
	"math"
	"sync"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/schema"
)

// linked are the channels that the program's messages declare. They are
// compiled once for all tests of a package: that takes milliseconds, and what is
// linked in does not change.
//
//nolint:gochecknoglobals // a constant that Go cannot write as one
var linked = sync.OnceValues(func() (*schema.Snapshot, error) {
	// The limits guard a hub from others; here the program itself is judged.
	registry := schema.New(schema.Config{
		MaxSetBytes: math.MaxInt, MaxSetFiles: math.MaxInt, MaxSetMessages: math.MaxInt, MaxSetFields: math.MaxInt, MaxSetChannels: math.MaxInt,
	})
	_, err := registry.Register(context.Background(), "this program", linkedFiles(), nil, false)
	return registry.Snapshot(), err
})

// linkedFiles are the files that declare channels, with their imports.
func linkedFiles() *descriptorpb.FileDescriptorSet {
	// Gathered first: looking into a file may take the lock that Range holds.
	var all []protoreflect.FileDescriptor
	protoregistry.GlobalFiles.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		all = append(all, file)
		return true
	})
	set, added := &descriptorpb.FileDescriptorSet{}, map[string]bool{}
	var add func(file protoreflect.FileDescriptor)
	add = func(file protoreflect.FileDescriptor) {
		if added[file.Path()] || file.IsPlaceholder() {
			return
		}
		added[file.Path()] = true
		for i := range file.Imports().Len() {
			add(file.Imports().Get(i).FileDescriptor)
		}
		set.File = append(set.File, protodesc.ToFileDescriptorProto(file))
	}
	for _, file := range all {
		if declares(file.Messages()) {
			add(file)
		}
	}
	return set
}

// declares tells whether one of the messages, or one nested in them, is said on
// a channel.
func declares(messages protoreflect.MessageDescriptors) bool {
	for i := range messages.Len() {
		m := messages.Get(i)
		if proto.HasExtension(m.Options(), hubv1.E_Channel) || proto.HasExtension(m.Options(), hubv1.E_Inbound) || declares(m.Messages()) {
			return true
		}
	}
	return false
}
