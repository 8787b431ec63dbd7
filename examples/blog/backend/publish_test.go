package backend_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

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

func TestAnArticleThatTheHubRefusesIsNotKept(t *testing.T) {
	rec := hubtest.NewRecorder(t)
	publisher := backend.BindDevelopment(rec, hub.NewRegistry())
	before := newest(t, publisher, 10)
	rec.FailNext(&hub.Error{Code: codes.InvalidArgument, Reason: "PAYLOAD_INVALID"})
	if _, err := publisher.Publish(t.Context(), "too long"); err == nil {
		t.Error("it was published")
	}
	if after := newest(t, publisher, 10); after != before {
		t.Errorf("kept: %v", after)
	}
}

func TestAPageBeginsWithTheNewestArticles(t *testing.T) {
	publisher := backend.BindDevelopment(hubtest.NewRecorder(t), hub.NewRegistry())
	for n := range 1200 {
		if _, err := publisher.Publish(t.Context(), fmt.Sprint(n)); err != nil {
			t.Fatal(err)
		}
	}
	if got := newest(t, publisher, 2); got != "[1199 1198]" {
		t.Errorf("the newest are %s", got)
	}
	entries, err := publisher.Newest(t.Context(), 1_000_000)
	if err != nil || len(entries) != 1000 {
		t.Errorf("%d articles are kept: %v", len(entries), err)
	}
}

// newest are the titles of the last articles.
func newest(t *testing.T, p *backend.Publisher, n int) string {
	t.Helper()
	entries, err := p.Newest(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	var titles []string
	for _, e := range entries {
		titles = append(titles, e.Title)
	}
	return fmt.Sprint(titles)
}
