package schema

import (
	"context"

	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
)

// Set is what a FileDescriptorSet declares by itself. It is immutable.
type Set struct {
	// Channels are by name.
	Channels []*Channel
	// Files are those of the set, and the hub's own. Options are of the hub's
	// generated types, whatever they arrived as.
	Files *protoregistry.Files
}

// Read holds a set to all that a load does, and keeps nothing: for generators,
// which have declarations and no hub. The set holds its files with all their
// imports; it is not bounded, and no channel is no mistake.
func Read(ctx context.Context, set *descriptorpb.FileDescriptorSet) (*Set, error) {
	s, err := newLinked().compile(ctx, Config{}.withDefaults(), "", set)
	if err != nil {
		return nil, err
	}
	return &Set{Channels: s.channels, Files: s.files}, nil
}
