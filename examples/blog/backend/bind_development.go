package backend

import (
	blogv1 "github.com/realtime-hub/hub/examples/blog/gen/blog/v1"
	hub "github.com/realtime-hub/hub/sdk/go"
)

// BindDevelopment is BindProduction with repositories in memory, seeded with a
// few articles: no database, and the same at every start.
func BindDevelopment(b hub.Broadcaster, reg *hub.Registry) *Publisher {
	repo := newMemory("Hello", "A hub in the basement", "What the tunnel took")
	viewers := newViewers(b, repo)
	list := newReadingList(b, repo)
	// A mistake is not lost here: Serve refuses the registry for it.
	_ = reg.Register(
		hub.OnAttach(viewers.begin),
		hub.OnEvent(onSessionEnded(viewers), hub.Disconnected),
		hub.Handle(blogv1.ArticleFeedInbound, onArticleViewed(repo, viewers, list)),
		hub.Handle(blogv1.CursorMovedInbound, onCursorMoved(b)),
		// hub:handlers
	)
	return &Publisher{b: b, articles: repo, views: repo}
}
