package backend

import (
	"context"
	"time"
)

// Article is what the blog keeps of an article, as far as this feature goes.
type Article struct {
	ID, Title   string
	PublishedAt time.Time
}

// Articles are the blog's articles.
type Articles interface {
	// Add keeps a new article and gives it an id.
	Add(ctx context.Context, title string) (Article, error)
	// Remove forgets an article.
	Remove(ctx context.Context, id string) error
	// Find is the article, or false where there is none.
	Find(ctx context.Context, id string) (Article, bool, error)
	// Newest are the last articles, at most n, the newest first.
	Newest(ctx context.Context, n int) ([]Article, error)
}

// Views are which session has which article open: at most one.
type Views interface {
	// Open notes that the session has the article open, and returns the one that
	// it had open before; empty without one. It does nothing for a session that
	// was closed: the hub has no order between a session's messages and its end.
	Open(ctx context.Context, session, article string) (before string, err error)
	// Close notes that the session is gone, and returns the article that it had
	// open; empty without one.
	Close(ctx context.Context, session string) (article string, err error)
	// Count is how many sessions have the article open.
	Count(ctx context.Context, article string) (int, error)
	// Clear closes all sessions.
	Clear(ctx context.Context) error
}

// Readings are which user has read which article.
type Readings interface {
	HasRead(ctx context.Context, user, article string) (bool, error)
	SetRead(ctx context.Context, user, article string) error
}
