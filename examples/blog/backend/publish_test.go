package backend_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/realtime-hub/hub/examples/blog/backend"
	hub "github.com/realtime-hub/hub/sdk/go"
	"github.com/realtime-hub/hub/sdk/go/hubtest"
)

// The recorder stands where a hub would. An article that breaks the channel's
// rules fails the test by itself.
func TestEachTickPublishesAnArticle(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	ticks, ended, rec := make(chan time.Time), make(chan error), hubtest.NewRecorder(t)
	publisher := backend.BindDevelopment(rec, hub.NewRegistry())
	go func() { ended <- publisher.Run(ctx, ticks, slog.New(slog.DiscardHandler)) }()
	for range 5 {
		ticks <- time.Time{}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	articles, ids := hubtest.On(rec, backend.ArticleFeed), make(map[string]bool)
	for _, article := range articles {
		ids[article.GetId()] = true
	}
	if len(ids) < 4 || len(ids) != len(articles) { // the fifth may have met the end
		t.Errorf("%d articles in %d broadcasts", len(ids), len(articles))
	}
}

func TestARefusalEndsTheBackendAndNamesTheArticle(t *testing.T) {
	ticks := make(chan time.Time, 1)
	ticks <- time.Time{}
	rec, refused := hubtest.NewRecorder(t), errors.New("no")
	rec.FailNext(refused)
	err := backend.BindDevelopment(rec, hub.NewRegistry()).Run(t.Context(), ticks, slog.New(slog.DiscardHandler))
	if !errors.Is(err, refused) || err.Error() != "publish article-4: no" {
		t.Errorf("got %v", err)
	}
}
