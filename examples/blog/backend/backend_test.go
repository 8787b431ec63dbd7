package backend_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/realtime-hub/hub/examples/blog/backend"
	blogv1 "github.com/realtime-hub/hub/examples/blog/gen/blog/v1"
	hub "github.com/realtime-hub/hub/sdk/go"
)

// hubDouble stands where a hub would: it keeps what is broadcast, or fails.
type hubDouble struct {
	sent []hub.Outgoing
	err  error
}

func (d *hubDouble) SendBroadcast(_ context.Context, out hub.Outgoing) (hub.Receipt, error) {
	d.sent = append(d.sent, out)
	return hub.Receipt{ID: out.ID}, d.err
}

func TestEachTickPublishesAnArticle(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	ticks, ended, double := make(chan time.Time), make(chan error), &hubDouble{}
	go func() { ended <- backend.Publish(ctx, double, ticks, slog.New(slog.DiscardHandler)) }()
	for range 5 {
		ticks <- time.Time{}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	ids := make(map[string]bool)
	for _, out := range double.sent {
		article, ok := out.Payload.(*blogv1.ArticleFeed)
		if !ok || out.Channel != "blog.article.feed" || article.GetTitle() == "" || article.GetPublishedAt() == nil {
			t.Errorf("sent %v to %s", out.Payload, out.Channel)
			continue
		}
		ids[article.GetId()] = true
	}
	if len(ids) < 4 || len(ids) != len(double.sent) { // the fifth may have met the end
		t.Errorf("%d articles in %d broadcasts", len(ids), len(double.sent))
	}
}

func TestARefusalEndsTheBackendAndNamesTheArticle(t *testing.T) {
	ticks := make(chan time.Time, 1)
	ticks <- time.Time{}
	refused := errors.New("no")
	err := backend.Publish(t.Context(), &hubDouble{err: refused}, ticks, slog.New(slog.DiscardHandler))
	if !errors.Is(err, refused) || err.Error() != "publish article-1: no" {
		t.Errorf("got %v", err)
	}
}
