package e2e_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	grpccodes "google.golang.org/grpc/codes"

	blogv1 "github.com/realtime-hub/hub/examples/blog/gen/blog/v1"
	"github.com/realtime-hub/hub/hub/channel"
	"github.com/realtime-hub/hub/hub/server"
	hub "github.com/realtime-hub/hub/sdk/go"
)

// This test is written to be copied: a hub in the test's process, a worker that
// knows sessions by their cookie and answers each message by a broadcast, and
// the real socket.io-client. ArticleViewed is the ping, ArticleViewers the pong.
var (
	viewed  = hub.NewInbound[*blogv1.ArticleViewed]("blog.article.feed")
	viewers = func(article string) channel.Of[*blogv1.ArticleViewers] {
		return channel.Filled[*blogv1.ArticleViewers]("blog.article.{article_id}.viewers", channel.Params{"article_id": article})
	}
)

// authenticate knows one cookie. Nobody is an anonymous session.
func authenticate(_ context.Context, q *hub.Question) (*hub.Identity, error) {
	if q.Cookies["session"] == "stub" {
		return &hub.Identity{UserID: "user_1"}, nil
	}
	return nil, nil //nolint:nilnil // the contract's "neither"
}

// onViewed is a handler as a use case would write it: private, and without a
// hub in its signature.
func onViewed(b hub.Broadcaster) hub.Handler[*blogv1.ArticleViewed] {
	return func(ctx context.Context, in *blogv1.ArticleViewed, _ hub.Inbound) error {
		switch id := in.GetId(); id {
		case "closed":
			return hub.Reject(grpccodes.FailedPrecondition, "ARTICLE_CLOSED", "the article is closed")
		case "broken":
			return errors.New("a secret of the backend's")
		default:
			_, err := hub.Broadcast(ctx, b, viewers(id), &blogv1.ArticleViewers{Id: id, Count: 1})
			return err
		}
	}
}

// serve runs a worker until the test ends, and returns when it is attached.
func (h *testHub) serve(t *testing.T, group hub.Group, registrations func(*hub.Client) []hub.Registration) {
	t.Helper()
	client, err := hub.Dial(h.addresses.GRPC)
	if err != nil {
		t.Fatal(err)
	}
	attached := make(chan struct{}, 1)
	reg := hub.NewRegistry()
	if err := reg.Register(append(registrations(client), hub.OnAttach(func(context.Context, string) { attached <- struct{}{} }))...); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var running sync.WaitGroup
	running.Go(func() {
		if err := client.Serve(ctx, group, reg); err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	t.Cleanup(func() {
		cancel()
		running.Wait()
		_ = client.Close()
	})
	select {
	case <-attached:
	case <-time.After(patience):
		t.Fatal("the worker does not attach")
	}
}

func TestPing(t *testing.T) {
	h := startHub(t, func(cfg *server.Config) {
		cfg.Channels = append(cfg.Channels, "../examples/blog/proto")
		cfg.Auth.Worker = &server.WorkerAuth{Group: "blog"}
	})
	h.serve(t, "blog", func(client *hub.Client) []hub.Registration {
		return []hub.Registration{hub.Authenticate(authenticate), hub.Handle(viewed, onViewed(client))}
	})
	each(t, func(t *testing.T, m mode) {
		article := unique()
		there := "blog.article." + article + ".viewers"
		c := dial(t, h.url, m, options{headers: map[string]string{"Cookie": "session=stub"}}) // gate 1
		same(t, "who it is", string(field(t, c.ready().arg(0), "userId")), `"user_1"`)
		c.subscribe(there) // gate 2
		c.subscribe("blog.notifications.user_1")
		if answer := c.ack("blog.article.feed", object{"id": article}); !strings.Contains(answer, `"ok":true`) { // gates 3 and 4
			t.Fatalf("the ping is answered by %s", answer)
		}
		same(t, "the pong", string(c.next(there).arg(0)), `{"id":`+quoted(article)+`,"count":1}`)

		for _, no := range []struct {
			what, event, reason string
			args                []any
		}{
			{"an unknown channel", "hub:subscribe", "CHANNEL_UNKNOWN", []any{"blog.nothing"}},
			{"a scope that forbids to join", "hub:subscribe", "SCOPE_DENIED", []any{"blog.notifications.user_2"}},
			{"a channel without inbound", there, "INBOUND_NOT_ACCEPTED", []any{object{"id": "x"}}},
			{"a scope that forbids to send", "e2e.staff", "SCOPE_DENIED", []any{object{"n": 1}}},
			{"a field that is not there", "blog.article.feed", "PAYLOAD_MALFORMED", []any{object{"no": "x"}}},
			{"a handler that fails", "blog.article.feed", "HANDLER_FAILED", []any{object{"id": "broken"}}},
		} {
			f := c.refused(no.event, no.args...)
			if f.want(t, no.reason); strings.Contains(f.Message, "secret") {
				t.Errorf("%s: the browser reads %q", no.what, f.Message)
			}
		}
		f := c.refused("blog.article.feed", object{"id": "closed"})
		if f.Reason != "ARTICLE_CLOSED" || f.Code != "FAILED_PRECONDITION" || f.Message != "the article is closed" {
			t.Errorf("what the handler meant for the browser came as %+v", f)
		}
	})
}
