package main

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
)

// pluginRequest is what buf sends for a channel and what it takes.
func pluginRequest(t testing.TB) string {
	t.Helper()
	public := &hubv1.Scope{Kind: &hubv1.Scope_Public{Public: &hubv1.PublicScope{}}}
	feed, viewed := &descriptorpb.MessageOptions{}, &descriptorpb.MessageOptions{}
	proto.SetExtension(feed, hubv1.E_Channel, &hubv1.ChannelOptions{Name: "blog.article.feed", Scope: public})
	proto.SetExtension(viewed, hubv1.E_Inbound, &hubv1.InboundOptions{Channel: "blog.article.feed"})
	data, err := proto.Marshal(&pluginpb.CodeGeneratorRequest{
		FileToGenerate: []string{"blog/v1/blog.proto"},
		ProtoFile: []*descriptorpb.FileDescriptorProto{{
			Name: new("blog/v1/blog.proto"), Package: new("blog.v1"), Syntax: new("proto3"),
			Options: &descriptorpb.FileOptions{GoPackage: new("example.com/blog/v1;blogv1")},
			MessageType: []*descriptorpb.DescriptorProto{
				{Name: new("ArticleFeed"), Options: feed}, {Name: new("ArticleViewed"), Options: viewed},
			},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestPluginAnswersBuf(t *testing.T) {
	for language, want := range map[string]string{
		"go": "var ArticleFeedInbound = channel.NewInbound[*ArticleViewed](\"blog.article.feed\")",
		"ts": "export const ArticleFeedChannel = channel<ArticleFeed, ArticleViewedInput>(\"blog.article.feed\");",
	} {
		got := call{stdin: pluginRequest(t)}.run(t.Context(), "plugin", language)
		response := &pluginpb.CodeGeneratorResponse{}
		if err := proto.Unmarshal([]byte(got.stdout), response); err != nil || got.code != exitOK || got.stderr != "" {
			t.Fatalf("%s: %v %+v", language, err, got)
		}
		if !strings.Contains(response.String(), strings.ReplaceAll(want, `"`, `\"`)) {
			t.Errorf("%s: %v", language, response)
		}
	}
}

func TestPluginSaysWhatItIsFor(t *testing.T) {
	call{stdin: "hello"}.run(t.Context(), "plugin", "go").want(t, exitFailed, "",
		"hub: standard input is no request of buf or protoc: this command is run by them, see its --help\n")
	call{}.run(t.Context(), "plugin").want(t, exitUsage, "", "hub: plugin needs a language: go or ts\nSee: hub plugin --help\n")
	call{}.run(t.Context(), "plugin", "rust").want(t, exitUsage, "", "hub: plugin knows no \"rust\"; it is go or ts\nSee: hub plugin --help\n")
	call{}.run(t.Context(), "plugin", "go", "x").want(t, exitUsage, "", "hub: go takes no arguments; there is \"x\"\nSee: hub plugin go --help\n")
	for _, language := range []string{"go", "ts"} {
		got := call{}.run(t.Context(), "plugin", language, "--help")
		if got.code != exitOK || !strings.Contains(got.stdout, "- local: [hub, plugin, "+language+"]") {
			t.Errorf("%s: %+v", language, got)
		}
	}
}

func TestPluginIsCompleted(t *testing.T) {
	got := call{}.run(t.Context(), "__complete", "plugin", "")
	if got.stdout != "go\tMake Go descriptors of channels\nts\tMake TypeScript types of channels\n:4\n" {
		t.Errorf("%+v", got)
	}
	if got := (call{}.run(t.Context(), "__complete", "plugin", "go", "")); got.stdout != ":4\n" {
		t.Errorf("%+v", got)
	}
}

func TestALinkIsAPluginOfProtoc(t *testing.T) {
	for argv, want := range map[string]string{
		"hub plugin go":                     "plugin go",
		"/bin/protoc-gen-hub-go":            "plugin go",
		"protoc-gen-hub-ts.exe --help":      "plugin ts --help",
		"./protoc-gen-hub serve --config x": "serve --config x",
	} {
		if got := strings.Join(arguments(strings.Fields(argv)), " "); got != want {
			t.Errorf("%s is %q, not %q", argv, got, want)
		}
	}
}
