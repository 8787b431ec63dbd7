// Package backend is the blog's server side, as far as realtime goes: it
// publishes articles to the feed, counts who has which article open, notifies
// users, and shows editors each other's cursors. It shows all that a backend needs.
//
// Use cases (Publisher, viewers, readingList) know a hub.Broadcaster and
// repositories. Handlers bring them what browsers say; the binders put all of it
// together, one for production and one for development.
package backend

import (
	"context"
	"errors"
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
	views    Views
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
// at once. One that the hub refuses is not kept.
func (p *Publisher) Publish(ctx context.Context, title string) (hub.Receipt, error) {
	article, err := p.articles.Add(ctx, title)
	if err != nil {
		return hub.Receipt{}, fmt.Errorf("publish %q: %w", title, err)
	}
	receipt, err := hub.Broadcast(ctx, p.b, blogv1.ArticleFeedChannel, &blogv1.ArticleFeed{
		Id: article.ID, Slug: article.ID, Title: article.Title, PublishedAt: timestamppb.New(article.PublishedAt),
	})
	if err != nil {
		if !passes(err) {
			err = errors.Join(err, p.articles.Remove(ctx, article.ID))
		}
		return hub.Receipt{}, fmt.Errorf("publish %s: %w", article.ID, err)
	}
	return receipt, nil
}

// Entry is an article as a list shows it.
type Entry struct {
	Article

	Viewers int
}

// Newest are the articles that a page begins with: it asks when it has
// subscribed, and goes on from there by what it hears.
func (p *Publisher) Newest(ctx context.Context, n int) ([]Entry, error) {
	articles, err := p.articles.Newest(ctx, n)
	if err != nil {
		return nil, err
	}
	entries := make([]Entry, len(articles))
	for i, article := range articles {
		count, err := p.views.Count(ctx, article.ID)
		if err != nil {
			return nil, err
		}
		entries[i] = Entry{Article: article, Viewers: count}
	}
	return entries, nil
}
