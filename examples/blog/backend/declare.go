package backend

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	blogv1 "github.com/realtime-hub/hub/examples/blog/gen/blog/v1"
	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	hub "github.com/realtime-hub/hub/sdk/go"
)

// Declare tells the hub the blog's channels, as they are linked into this
// program. Not needed where the hub was started with --channels on the blog's
// protos.
func Declare(ctx context.Context, client *hub.Client) error {
	ours := blogv1.File_blog_v1_article_feed_proto.Package()
	set := &descriptorpb.FileDescriptorSet{}
	protoregistry.GlobalFiles.RangeFilesByPackage(ours, func(file protoreflect.FileDescriptor) bool {
		set.File = append(set.File, protodesc.ToFileDescriptorProto(file))
		return true
	})
	_, err := hubv1.NewAdminServiceClient(client.Conn()).RegisterChannels(ctx, &hubv1.RegisterChannelsRequest{Files: set})
	if err != nil {
		return fmt.Errorf("declare the channels of %s: %w", ours, err)
	}
	return nil
}
