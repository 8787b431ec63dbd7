package hubtest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"google.golang.org/protobuf/types/known/timestamppb"

	blogv1 "github.com/realtime-hub/hub/examples/blog/gen/blog/v1"
	"github.com/realtime-hub/hub/hub/hubtest"
	"github.com/realtime-hub/hub/hub/server"
	hub "github.com/realtime-hub/hub/sdk/go"
)

// t is the test's own; examples have none.
var t testing.TB

// publish is the code under test: a use case that broadcasts.
func publish(ctx context.Context, b hub.Broadcaster, title string) error {
	_, err := hub.Broadcast(ctx, b, feed, &blogv1.ArticleFeed{Id: "1", Slug: "hello", Title: title, PublishedAt: timestamppb.Now()})
	return err
}

func Example() {
	h := hubtest.Start(t, hubtest.Channels("../../examples/blog/proto"))

	reader := h.Browser(t)
	reader.Subscribe("blog.article.feed")
	if err := publish(context.Background(), h.Client(t), "Hello"); err != nil {
		t.Fatal(err)
	}
	if article := hubtest.Receive(reader, feed); article.GetTitle() != "Hello" {
		t.Errorf("readers see %v", article)
	}
}

func ExampleStart() {
	h := hubtest.Start(t, hubtest.Channels("../proto"))
	fmt.Println(h.URL(), h.GRPC()) // http://127.0.0.1:40001 127.0.0.1:40002
}

func ExampleTokens() {
	h := hubtest.Start(t, hubtest.Tokens(server.ServiceToken{
		Name: "blog", Token: "a-token-of-sixteen-bytes-or-more", Allow: []string{"BROADCAST"}, Channels: []string{"blog.*"},
	}))
	_ = h.Client(t, hub.WithToken("a-token-of-sixteen-bytes-or-more"))
}

func ExampleConfig() {
	hubtest.Start(t, hubtest.Config(func(cfg *server.Config) {
		cfg.Limits.MaxSubscriptions = 1
	}))
}

func ExampleJWTSecret() {
	secret := []byte("the code under test signs with it")
	h := hubtest.Start(t, hubtest.JWTSecret(secret))
	_ = h.Browser(t, hubtest.WithToken("what the code under test signed"))
}

func ExampleHub_UserToken() {
	h := hubtest.Start(t)
	fmt.Println(h.URL(), h.UserToken(t, "user_42", "editor")) // for socket.io-client in another process
}

func ExampleHub_Browser() {
	h := hubtest.Start(t, hubtest.Channels("../proto"))
	ann, editor, nobody := h.Browser(t, hubtest.As("user_42")), h.Browser(t, hubtest.As("user_7", "editor")), h.Browser(t)
	fmt.Println(ann.Session(), editor.Session(), nobody.Session())
}

// A refusal that is wanted is an error of Emit.
func ExampleBrowser_Emit() {
	b := hubtest.Start(t, hubtest.Channels("../proto")).Browser(t)
	_, err := b.Emit("hub:subscribe", "blog.notifications.user_42")
	if refused, ok := errors.AsType[*hub.Error](err); !ok || refused.Reason != "CREDENTIALS_REQUIRED" {
		t.Errorf("an anonymous browser may join: %v", err)
	}
}

// That nothing came is known without waiting for it.
func ExampleBrowser_Pending() {
	h := hubtest.Start(t, hubtest.Channels("../proto"))
	writer := h.Browser(t)
	writer.Subscribe("blog.article.feed")
	_, _ = hub.Broadcast(context.Background(), h.Client(t), feed, &blogv1.ArticleFeed{}, hub.ExceptSessions(writer.Session()))
	if got := writer.Pending(); len(got) > 0 {
		t.Errorf("the writer hears itself: %v", got)
	}
}
