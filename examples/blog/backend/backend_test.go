package backend_test

import (
	"context"
	"errors"
	"testing"

	"github.com/realtime-hub/hub/examples/blog/backend"
	blogv1 "github.com/realtime-hub/hub/examples/blog/gen/blog/v1"
	"github.com/realtime-hub/hub/hub/hubtest"
	hub "github.com/realtime-hub/hub/sdk/go"
)

type binder func(b hub.Broadcaster, reg *hub.Registry) *backend.Publisher

// serve runs the blog's worker at the hub until the test ends.
func serve(t *testing.T, h *hubtest.Hub, bind binder) *backend.Publisher {
	t.Helper()
	client, reg, attached := h.Client(t), hub.NewRegistry(), make(chan struct{})
	publisher := bind(client, reg)
	if err := reg.Register(hub.OnAttach(func(context.Context, string) { close(attached) })); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- client.Serve(ctx, hub.Group("blog"), reg) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	select {
	case <-attached:
	case err := <-ended:
		ended <- nil
		t.Fatalf("Serve: %v", err)
	}
	return publisher
}

// A real hub, the worker, and browsers: what a reader of the blog lives through.
func TestAViewIsSeenByTheArticlesViewers(t *testing.T) {
	for name, bind := range map[string]binder{
		"development": backend.BindDevelopment,
		"production": func(b hub.Broadcaster, reg *hub.Registry) *backend.Publisher {
			return backend.BindProduction(backend.InMemory(), b, reg)
		},
	} {
		t.Run(name, func(t *testing.T) { viewsAreSeen(t, bind) })
	}
}

func viewsAreSeen(t *testing.T, bind binder) {
	t.Helper()
	h := hubtest.Start(t, hubtest.Channels("../proto"))
	publisher := serve(t, h, bind)

	desk := h.Browser(t, hubtest.As("user_42"))
	desk.Subscribe(backend.ArticleFeed.Name())
	desk.Subscribe(backend.UserNotification("user_42").Name())
	if _, err := publisher.Publish(t.Context(), "Hello again"); err != nil {
		t.Fatal(err)
	}
	article := hubtest.Receive(desk, backend.ArticleFeed)
	viewers := backend.ArticleViewers(article.GetId())
	desk.Subscribe(viewers.Name())

	view := func(b *hubtest.Browser) {
		t.Helper()
		if _, err := b.Emit(backend.ArticleViewed.Declared(), &blogv1.ArticleViewed{Id: article.GetId()}); err != nil {
			t.Fatal(err)
		}
	}
	counts := func(want uint32) {
		t.Helper()
		if got := hubtest.Receive(desk, viewers).GetCount(); got != want {
			t.Errorf("%d viewers, want %d", got, want)
		}
	}
	view(desk)
	counts(1)
	if text := hubtest.Receive(desk, backend.UserNotification("user_42")).GetText(); text != "“Hello again” is on your reading list." {
		t.Errorf("told %q", text)
	}
	t.Run("another reader comes and goes", func(t *testing.T) { // whose browser is closed with this subtest
		view(h.Browser(t))
		counts(2)
	})
	counts(1)
}

func TestAViewOfAnUnknownArticleIsTold(t *testing.T) {
	h := hubtest.Start(t, hubtest.Channels("../proto"))
	serve(t, h, backend.BindDevelopment)
	_, err := h.Browser(t).Emit(backend.ArticleViewed.Declared(), &blogv1.ArticleViewed{Id: "article-9"})
	if refused, ok := errors.AsType[*hub.Error](err); !ok || refused.Reason != "ARTICLE_UNKNOWN" {
		t.Errorf("got %v", err)
	}
}
