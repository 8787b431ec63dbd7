package hubtest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"google.golang.org/protobuf/types/known/timestamppb"

	blogv1 "github.com/realtime-hub/hub/examples/blog/gen/blog/v1"
	"github.com/realtime-hub/hub/hub/hubtest"
	"github.com/realtime-hub/hub/hub/server"
	hub "github.com/realtime-hub/hub/sdk/go"
)

// publish is the code under test: a use case that broadcasts.
func publish(ctx context.Context, b hub.Broadcaster, title string, opts ...hub.BroadcastOption) error {
	_, err := hub.Broadcast(ctx, b, feed, &blogv1.ArticleFeed{Id: "1", Slug: "hello", Title: title, PublishedAt: timestamppb.Now()}, opts...)
	return err
}

// In these examples t is the test's.

func Example() {
	h := hubtest.Start(t, hubtest.Channels("../../examples/blog/proto"))

	reader := h.Browser(t)
	reader.Subscribe("blog.article.feed")
	if err := publish(t.Context(), h.Client(t), "Hello"); err != nil {
		t.Fatal(err)
	}
	fmt.Println(hubtest.Receive(reader, feed).GetTitle())
	// Output: Hello
}

func ExampleStart() {
	h := hubtest.Start(t)
	fmt.Println(h.Browser(t).Session() != "")
	// Output: true
}

// For clients in other processes; each binds a port when it is first called.
func ExampleHub_URL() {
	h := hubtest.Start(t)
	fmt.Println(strings.HasPrefix(h.URL(), "http://127.0.0.1:"), strings.HasPrefix(h.GRPC(), "127.0.0.1:"))
	// Output: true true
}

func ExampleChannels() {
	h := hubtest.Start(t, hubtest.Channels("../../examples/blog/proto"))
	_, err := h.Browser(t).Emit("hub:subscribe", "blog.article.feed")
	fmt.Println(err)
	// Output: <nil>
}

func ExampleTokens() {
	h := hubtest.Start(t, hubtest.Channels("../../examples/blog/proto"), hubtest.Tokens(server.ServiceToken{
		Name: "mail", Token: "a-token-of-sixteen-bytes-or-more", Allow: []string{"BROADCAST"}, Channels: []string{"mail.*"},
	}))
	err := publish(t.Context(), h.Client(t, hub.WithToken("a-token-of-sixteen-bytes-or-more")), "Hello")
	if refused, ok := errors.AsType[*hub.Error](err); ok {
		fmt.Println(refused.Reason)
	}
	// Output: SCOPE_DENIED
}

func ExampleConfig() {
	h := hubtest.Start(t, hubtest.Channels("../../examples/blog/proto"), hubtest.Config(func(cfg *server.Config) {
		cfg.Limits.MaxPayloadBytes = 100
	}))
	err := publish(t.Context(), h.Client(t), strings.Repeat("x", 100))
	if refused, ok := errors.AsType[*hub.Error](err); ok {
		fmt.Println(refused.Reason)
	}
	// Output: PAYLOAD_TOO_LARGE
}

func ExampleJWTSecret() {
	secret := []byte("the code under test signs with it")
	h := hubtest.Start(t, hubtest.JWTSecret(secret))
	token := h.UserToken(t, "user_42") // or what the code under test signed
	_ = h.Browser(t, hubtest.WithToken(token))
}

func ExampleAs() {
	h := hubtest.Start(t, hubtest.Channels("../../examples/blog/proto"))
	h.Browser(t, hubtest.As("user_42", "editor")).Subscribe("blog.notifications.user_42")
}

func ExampleWithToken() {
	h := hubtest.Start(t)
	_ = h.Browser(t, hubtest.WithToken(h.UserToken(t, "user_42")))
}

func ExampleHub_UserToken() {
	h := hubtest.Start(t)
	token := h.UserToken(t, "user_42", "editor") // for socket.io-client in another process
	fmt.Println(strings.Count(token, "."))
	// Output: 2
}

// A session that a worker knows by its cookie; see server.WorkerAuth.
func ExampleWithHeader() {
	h := hubtest.Start(t)
	_ = h.Browser(t, hubtest.WithHeader("Cookie", "session=abc"))
}

// A session that a worker knows by what the page gives io() as auth.
func ExampleWithAuth() {
	h := hubtest.Start(t)
	_ = h.Browser(t, hubtest.WithAuth("ticket", "abc"))
}

// A browser that was away hears what it missed, where the channel keeps history.
func ExampleBrowser_Resume() {
	h := hubtest.Start(t, hubtest.Channels("../../examples/blog/proto"))
	reader := h.Browser(t)
	since := reader.Subscribe(feed.Name())
	reader.Close()
	_ = publish(t.Context(), h.Client(t), "Hello")
	reader.Reconnect()
	word := reader.Resume(feed.Name(), since)
	fmt.Println(word.Recovered, word.Replayed, hubtest.Receive(reader, feed).GetTitle())
	// Output: true 1 Hello
}

// A refusal that is wanted is an error of Emit.
func ExampleBrowser_Emit() {
	anonymous := hubtest.Start(t, hubtest.Channels("../../examples/blog/proto")).Browser(t)
	_, err := anonymous.Emit("hub:subscribe", "blog.notifications.user_42")
	if refused, ok := errors.AsType[*hub.Error](err); ok {
		fmt.Println(refused.Reason)
	}
	// Output: CREDENTIALS_REQUIRED
}

func ExampleBrowser_Next() {
	h := hubtest.Start(t, hubtest.Channels("../../examples/blog/proto"))
	reader := h.Browser(t)
	reader.Subscribe("blog.article.feed")
	_ = publish(t.Context(), h.Client(t), "Hello", hub.WithID("published-1"))
	event := reader.Next()
	fmt.Println(event.Name, event.ID)
	// Output: blog.article.feed published-1
}

// That nothing came is known without waiting for it.
func ExampleBrowser_Pending() {
	h := hubtest.Start(t, hubtest.Channels("../../examples/blog/proto"))
	writer := h.Browser(t)
	writer.Subscribe("blog.article.feed")
	_ = publish(t.Context(), h.Client(t), "Hello", hub.ExceptSessions(writer.Session()))
	fmt.Println(len(writer.Pending()))
	// Output: 0
}

// The article's message, not its JSON.
func ExampleReceive() {
	h := hubtest.Start(t, hubtest.Channels("../../examples/blog/proto"))
	reader := h.Browser(t)
	reader.Subscribe(feed.Name())
	_ = publish(t.Context(), h.Client(t), "Hello")
	article := hubtest.Receive(reader, feed)
	fmt.Println(article.GetTitle(), article.GetPublishedAt().IsValid())
	// Output: Hello true
}
