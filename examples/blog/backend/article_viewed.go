package backend

import (
	"context"
	"fmt"

	"google.golang.org/grpc/codes"

	blogv1 "github.com/realtime-hub/hub/examples/blog/gen/blog/v1"
	hub "github.com/realtime-hub/hub/sdk/go"
)

// onArticleViewed takes what a page says when it shows an article. The same
// message may come again: each of its steps may be done twice.
func onArticleViewed(articles Articles, v *viewers, list *readingList) hub.Handler[*blogv1.ArticleViewed] {
	return func(ctx context.Context, in *blogv1.ArticleViewed, m hub.Inbound) error {
		article, ok, err := articles.Find(ctx, in.GetId())
		if err != nil {
			return failed(OnArticleViewed, err)
		}
		if !ok {
			return hub.Reject(codes.NotFound, "ARTICLE_UNKNOWN", "there is no such article")
		}
		if err := v.opened(ctx, m.Sender.Session, article.ID); err != nil {
			return failed(OnArticleViewed, err)
		}
		if m.Sender.UserID == "" {
			return nil // an anonymous reader has no reading list
		}
		return failed(OnArticleViewed, list.viewed(ctx, m.Sender.UserID, article, m.ID))
	}
}

// onSessionEnded takes a session's view away.
func onSessionEnded(v *viewers) func(ctx context.Context, e hub.Event) error {
	return func(ctx context.Context, e hub.Event) error {
		return failed(OnSessionEnded, v.closed(ctx, e.Sender.Session))
	}
}

// failed asks for the message again where that may help. The text stays in the
// worker's log.
func failed(handler string, err error) error {
	if err == nil {
		return nil
	}
	named := fmt.Errorf("%s: %w", handler, err)
	if passes(err) {
		return hub.Retry(named, 0)
	}
	return named
}
