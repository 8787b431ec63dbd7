// Package backend is the blog's server side, as far as realtime goes: it
// publishes articles to the feed, counts who has which article open, and
// notifies users. It shows all that a backend needs.
//
// Use cases (Publisher, viewers, readingList) know a hub.Broadcaster and
// repositories. Handlers bring them what browsers say; the binders put all of it
// together, one for production and one for development.
package backend

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	blogv1 "github.com/realtime-hub/hub/examples/blog/gen/blog/v1"
	hub "github.com/realtime-hub/hub/sdk/go"
)

var titles = []string{
	"A hub in an afternoon",
	"What a phone in a tunnel misses",
	"Rules belong to the message",
	"One frame for a thousand readers",
}

// Publisher is the use case that publishes articles.
type Publisher struct {
	b        hub.Broadcaster
	articles Articles
}

// Run publishes an article at each tick until ctx ends.
func (p *Publisher) Run(ctx context.Context, ticks <-chan time.Time, log *slog.Logger) error {
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return nil
		case <-ticks:
		}
		title := titles[n%len(titles)]
		receipt, err := p.Publish(ctx, title)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the end that was asked for
		}
		if err != nil {
			return err
		}
		log.Info("published", "title", title, "broadcast", receipt.ID)
	}
}

// Publish keeps an article, then tells the readers of the feed, who may open it
// at once.
func (p *Publisher) Publish(ctx context.Context, title string) (hub.Receipt, error) {
	article, err := p.articles.Add(ctx, title)
	if err != nil {
		return hub.Receipt{}, fmt.Errorf("publish %q: %w", title, err)
	}
	receipt, err := hub.Broadcast(ctx, p.b, ArticleFeed, &blogv1.ArticleFeed{
		Id: article.ID, Slug: article.ID, Title: article.Title, PublishedAt: timestamppb.Now(),
	})
	if err != nil {
		return hub.Receipt{}, fmt.Errorf("publish %s: %w", article.ID, err)
	}
	return receipt, nil
}
