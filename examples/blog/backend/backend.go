// Package backend is the blog's server side, as far as realtime goes: it
// publishes articles to the feed. It shows all that a backend needs.
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

// ArticleFeed is where new articles appear. The payload's type is the
// channel's: another one does not compile.
var ArticleFeed = hub.NewChannel[*blogv1.ArticleFeed]("blog.article.feed")

var titles = []string{
	"A hub in an afternoon",
	"What a phone in a tunnel misses",
	"Rules belong to the message",
	"One frame for a thousand readers",
}

// Publish publishes an article at each tick until ctx ends.
func Publish(ctx context.Context, b hub.Broadcaster, ticks <-chan time.Time, log *slog.Logger) error {
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return nil
		case <-ticks:
		}
		article := &blogv1.ArticleFeed{
			Id:          fmt.Sprintf("article-%d", n+1),
			Slug:        fmt.Sprintf("article-%d", n+1),
			Title:       titles[n%len(titles)],
			PublishedAt: timestamppb.Now(),
		}
		receipt, err := hub.Broadcast(ctx, b, ArticleFeed, article)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the end that was asked for
		}
		if err != nil {
			return fmt.Errorf("publish %s: %w", article.GetId(), err)
		}
		log.Info("published", "title", article.GetTitle(), "broadcast", receipt.ID)
	}
}
