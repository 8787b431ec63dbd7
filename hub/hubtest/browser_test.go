package hubtest_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	blogv1 "github.com/realtime-hub/hub/examples/blog/gen/blog/v1"
	"github.com/realtime-hub/hub/hub/hubtest"
	"github.com/realtime-hub/hub/hub/server"
	hub "github.com/realtime-hub/hub/sdk/go"
)

func TestABroadcastReachesItsSubscribers(t *testing.T) {
	h := hubtest.Start(t, blog)
	client, reader, other := h.Client(t), h.Browser(t), h.Browser(t)
	reader.Subscribe(feed.Name())
	for i := range 100 {
		if _, err := hub.Broadcast(t.Context(), client, feed, article(fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 100 {
		if got := hubtest.Receive(reader, feed); got.GetTitle() != fmt.Sprint(i) {
			t.Fatalf("broadcast %d is %v", i, got)
		}
	}
	receipt, err := hub.Broadcast(t.Context(), client, feed, article("last"))
	if err != nil {
		t.Fatal(err)
	}
	if last := reader.Next(); last.Name != feed.Name() || last.ID != receipt.ID || !strings.Contains(string(last.Payload), `"publishedAt":"1970-01-01T00:00:01Z"`) {
		t.Errorf("the last is %+v, sent as %+v", last, receipt)
	}
	if got := other.Pending(); len(got) != 0 {
		t.Errorf("who did not subscribe has %v", got)
	}
}

func TestAnExceptedSessionHearsNothing(t *testing.T) {
	h := hubtest.Start(t, blog)
	writer, reader := h.Browser(t), h.Browser(t)
	for _, b := range []*hubtest.Browser{writer, reader} {
		b.Subscribe(feed.Name())
	}
	if _, err := hub.Broadcast(t.Context(), h.Client(t), feed, article("Hello"), hub.ExceptSessions(writer.Session())); err != nil {
		t.Fatal(err)
	}
	if got := reader.Pending(); len(got) != 1 || got[0].Name != feed.Name() {
		t.Errorf("the reader has %v", got)
	}
	if got := reader.Pending(); len(got) != 0 {
		t.Errorf("the reader has %v again", got)
	}
	if got := writer.Pending(); len(got) != 0 {
		t.Errorf("the writer has %v", got)
	}
}

func TestScopesHoldForWhoTheBrowserIs(t *testing.T) {
	h := hubtest.Start(t, blog)
	const mine = "blog.notifications.user_42"
	owner := h.Browser(t, hubtest.As("user_42", "editor"))
	owner.Subscribe(mine)
	for want, b := range map[string]*hubtest.Browser{"CREDENTIALS_REQUIRED": h.Browser(t), "SCOPE_DENIED": h.Browser(t, hubtest.As("user_43"))} {
		_, err := b.Emit("hub:subscribe", mine)
		if refused, ok := errors.AsType[*hub.Error](err); !ok || refused.Reason != want || refused.Code == codes.Unknown || refused.Message == "" {
			t.Errorf("it says %v, not %s", err, want)
		}
	}
	if _, err := hub.Broadcast(t.Context(), h.Client(t), notification("user_42"), &blogv1.UserNotification{Text: "for you"}); err != nil {
		t.Fatal(err)
	}
	if got := hubtest.Receive(owner, notification("user_42")); got.GetText() != "for you" {
		t.Errorf("received %v", got)
	}
}

func TestAcksAndRefusalsAreTheHubs(t *testing.T) {
	b := hubtest.Start(t, blog).Browser(t)
	ack, err := b.Emit("hub:subscribe", map[string]string{"channel": "blog.article.7.viewers"})
	if err != nil || string(ack) != `{"ok":true,"channel":"blog.article.7.viewers"}` {
		t.Errorf("the ack is %s, %v", ack, err)
	}
	_, err = b.Emit("blog.article.7.viewers", map[string]any{"id": "7", "count": 1})
	if refused, ok := errors.AsType[*hub.Error](err); !ok || refused.Reason != "INBOUND_NOT_ACCEPTED" || refused.Code != codes.FailedPrecondition {
		t.Errorf("it says %v", err)
	}
}

func TestAnOriginThatIsNotAllowedIsRefusedAndSaidSo(t *testing.T) {
	h := hubtest.Start(t, hubtest.Config(func(cfg *server.Config) { cfg.HTTP.AllowedOrigins = []string{"https://app.example"} }))
	h.Browser(t, hubtest.WithHeader("Origin", "https://app.example"))
	failed, _ := watch(func(tb *probe) { h.Browser(tb, hubtest.WithHeader("Origin", "https://evil.example")) })
	if !strings.Contains(failed, "the browser does not reach the hub: ") || !strings.Contains(failed, "403") {
		t.Errorf("the test fails with %q", failed)
	}
}

func TestWhatDoesNotComeAsWantedEndsTheTest(t *testing.T) {
	h := hubtest.Start(t, blog)
	for name, c := range map[string]struct {
		test func(b *hubtest.Browser)
		want string
	}{
		"a subscription that is refused": {func(b *hubtest.Browser) { b.Subscribe("blog.articel.feed") }, "subscribing to blog.articel.feed: hub: CHANNEL_UNKNOWN: "},
		"another channel": {func(b *hubtest.Browser) {
			b.Subscribe(feed.Name())
			_, _ = hub.Broadcast(t.Context(), h.Client(t), feed, article("Hello"))
			hubtest.Receive(b, notification("user_1"))
		}, `want a broadcast on blog.notifications.user_1; what came instead: blog.article.feed {"id":"1"`},
		"another message": {func(b *hubtest.Browser) {
			b.Subscribe(feed.Name())
			_, _ = hub.Broadcast(t.Context(), h.Client(t), feed, article("Hello"))
			hubtest.Receive(b, hub.NewChannel[*blogv1.UserNotification](feed.Name()))
		}, "is no blog.v1.UserNotification: "},
		"a channel that is none": {func(b *hubtest.Browser) { hubtest.Receive(b, notification("")) }, "Receive: "},
		"no JSON":                {func(b *hubtest.Browser) { _, _ = b.Emit("x", make(chan int)) }, "emitting x: json: "},
	} {
		failed, _ := watch(func(tb *probe) {
			c.test(h.Browser(tb))
			t.Errorf("%s: the test goes on", name)
		})
		if !strings.Contains(failed, c.want) {
			t.Errorf("%s: the test fails with %q", name, failed)
		}
	}
}

func TestAHubThatGoesEndsItsBrowsersTests(t *testing.T) {
	var b *hubtest.Browser
	// The browser is another test's, and outlives the hub.
	failed, _ := watch(func(other *probe) {
		if failed, _ := watch(func(tb *probe) { b = hubtest.Start(tb, blog).Browser(other) }); failed != "" {
			t.Errorf("the hub's test fails with %q", failed)
		}
		for _, want := range []string{"hub:draining", "hub:ended"} {
			if got := b.Next(); got.Name != want {
				t.Errorf("the event is %v, not %s", got, want)
			}
		}
		b.Next()
	})
	if !strings.Contains(failed, "an event was awaited; what came instead: ") {
		t.Errorf("the test fails with %q", failed)
	}
}
