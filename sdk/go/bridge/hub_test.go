package bridge_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/pubsub/gochannel"
	blogv1 "github.com/realtime-hub/hub/examples/blog/gen/blog/v1"
	"github.com/realtime-hub/hub/hub/hubtest"
	"github.com/realtime-hub/hub/hub/server"
	hub "github.com/realtime-hub/hub/sdk/go"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/realtime-hub/hub/sdk/go/bridge"
)

// These tests go through real hubs, real browsers, and Watermill's own pub/sub.

var blog = hubtest.Channels("../../../examples/blog/proto")

// published is an event as a backend publishes it, in JSON.
type published struct {
	Article, Title string
}

// toFeed tells readers of the feed.
func toFeed(_ context.Context, ev published, _ bridge.Event) (bridge.Broadcasts, error) {
	return bridge.To(feed, article(ev)), nil
}

func article(ev published) *blogv1.ArticleFeed {
	return &blogv1.ArticleFeed{Id: ev.Article, Slug: "hello", Title: ev.Title, PublishedAt: &timestamppb.Timestamp{Seconds: 1}}
}

// channels is Watermill's Go-channel pub/sub; Publish waits for the ack, without
// which it has no order.
func channels(t testing.TB) *gochannel.GoChannel {
	t.Helper()
	c := gochannel.NewGoChannel(gochannel.Config{BlockPublishUntilSubscriberAck: true, Persistent: false}, watermill.NopLogger{})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// titled are events about articles of these titles; their ids are 1, 2, 3.
func titled(titles ...string) []string {
	out := make([]string, len(titles))
	for i, title := range titles {
		out[i] = fmt.Sprintf(`{"article":"%d","title":%q}`, i+1, title)
	}
	return out
}

func forward[E any](t testing.TB, b *bridge.Bridge, topic string, m bridge.Mapper[E], opts ...bridge.RouteOption[E]) {
	t.Helper()
	if err := bridge.Forward(b, topic, m, opts...); err != nil {
		t.Fatal(err)
	}
}

func TestABrowserReceivesWhatIsPublished(t *testing.T) {
	h := hubtest.Start(t, blog)
	reader, owner := h.Browser(t), h.Browser(t, hubtest.As("user_42"))
	reader.Subscribe(feed.Name())
	owner.Subscribe(notification("user_42").Name())
	r, watch := watched(t)
	events := newBus()
	b := bridge.New(h.Client(t), watch, quiet(t))
	forward(t, b, "articles.published", toFeed)
	// Another topic, in protobuf, whose channel's param is in the event.
	forward(t, b, "articles.liked", func(_ context.Context, ev *blogv1.ArticleViewed, _ bridge.Event) (bridge.Broadcasts, error) {
		return bridge.To(notification(ev.GetId()), &blogv1.UserNotification{Text: "someone likes it"}), nil
	})
	liked, err := proto.Marshal(&blogv1.ArticleViewed{Id: "user_42"})
	if err != nil {
		t.Fatal(err)
	}
	r.run(b, events)
	events.publish(t, "articles.published", event("published-1", `{"article":"1","title":"Hello","by":"a field of later"}`))
	events.publish(t, "articles.liked", event("liked-1", string(liked)))

	if got := reader.Next(); got.ID != "published-1" || got.Name != feed.Name() || !strings.Contains(string(got.Payload), `"title":"Hello"`) {
		t.Errorf("the reader has %v with the id %q", got, got.ID)
	}
	if got := hubtest.Receive(owner, notification("user_42")); got.GetText() != "someone likes it" {
		t.Errorf("the owner has %v", got)
	}
	if err := r.stop(); err != nil {
		t.Errorf("Run: %v", err)
	}
	if got := append(reader.Pending(), owner.Pending()...); len(got) != 0 {
		t.Errorf("there is more: %v", got)
	}
}

func TestGoChannelsAreABus(t *testing.T) {
	h := hubtest.Start(t, blog)
	reader := h.Browser(t)
	reader.Subscribe(feed.Name())
	r, watch := watched(t)
	events := channels(t)
	b := bridge.New(h.Client(t), watch, quiet(t))
	forward(t, b, "articles.published", toFeed)
	journal := newJournal(t)
	r.run(b, started{events, journal})
	journal.wait(t, "subscribed to articles.published")
	for i, payload := range titled("One", "Two", "Three") {
		for range 2 { // published twice, with one id
			if err := events.Publish("articles.published", event(fmt.Sprint(i+1), payload)); err != nil {
				t.Fatal(err)
			}
		}
		// Not listed.
		if err := events.Publish("articles.drafted", event("draft", payload)); err != nil {
			t.Fatal(err)
		}
	}
	r.want("forwarded 1", "forwarded 1", "forwarded 2", "forwarded 2", "forwarded 3", "forwarded 3")
	for _, want := range []string{"One", "Two", "Three"} {
		if got := hubtest.Receive(reader, feed); got.GetTitle() != want {
			t.Errorf("the reader has %q, not %q", got.GetTitle(), want)
		}
	}
	if got := reader.Pending(); len(got) != 0 {
		t.Errorf("what was published twice came twice: %v", got)
	}
}

func TestAHubThatIsAwayCostsTimeNotEvents(t *testing.T) {
	way, events := newDoor(t), newBus()
	client, err := hub.Dial(way.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	log := newJournal(t)
	r, watch := watched(t)
	b := bridge.New(client, watch, bridge.Log(slog.New(log)), bridge.DeadLetters(events, "hub.dead"))
	forward(t, b, "articles.published", toFeed)
	r.run(b, events)
	payloads := titled("One", "Two", "Three")

	t.Run("the first hub", func(t *testing.T) {
		h := hubtest.Start(t, blog)
		reader := h.Browser(t)
		reader.Subscribe(feed.Name())
		way.open(h.GRPC())
		events.publish(t, "articles.published", event("1", payloads[0]))
		if got := hubtest.Receive(reader, feed); got.GetTitle() != "One" {
			t.Errorf("the reader has %v", got)
		}
		r.want("forwarded 1")
	})
	way.close()
	events.publish(t, "articles.published", event("2", payloads[1]), event("3", payloads[2]))
	log.wait(t, "event held")
	t.Run("the second hub", func(t *testing.T) {
		h := hubtest.Start(t, blog)
		reader := h.Browser(t)
		reader.Subscribe(feed.Name())
		way.open(h.GRPC())
		r.want("forwarded 2", "forwarded 3")
		for _, want := range []string{"Two", "Three"} {
			if got := hubtest.Receive(reader, feed); got.GetTitle() != want {
				t.Errorf("the reader has %q, not %q", got.GetTitle(), want)
			}
		}
		if got := reader.Pending(); len(got) != 0 {
			t.Errorf("there is more: %v", got)
		}
	})
	if dead := events.waiting("hub.dead"); len(dead) != 0 {
		t.Errorf("a hub that is away makes %d events dead", len(dead))
	}
}

func TestWhatCanNeverPassIsDeadLetteredOnce(t *testing.T) {
	h := hubtest.Start(t, blog, hubtest.Config(func(cfg *server.Config) { cfg.Limits.MaxPayloadBytes = 300 }))
	reader := h.Browser(t)
	reader.Subscribe(feed.Name())
	for name, c := range map[string]struct {
		id, payload          string
		reason, says, broken string
		channel              string
	}{
		"a payload that breaks its rules": {
			id: "1", payload: `{"article":"1","title":""}`, reason: "PAYLOAD_INVALID", says: "title: ", channel: feed.Name(),
			broken: `[{"field":"title","rule":"string.min_len","message":"`,
		},
		"a payload that is too large":   {id: "1", payload: `{"title":"` + strings.Repeat("x", 300) + `"}`, reason: "PAYLOAD_TOO_LARGE", channel: feed.Name()},
		"an event that is not JSON":     {id: "1", payload: "{\x1b[2J", reason: "EVENT_MALFORMED", says: "the payload is no bridge_test.published: "},
		"an event that is null":         {id: "1", payload: ` null`, reason: "EVENT_MALFORMED", says: "it is null"},
		"an event that has no id":       {id: "", payload: `{"article":"1","title":"x"}`, reason: "EVENT_ID_MISSING", says: "IDFrom"},
		"a mapper that says no":         {id: "1", payload: `{"title":"fail"}`, reason: "MAPPER_FAILED", says: "no such author"},
		"a mapper that panics":          {id: "1", payload: `{"title":"panic"}`, reason: "MAPPER_PANICKED", says: "panic: out of paper"},
		"a param that is none":          {id: "1", payload: `{"title":"nobody"}`, reason: "CHANNEL_NAME_INVALID", says: "user_id"},
		"a param that breaks its rules": {id: "1", payload: `{"title":"bob"}`, reason: "CHANNEL_NAME_INVALID", says: "user_id", channel: "blog.notifications.bob"},
	} {
		t.Run(name, func(t *testing.T) {
			events, good := newBus(), "good: "+name // the hub is the same, and knows the ids of the others
			r, watch := watched(t)
			b := bridge.New(h.Client(t), watch, quiet(t), bridge.DeadLetters(events, "hub.dead"))
			forward(t, b, "articles.published", func(_ context.Context, ev published, _ bridge.Event) (bridge.Broadcasts, error) {
				switch ev.Title {
				case "fail":
					return nil, errors.New("no such author:\n\x1b[31m" + strings.Repeat("é", 1000))
				case "panic":
					panic("out of paper")
				case "nobody":
					return bridge.To(notification(""), &blogv1.UserNotification{Text: "x"}), nil
				case "bob":
					return bridge.To(notification(ev.Title), &blogv1.UserNotification{Text: "x"}), nil
				}
				return bridge.To(feed, article(ev)), nil
			})
			r.run(b, events)
			events.publish(t, "articles.published", event(c.id, c.payload, "author", "ann", bridge.DeadViolations, "of an earlier death"),
				event(good, `{"article":"2","title":"Good"}`))
			r.want(strings.TrimSpace("dead_lettered "+c.id+" "+c.reason), "forwarded "+good)

			dead := events.waiting("hub.dead")
			if len(dead) != 1 {
				t.Fatalf("%d letters, not 1", len(dead))
			}
			got := dead[0]
			if string(got.Payload) != c.payload || got.UUID != c.id || got.Metadata.Get("author") != "ann" {
				t.Errorf("the letter is not the event: %q %q %v", got.UUID, got.Payload, got.Metadata)
			}
			said := got.Metadata.Get(bridge.DeadError)
			if got.Metadata.Get(bridge.DeadReason) != c.reason || !strings.Contains(said, c.says) || len(said) > 1000 || strings.ContainsAny(said, "\n\x1b") {
				t.Errorf("it died of %s: %q", got.Metadata.Get(bridge.DeadReason), said)
			}
			if v := got.Metadata.Get(bridge.DeadViolations); !strings.HasPrefix(v, c.broken) || (c.broken == "") != (v == "") && !strings.Contains(name, "param") {
				t.Errorf("the violations are %s", v)
			}
			if got.Metadata.Get(bridge.DeadTopic) != "articles.published" || got.Metadata.Get(bridge.DeadID) != c.id || got.Metadata.Get(bridge.DeadAt) == "" ||
				got.Metadata.Get(bridge.DeadChannel) != c.channel {
				t.Errorf("the letter says %v", got.Metadata)
			}
			if _, nacked := events.answers(); nacked != "" {
				t.Errorf("%s were nacked", nacked)
			}
			if got := hubtest.Receive(reader, feed); got.GetTitle() != "Good" {
				t.Errorf("the reader has %v", got)
			}
		})
	}
}

func TestATokenWithoutTheRightEndsTheBridge(t *testing.T) {
	const mail, blogs = "a-token-of-sixteen-bytes-or-more", "another-token-of-sixteen-bytes"
	h := hubtest.Start(t, blog, hubtest.Tokens(
		server.ServiceToken{Name: "mail", Token: mail, Allow: []string{"BROADCAST"}, Channels: []string{"mail.*"}},
		server.ServiceToken{Name: "blog", Token: blogs, Allow: []string{"BROADCAST"}, Channels: []string{"blog.*"}},
	))
	events := newBus()
	events.publish(t, "articles.published", event("1", titled("One")[0]))
	for token, want := range map[string]codes.Code{mail: codes.PermissionDenied, "a-token-that-nobody-has-given": codes.Unauthenticated} {
		r, watch := watched(t)
		b := bridge.New(h.Client(t, hub.WithToken(token)), watch, quiet(t), bridge.DeadLetters(events, "hub.dead"))
		forward(t, b, "articles.published", toFeed)
		err := r.run(b, events).result()
		refused, ok := errors.AsType[*hub.Error](err)
		if !ok || refused.Code != want || !strings.Contains(err.Error(), `topic "articles.published", event "1"`) {
			t.Errorf("Run ends with %v", err)
		}
		if waiting := events.waiting("articles.published"); len(waiting) != 1 {
			t.Errorf("%d events wait, not 1", len(waiting))
		}
	}
	// Nothing is lost: with the right token it goes on.
	r, watch := watched(t)
	b := bridge.New(h.Client(t, hub.WithToken(blogs)), watch, quiet(t), bridge.DeadLetters(events, "hub.dead"))
	forward(t, b, "articles.published", toFeed)
	r.run(b, events).want("forwarded 1")
	if dead := events.waiting("hub.dead"); len(dead) != 0 {
		t.Errorf("%d events are dead", len(dead))
	}
}
