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

var binders = map[string]binder{
	"development": backend.BindDevelopment,
	"production": func(b hub.Broadcaster, reg *hub.Registry) *backend.Publisher {
		return backend.BindProduction(backend.InMemory(), b, reg)
	},
}

// worker is the blog's, which broadcasts to one hub and may serve others, too.
type worker struct {
	*backend.Publisher

	reg      *hub.Registry
	attached chan string
}

func newWorker(t *testing.T, h *hubtest.Hub, bind binder) *worker {
	t.Helper()
	w := &worker{reg: hub.NewRegistry(), attached: make(chan string, 1)}
	w.Publisher = bind(h.Client(t), w.reg)
	if err := w.reg.Register(hub.OnAttach(func(_ context.Context, hubID string) { w.attached <- hubID })); err != nil {
		t.Fatal(err)
	}
	return w
}

// serve returns when the worker is attached. It is stopped when the test ends.
func (w *worker) serve(t *testing.T, h *hubtest.Hub) {
	t.Helper()
	client, ended := h.Client(t), make(chan error, 1)
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	go func() { ended <- client.Serve(ctx, hub.Group("blog"), w.reg) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	select {
	case <-w.attached:
	case err := <-ended:
		ended <- nil
		t.Fatalf("Serve: %v", err)
	}
}

func view(t *testing.T, b *hubtest.Browser, article string) {
	t.Helper()
	if _, err := b.Emit(blogv1.ArticleFeedInbound.Declared(), &blogv1.ArticleViewed{Id: article}); err != nil {
		t.Fatal(err)
	}
}

// counts is that the browser is told next how many view the article.
func counts(t *testing.T, b *hubtest.Browser, article string, want uint32) {
	t.Helper()
	if got := hubtest.Receive(b, backend.ArticleViewers(article)).GetCount(); got != want {
		t.Errorf("%d viewers, want %d", got, want)
	}
}

// A real hub, the worker, and browsers: what a reader of the blog lives through.
func TestAViewIsSeenByTheArticlesViewers(t *testing.T) {
	for name, bind := range binders {
		t.Run(name, func(t *testing.T) {
			h := hubtest.Start(t, hubtest.Channels("../proto"))
			w := newWorker(t, h, bind)
			w.serve(t, h)

			desk := h.Browser(t, hubtest.As("user_42"))
			desk.Subscribe(backend.ArticleFeed.Name())
			desk.Subscribe(backend.UserNotification("user_42").Name())
			if _, err := w.Publish(t.Context(), "Hello again"); err != nil {
				t.Fatal(err)
			}
			article := hubtest.Receive(desk, backend.ArticleFeed).GetId()
			desk.Subscribe(backend.ArticleViewers(article).Name())

			view(t, desk, article)
			counts(t, desk, article, 1)
			if text := hubtest.Receive(desk, backend.UserNotification("user_42")).GetText(); text != "“Hello again” is on your reading list." {
				t.Errorf("told %q", text)
			}
			other := h.Browser(t)
			view(t, other, article)
			counts(t, desk, article, 2)
			other.Close()
			counts(t, desk, article, 1)
		})
	}
}

// The worker broadcasts to one hub, whose place another takes at the worker's
// stream: the sessions that it knew of are void.
func TestTheSessionsOfAHubThatIsGoneAreNotCounted(t *testing.T) {
	for name, bind := range binders {
		t.Run(name, func(t *testing.T) {
			before, after := hubtest.Start(t, hubtest.Channels("../proto")), hubtest.Start(t, hubtest.Channels("../proto"))
			w := newWorker(t, before, bind)
			if _, err := w.Publish(t.Context(), "Hello"); err != nil {
				t.Fatal(err)
			}
			const article = "article-1" // the first of all, seeded or not
			desk := before.Browser(t)
			desk.Subscribe(backend.ArticleViewers(article).Name())
			t.Run("before", func(t *testing.T) { // the worker's stream ends with this subtest
				w.serve(t, before)
				view(t, desk, article)
				counts(t, desk, article, 1)
			})
			w.serve(t, after)
			view(t, after.Browser(t), article)
			counts(t, desk, article, 1)
		})
	}
}

func TestAViewOfAnUnknownArticleIsTold(t *testing.T) {
	h := hubtest.Start(t, hubtest.Channels("../proto"))
	newWorker(t, h, backend.BindDevelopment).serve(t, h)
	_, err := h.Browser(t).Emit(blogv1.ArticleFeedInbound.Declared(), &blogv1.ArticleViewed{Id: "article-9"})
	if refused, ok := errors.AsType[*hub.Error](err); !ok || refused.Reason != "ARTICLE_UNKNOWN" {
		t.Errorf("got %v", err)
	}
}

func TestEditorsSeeEachOthersCursorsAndNobodyElseDoes(t *testing.T) {
	h := hubtest.Start(t, hubtest.Channels("../proto"))
	newWorker(t, h, backend.BindDevelopment).serve(t, h)
	const board = "blog.board.front.cursor"
	eve, ivo, ann := h.Browser(t, hubtest.As("user_2", "editor")), h.Browser(t, hubtest.As("user_3", "editor")), h.Browser(t, hubtest.As("user_1"))
	eve.Subscribe(board)
	ivo.Subscribe(board)
	for _, event := range []string{"hub:subscribe", board} { // neither to hear nor to say
		arg := any(board)
		if event == board {
			arg = &blogv1.CursorMoved{X: 1}
		}
		_, err := ann.Emit(event, arg)
		if refused, ok := errors.AsType[*hub.Error](err); !ok || refused.Reason != "SCOPE_DENIED" {
			t.Errorf("%s of a reader: %v", event, err)
		}
	}
	_, err := eve.Emit(board, &blogv1.CursorMoved{X: 1001})
	if refused, ok := errors.AsType[*hub.Error](err); !ok || refused.Reason != "PAYLOAD_INVALID" {
		t.Errorf("a point beside the board: %v", err)
	}
	if _, err := eve.Emit(board, &blogv1.CursorMoved{X: 3, Y: 4}); err != nil {
		t.Fatal(err)
	}
	moved := hubtest.Receive(ivo, backend.BoardCursor("front"))
	if moved.GetX() != 3 || moved.GetY() != 4 || moved.GetUserId() != "user_2" || moved.GetSession() != eve.Session() {
		t.Errorf("ivo sees %v", moved)
	}
	if heard := eve.Pending(); len(heard) != 0 {
		t.Errorf("eve hears of herself: %v", heard)
	}
}
