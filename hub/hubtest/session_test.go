package hubtest_test

import (
	"context"
	"net/netip"
	"testing"
	"time"

	blogv1 "github.com/realtime-hub/hub/examples/blog/gen/blog/v1"
	"github.com/realtime-hub/hub/hub/hubtest"
	"github.com/realtime-hub/hub/hub/server"
	hub "github.com/realtime-hub/hub/sdk/go"
)

const patience = 10 * time.Second

// work serves what is registered until the test ends, and returns when the
// worker is attached.
func work(t *testing.T, h *hubtest.Hub, registrations ...hub.Registration) {
	t.Helper()
	attached, reg, client := make(chan struct{}, 1), hub.NewRegistry(), h.Client(t)
	registrations = append(registrations, hub.OnAttach(func(context.Context, string) { attached <- struct{}{} }))
	if err := reg.Register(registrations...); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- client.Serve(ctx, "blog", reg) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	select {
	case <-attached:
	case <-time.After(patience):
		t.Fatal("the worker does not attach")
	}
}

func TestAPageThatIsClosedIsASessionThatHasDisconnected(t *testing.T) {
	h := hubtest.Start(t, blog)
	gone := make(chan string, 16)
	work(t, h,
		hub.Handle(blogv1.ArticleFeedInbound, func(context.Context, *blogv1.ArticleViewed, hub.Inbound) error { return nil }),
		hub.OnEvent(func(_ context.Context, e hub.Event) error { gone <- e.Sender.Session; return nil }, hub.Disconnected),
	)
	heard := func(want string) {
		t.Helper()
		select {
		case got := <-gone:
			if got != want {
				t.Errorf("%s has disconnected, not %s", got, want)
			}
		case <-time.After(patience):
			t.Fatal("no session has disconnected")
		}
	}
	b := h.Browser(t, hubtest.As("user_1"))
	first := b.Session()
	b.Close()
	b.Close()
	heard(first)
	b.Reconnect()
	second := b.Session()
	if second == first {
		t.Errorf("both sessions are %s", first)
	}
	b.Reconnect()
	heard(second)
}

func TestABrowserThatWasAwayResumes(t *testing.T) {
	h := hubtest.Start(t, blog)
	client, b := h.Client(t), h.Browser(t, hubtest.As("user_1", "editor"))
	publish := func(titles ...string) {
		t.Helper()
		for _, title := range titles {
			if _, err := hub.Broadcast(t.Context(), client, feed, article(title)); err != nil {
				t.Fatal(err)
			}
		}
	}
	since := b.Subscribe(feed.Name())
	b.Close()
	publish("1", "2")
	b.Reconnect()
	if got := b.Pending(); len(got) != 0 {
		t.Errorf("a session that subscribed to nothing has %v", got)
	}
	if got := b.Resume(feed.Name(), since); !got.Recovered || got.Replayed != 2 || got.Position == since {
		t.Errorf("the ack is %+v", got)
	}
	if got := b.Next(); got.Position.Epoch != since.Epoch || got.Position.Offset == 0 {
		t.Errorf("it is at %+v, of a channel that was at %+v", got.Position, since)
	} else {
		since = got.Position
	}
	publish("3") // has come, or not: it is forgotten, and replayed
	b.Reconnect()
	if got := b.Resume(feed.Name(), since); got.Replayed != 2 {
		t.Errorf("the ack is %+v", got)
	}
	for _, want := range []string{"2", "3"} {
		if got := hubtest.Receive(b, feed).GetTitle(); got != want {
			t.Errorf("replayed %q, not %q", got, want)
		}
	}
	// It is still who it was.
	b.Subscribe(notification("user_1").Name())
	b.Reconnect()
	if got := b.Resume(feed.Name(), hub.Position{Epoch: "another", Offset: 1}); got.Recovered || got.Reason != "EPOCH_CHANGED" {
		t.Errorf("the ack is %+v", got)
	}
}

func TestWhoUnsubscribesHearsNoMore(t *testing.T) {
	h := hubtest.Start(t, blog)
	client, b := h.Client(t), h.Browser(t)
	b.Subscribe(feed.Name())
	b.Unsubscribe(feed.Name())
	b.Unsubscribe(feed.Name())
	if _, err := hub.Broadcast(t.Context(), client, feed, article("Hello")); err != nil {
		t.Fatal(err)
	}
	if got := b.Pending(); len(got) != 0 {
		t.Errorf("it has %v", got)
	}
}

func TestTwoTabsAreOneUserAndTwoSessions(t *testing.T) {
	h := hubtest.Start(t, blog)
	a, b := h.Browser(t, hubtest.As("user_1")), h.Browser(t, hubtest.As("user_1"))
	for _, tab := range []*hubtest.Browser{a, b} {
		tab.Subscribe(notification("user_1").Name())
	}
	if a.Session() == b.Session() {
		t.Errorf("both are %s", a.Session())
	}
	a.Close()
	if _, err := hub.Broadcast(t.Context(), h.Client(t), notification("user_1"), &blogv1.UserNotification{Text: "hi"}); err != nil {
		t.Fatal(err)
	}
	hubtest.Receive(b, notification("user_1"))
}

// Where workers say who a session is, they see what the browser sent, and
// where from: an address that can be parsed, though there is none.
func TestAWorkerSeesWhatABrowserSent(t *testing.T) {
	h := hubtest.Start(t, blog, hubtest.Config(func(cfg *server.Config) { cfg.Auth.Worker = &server.WorkerAuth{Group: "blog"} }))
	asked := make(chan *hub.Question, 16)
	work(t, h, hub.Authenticate(func(_ context.Context, q *hub.Question) (*hub.Identity, error) {
		asked <- q
		return &hub.Identity{UserID: "user_1"}, nil
	}))
	h.Browser(t, hubtest.WithHeader("Cookie", "session=abc"), hubtest.WithAuth("ticket", "t1"), hubtest.WithAuth("seat", 7)).
		Subscribe(notification("user_1").Name())
	q := <-asked
	from, _ := netip.ParseAddrPort(q.RemoteAddress)
	if q.Cookies["session"] != "abc" || q.Auth["ticket"] != "t1" || q.Auth["seat"] != 7.0 || !from.IsValid() {
		t.Errorf("the worker is asked %+v", q)
	}
}
