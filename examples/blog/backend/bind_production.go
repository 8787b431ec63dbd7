package backend

import (
	blogv1 "github.com/realtime-hub/hub/examples/blog/gen/blog/v1"
	hub "github.com/realtime-hub/hub/sdk/go"
)

// Config is what the feature needs of the program it runs in.
type Config struct {
	// Articles, Views and Readings are on the blog's database. All workers of
	// the group share it, so that each counts what the others were told.
	Articles Articles
	Views    Views
	Readings Readings
}

// BindProduction registers the feature's handlers on cfg's repositories, and
// returns the use case that no browser calls.
func BindProduction(cfg Config, b hub.Broadcaster, reg *hub.Registry) *Publisher {
	viewers := newViewers(b, cfg.Views)
	list := newReadingList(b, cfg.Readings)
	// A mistake is not lost here: Serve refuses the registry for it.
	_ = reg.Register(
		hub.OnAttach(viewers.begin),
		hub.OnEvent(onSessionEnded(viewers), hub.Disconnected),
		hub.Handle(blogv1.ArticleFeedInbound, onArticleViewed(cfg.Articles, viewers, list)),
		hub.Handle(blogv1.CursorMovedInbound, onCursorMoved(b)),
		// hub:handlers
	)
	return &Publisher{b: b, articles: cfg.Articles, views: cfg.Views}
}
