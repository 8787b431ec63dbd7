package backend

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"

	blogv1 "github.com/realtime-hub/hub/examples/blog/gen/blog/v1"
	hub "github.com/realtime-hub/hub/sdk/go"
)

// viewers is the use case that says how many have an article open.
type viewers struct {
	b     hub.Broadcaster // static, like views
	views Views

	// mu is held over a broadcast: concurrent ones have no order among
	// themselves, and the count that is said last must be the newest.
	mu    sync.Mutex
	stale map[string]bool // articles whose count was not said since it changed; guarded by mu
	hubID string          // guarded by mu
}

func newViewers(b hub.Broadcaster, views Views) *viewers {
	return &viewers{b: b, views: views, stale: map[string]bool{}}
}

// opened: the session has the article open, and no other.
func (v *viewers) opened(ctx context.Context, session, article string) error {
	before, err := v.views.Open(ctx, session, article)
	if err != nil {
		return err
	}
	return v.say(ctx, before, article)
}

// closed: the session is gone.
func (v *viewers) closed(ctx context.Context, session string) error {
	article, err := v.views.Close(ctx, session)
	if err != nil {
		return err
	}
	return v.say(ctx, article)
}

// begin: the stream leads to this hub. The sessions of the one before are void,
// and nobody says so of each. Pages tell their views again when they connect.
func (v *viewers) begin(ctx context.Context, hubID string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.hubID != "" && v.hubID != hubID {
		_ = v.views.Clear(ctx) // failed: counts are too high until the sessions are seen to be gone
	}
	v.hubID = hubID
}

// say broadcasts the counts of these articles, and of those that could not be
// said before: a message that comes again for that no longer changes a view.
func (v *viewers) say(ctx context.Context, articles ...string) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, article := range articles {
		if article != "" {
			v.stale[article] = true
		}
	}
	failures := make([]error, 0, len(v.stale))
	for _, article := range slices.Sorted(maps.Keys(v.stale)) {
		err := v.sayOne(ctx, article)
		if err == nil || !passes(err) {
			delete(v.stale, article)
		}
		failures = append(failures, err)
	}
	return errors.Join(failures...)
}

func (v *viewers) sayOne(ctx context.Context, article string) error {
	n, err := v.views.Count(ctx, article)
	if err != nil {
		return err
	}
	count := uint32(n) //nolint:gosec // so many sessions there are not
	_, err = hub.Broadcast(ctx, v.b, blogv1.ArticleViewersChannel(article), &blogv1.ArticleViewers{Id: article, Count: count})
	return err
}

// passes tells whether a failure may pass by itself: the hub says so of its
// own, a call without an answer may be made again, and what a repository says
// is taken for an outage.
func passes(err error) bool {
	refused, ok := errors.AsType[*hub.Error](err)
	return !ok || refused.Retryable || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}
