package e2e_test

import (
	"testing"

	"google.golang.org/protobuf/types/known/timestamppb"

	blogv1 "github.com/realtime-hub/hub/examples/blog/gen/blog/v1"
	"github.com/realtime-hub/hub/hub/hubtest"
	"github.com/realtime-hub/hub/hub/server"
	hub "github.com/realtime-hub/hub/sdk/go"
)

// The hub of a Go test is reached by socket.io-client too, which is another
// process and needs a port; browsers that are memory hear the same.
func TestAHubOfAGoTestIsReachedByRealClients(t *testing.T) {
	feed := hub.NewChannel[*blogv1.ArticleFeed]("blog.article.feed")
	article := &blogv1.ArticleFeed{Id: "1", Slug: "a", Title: "A", PublishedAt: &timestamppb.Timestamp{Seconds: 1}}
	each(t, func(t *testing.T, m mode) {
		h := hubtest.Start(t, hubtest.Channels("../examples/blog/proto"), hubtest.Config(func(cfg *server.Config) { cfg.HTTP.Door = door() }))
		inMemory := h.Browser(t)
		inMemory.Subscribe(feed.Name())
		c := dial(t, h.URL(), m, options{auth: map[string]string{"token": h.UserToken(t, "user_1")}})
		c.ready()
		c.begin(feed.Name())
		if _, err := hub.Broadcast(t.Context(), h.Client(t), feed, article); err != nil {
			t.Fatal(err)
		}
		c.next(feed.Name())
		hubtest.Receive(inMemory, feed)
	})
}
