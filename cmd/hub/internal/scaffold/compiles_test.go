package scaffold_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/pluginpb"
)

const root = "../../../.."

// Everything that is written compiles, passes go vet and its own tests, as it
// is. The descriptors are written here as hub plugin go writes them;
// TestFromNothingToATestedChannel of cmd/hub has the plugin's own.
func TestWhatIsWrittenCompilesAndPasses(t *testing.T) {
	s := newShop(t)
	s.must(s.channel("blog", "article-feed", "public"))
	s.must(s.handler("blog", "article-feed", "ArticleViewed"))
	s.must(s.channel("blog", "inbox", "user-scoped:account"))
	s.must(s.handler("blog", "inbox", ""))
	s.must(s.channel("user_profile", "cursor", `role:editor,a "quoted" \ one`))
	s.must(s.handler("user_profile", "cursor", ""))
	s.must(s.channel("user_profile", "asks", "handler"))
	s.generate("blog/v1/article_feed.proto", "blog/v1/article_viewed.proto", "blog/v1/inbox.proto",
		"user_profile/v1/cursor.proto", "user_profile/v1/asks.proto")
	s.write("gen/blog/v1/standin_hub.pb.go", `package blogv1

import "github.com/realtime-hub/hub/hub/channel"

var (
	ArticleFeedChannel = channel.New[*ArticleFeed]("blog.article.feed")
	ArticleFeedInbound = channel.NewInbound[*ArticleViewed]("blog.article.feed")
	InboxInbound       = channel.NewInbound[*Inbox]("blog.inbox.{account}")
)

func InboxChannel(account string) channel.Of[*Inbox] {
	return channel.Filled[*Inbox]("blog.inbox.{account}", channel.Params{"account": account})
}
`)
	s.write("gen/user_profile/v1/standin_hub.pb.go", `package userprofilev1

import "github.com/realtime-hub/hub/hub/channel"

var (
	CursorChannel = channel.New[*Cursor]("user_profile.cursor")
	CursorInbound = channel.NewInbound[*Cursor]("user_profile.cursor")
	AsksChannel   = channel.New[*Asks]("user_profile.asks")
)
`)
	s.useHub()
	// With the race detector: what it stands on is built for the other tests already.
	out := s.run("go", "test", "-race", "-vet=all", "./internal/...")
	if strings.Count(out, "ok  \texample.com/shop/internal/features/") != 2 {
		t.Errorf("go test says:\n%s", out)
	}
	if out := s.run("gofmt", "-l", "internal"); out != "" {
		t.Errorf("not formatted: %s", out)
	}
}

// A person's mistake that the contract test is for is found by it.
func TestTheContractTestFailsWhereARuleIsGone(t *testing.T) {
	s := newShop(t)
	s.must(s.channel("blog", "article-feed", "public"))
	s.replace("proto/blog/v1/article_feed.proto", "    min_len: 1\n", "")
	s.generate("blog/v1/article_feed.proto")
	s.write("gen/blog/v1/standin_hub.pb.go", `package blogv1

import "github.com/realtime-hub/hub/hub/channel"

var ArticleFeedChannel = channel.New[*ArticleFeed]("blog.article.feed")
`)
	s.useHub()
	cmd := s.command("go", "test", "-race", "./internal/features/blog")
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "no text: <nil>") {
		t.Errorf("%v\n%s", err, out)
	}
}

// useHub has the shop's module stand on this one, as it is here.
func (s *shop) useHub() {
	s.t.Helper()
	here, err := filepath.Abs(root)
	if err != nil {
		s.t.Fatal(err)
	}
	sums, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		s.t.Fatal(err)
	}
	s.write("go.sum", string(sums))
	s.run("go", "mod", "edit", "-require=github.com/realtime-hub/hub@v0.0.0", "-replace=github.com/realtime-hub/hub="+here)
}

// generate does what buf generate does, by protoc-gen-go alone.
func (s *shop) generate(files ...string) {
	s.t.Helper()
	compiler := protocompile.Compiler{Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{
		ImportPaths: []string{filepath.Join(s.Root, "proto"), filepath.Join(s.Root, "third_party", "hub")},
	})}
	compiled, err := compiler.Compile(s.t.Context(), files...)
	if err != nil {
		s.t.Fatal(err)
	}
	options := "paths=source_relative"
	request := &pluginpb.CodeGeneratorRequest{FileToGenerate: files, Parameter: &options}
	added := map[string]bool{}
	var add func(file protoreflect.FileDescriptor)
	add = func(file protoreflect.FileDescriptor) {
		if added[file.Path()] {
			return
		}
		added[file.Path()] = true
		for i := range file.Imports().Len() {
			add(file.Imports().Get(i).FileDescriptor)
		}
		request.ProtoFile = append(request.ProtoFile, protodesc.ToFileDescriptorProto(file))
	}
	for _, file := range compiled {
		add(file)
	}
	asked, err := proto.Marshal(request)
	if err != nil {
		s.t.Fatal(err)
	}
	cmd := s.command("go", "tool", "protoc-gen-go")
	cmd.Dir, cmd.Stdin = root, bytes.NewReader(asked)
	answered, err := cmd.Output()
	response := &pluginpb.CodeGeneratorResponse{}
	if err == nil {
		err = proto.Unmarshal(answered, response)
	}
	if err != nil || response.Error != nil {
		s.t.Fatalf("protoc-gen-go: %v %s", err, response.GetError())
	}
	for _, file := range response.GetFile() {
		s.write("gen/"+file.GetName(), file.GetContent())
	}
}

func (s *shop) command(name string, args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(s.t.Context(), 5*time.Minute)
	s.t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = s.Root
	// What is required beyond the hub is written down as it is found, from what is here.
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod -buildvcs=false", "GOPROXY=off", "GOWORK=off")
	return cmd
}

func (s *shop) run(name string, args ...string) string {
	s.t.Helper()
	out, err := s.command(name, args...).CombinedOutput()
	if err != nil {
		s.t.Fatalf("%s: %v\n%s", fmt.Sprint(name, args), err, out)
	}
	return string(out)
}
