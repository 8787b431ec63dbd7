package rpc_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/gate"
	"github.com/realtime-hub/hub/hub/internal/rpc"
)

// declaring is a file with one public channel for each name; their messages
// have one field, text.
func declaring(names ...string) *descriptorpb.FileDescriptorSet {
	file := &descriptorpb.FileDescriptorProto{
		Name: new("test/v1/test.proto"), Package: new("test.v1"), Syntax: new("proto3"),
		Dependency: []string{"hub/v1/channel.proto"},
	}
	for _, name := range names {
		options := &descriptorpb.MessageOptions{}
		proto.SetExtension(options, hubv1.E_Channel, &hubv1.ChannelOptions{
			Name: name, Scope: &hubv1.Scope{Kind: &hubv1.Scope_Public{Public: &hubv1.PublicScope{}}},
		})
		title := strings.ReplaceAll(name, ".", "_")
		file.MessageType = append(file.MessageType, &descriptorpb.DescriptorProto{
			Name: new("M_" + title), Options: options,
			Field: []*descriptorpb.FieldDescriptorProto{{
				Name: new("text"), JsonName: new("text"), Number: new(int32(1)),
				Type: descriptorpb.FieldDescriptorProto_TYPE_STRING.Enum(), Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(),
			}},
		})
	}
	return &descriptorpb.FileDescriptorSet{File: []*descriptorpb.FileDescriptorProto{file}}
}

func names(res *hubv1.ListChannelsResponse) []string {
	var out []string
	for _, c := range res.GetChannels() {
		out = append(out, c.GetName()+" of "+c.GetOwner())
	}
	return out
}

func TestChannelsBelongToWhoRegistersThemAndAreListedToWhoMaySeeThem(t *testing.T) {
	g := newGate(t, gate.Config{Tokens: []gate.ServiceToken{
		{Name: "blog", Token: blogToken, Allow: []gate.Right{gate.Register}, Channels: []string{"blog.*"}},
		{Name: "ops", Token: adminToken, Allow: []gate.Right{gate.Admin}, Channels: []string{"*"}},
		{Name: "part", Token: "part-0123456789abcdef", Allow: []gate.Right{gate.Admin}, Channels: []string{"blog.a"}},
	}})
	d := serve(t, rpc.Config{Gate: g})
	client := hubv1.NewAdminServiceClient(d.dial(t))
	blog, ops, part := with(t.Context(), "Bearer "+blogToken), with(t.Context(), "Bearer "+adminToken), with(t.Context(), "Bearer part-0123456789abcdef")
	list := func(ctx context.Context) []string {
		t.Helper()
		res, err := client.ListChannels(ctx, &hubv1.ListChannelsRequest{})
		if err != nil {
			t.Fatal(err)
		}
		return names(res)
	}

	req := &hubv1.RegisterChannelsRequest{Files: declaring("blog.a", "blog.b"), DryRun: true}
	res, err := client.RegisterChannels(blog, req)
	if err != nil || !slices.Equal(res.GetAdded(), []string{"blog.a", "blog.b"}) {
		t.Fatalf("dry run: %v, %v", res, err)
	}
	if got := list(ops); got != nil {
		t.Errorf("a dry run registered %v", got)
	}
	req.DryRun = false
	if res, err := client.RegisterChannels(blog, req); err != nil || len(res.GetAdded()) != 2 {
		t.Fatalf("%v, %v", res, err)
	}
	if got := list(ops); !slices.Equal(got, []string{"blog.a of blog", "blog.b of blog"}) {
		t.Errorf("ops sees %v", got)
	}
	if got := list(part); !slices.Equal(got, []string{"blog.a of blog"}) {
		t.Errorf("part sees %v", got)
	}

	_, err = client.ListChannels(blog, &hubv1.ListChannelsRequest{})
	denied(t, "list without ADMIN", err)
	// Nothing of it is looked at: it would be SCHEMA_INVALID.
	_, err = client.RegisterChannels(ops, &hubv1.RegisterChannelsRequest{Files: declaring("onesegment")})
	denied(t, "register without REGISTER", err)
	_, err = client.RegisterChannels(blog, &hubv1.RegisterChannelsRequest{Files: declaring("shop.a")})
	denied(t, "register beyond its channels", err)
	_, err = client.GetChannel(part, &hubv1.GetChannelRequest{Channel: "blog.b"})
	denied(t, "get beyond its channels", err)

	got, err := client.GetChannel(part, &hubv1.GetChannelRequest{Channel: "blog.a"})
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, f := range got.GetFiles().GetFile() {
		paths = append(paths, f.GetName())
	}
	if got.GetChannel().GetMessage() != "test.v1.M_blog_a" || paths[len(paths)-1] != "test/v1/test.proto" ||
		!slices.Contains(paths, "hub/v1/channel.proto") {
		t.Errorf("%v with %v", got.GetChannel(), paths)
	}
	_, err = client.GetChannel(ops, &hubv1.GetChannelRequest{Channel: "blog.c"})
	if info, _ := details(t, err); info.GetReason() != "CHANNEL_UNKNOWN" {
		t.Errorf("unknown channel: %v", err)
	}
}

func denied(t *testing.T, what string, err error) {
	t.Helper()
	if info, _ := details(t, err); status.Code(err) != codes.PermissionDenied || info.GetReason() != "SCOPE_DENIED" {
		t.Errorf("%s: %v", what, err)
	}
}

func TestMistakesInDeclarationsAreTold(t *testing.T) {
	d := serve(t, rpc.Config{})
	client := hubv1.NewAdminServiceClient(d.dial(t))
	_, err := client.RegisterChannels(t.Context(), &hubv1.RegisterChannelsRequest{Files: declaring("onesegment")})
	if info, _ := details(t, err); info.GetReason() != "SCHEMA_INVALID" {
		t.Errorf("told %v", err)
	}
	_, err = client.RegisterChannels(t.Context(), &hubv1.RegisterChannelsRequest{})
	if info, _ := details(t, err); info.GetReason() != "REQUEST_INVALID" {
		t.Errorf("told %v", err)
	}
}

// JSON may have the message itself, not only JSON in a string.
func TestHTTPJSONKnowsTheMessagesOfChannels(t *testing.T) {
	var got *hubv1.BroadcastRequest
	d := serve(t, rpc.Config{Broadcast: flow{
		send: func(_ context.Context, _ *gate.Caller, req *hubv1.BroadcastRequest) (*hubv1.BroadcastResponse, error) {
			got = req
			return &hubv1.BroadcastResponse{}, nil
		},
	}})
	client := hubv1.NewAdminServiceClient(d.dial(t))
	if _, err := client.RegisterChannels(t.Context(), &hubv1.RegisterChannelsRequest{Files: declaring("blog.a")}); err != nil {
		t.Fatal(err)
	}
	const body = `{"channel":"blog.a","message":{"@type":"type.googleapis.com/test.v1.M_blog_a","text":"hello"}}`
	if res, text := d.post(t, pathBroadcast, body); res.StatusCode != 200 || string(got.GetMessage().GetValue()) != "\n\x05hello" {
		t.Errorf("%d %s; the flow got %v", res.StatusCode, text, got)
	}
	res, text := d.post(t, pathBroadcast, strings.ReplaceAll(body, "M_blog_a", "Unknown"))
	if res.StatusCode != 400 || !strings.Contains(text, "REQUEST_INVALID") {
		t.Errorf("unknown type: %d %s", res.StatusCode, text)
	}
}
