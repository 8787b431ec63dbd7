package bridge_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	blogv1 "github.com/realtime-hub/hub/examples/blog/gen/blog/v1"
	"github.com/realtime-hub/hub/hub/channel"
	hub "github.com/realtime-hub/hub/sdk/go"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"github.com/realtime-hub/hub/sdk/go/bridge"
)

// These tests have a bus and a hub of their own.

var (
	away      = &hub.Error{Code: codes.Unavailable, Message: "no hub", Retryable: true}
	overload  = &hub.Error{Code: codes.ResourceExhausted, Reason: "OVERLOADED", Message: "too much", Retryable: true}
	invalid   = &hub.Error{Code: codes.InvalidArgument, Reason: "PAYLOAD_INVALID", Message: "title: too short"}
	unknown   = &hub.Error{Code: codes.NotFound, Reason: "CHANNEL_UNKNOWN", Message: "no such channel"}
	closedErr = &hub.Error{Code: codes.Canceled, Message: "the client connection is closing"}
	noHub     = &hub.Error{Code: codes.Unimplemented, Message: "unknown service"}
)

func TestNothingIsForwardedUnlessItIsListed(t *testing.T) {
	events := newBus()
	events.publish(t, "articles.drafted", event("1", "{}"))
	b := bridge.New(&broadcaster{}, quiet(t))
	if err := b.Run(t.Context(), events); err == nil || !strings.Contains(err.Error(), "nothing is forwarded: list topics with Forward") {
		t.Errorf("Run: %v", err)
	}
	if len(events.topics) != 0 {
		t.Errorf("it subscribes to %v", events.topics)
	}
	to := &broadcaster{}
	r, watch := watched(t)
	b = bridge.New(to, quiet(t), watch)
	forward(t, b, "articles.published", toFeed)
	r.run(b, events)
	events.publish(t, "articles.published", event("2", "{}"))
	r.want("forwarded 2")
	if len(events.topics) != 1 || to.accepted() != "blog.article.feed 2" || len(events.waiting("articles.drafted")) != 1 {
		t.Errorf("it subscribes to %v and sends %s", events.topics, to.accepted())
	}
}

func TestMistakesAreToldBeforeAnythingIsForwarded(t *testing.T) {
	to, events := &broadcaster{}, newBus()
	good := func(b *bridge.Bridge) { _ = bridge.Forward(b, "a", toFeed) }
	for want, b := range map[string]*bridge.Bridge{
		"the client is nil: give it what hub.Dial returned":       bridge.New(nil),
		"New: an option is nil":                                   bridge.New(to, nil),
		"DeadLetters: the publisher is nil":                       bridge.New(to, bridge.DeadLetters(nil, "dead")),
		"DeadLetters: the topic is empty":                         bridge.New(to, bridge.DeadLetters(events, "")),
		"what is dead would come again forever":                   bridge.New(to, bridge.DeadLetters(events, "a")),
		"InFlight is 0: it is from 1 to 256":                      bridge.New(to, bridge.InFlight(0)),
		"InFlight is 257: it is from 1 to 256":                    bridge.New(to, bridge.InFlight(257)),
		"StopTimeout is -1s: it is 0 or more":                     bridge.New(to, bridge.StopTimeout(-time.Second)),
		"IDFrom names no key: name those whose values":            bridge.New(to, bridge.IDFrom()),
		"IDFrom: a key is empty":                                  bridge.New(to, bridge.IDFrom("ce-id", "")),
		`Forward: topic "a": it is forwarded already: one mapper`: func() *bridge.Bridge { b := bridge.New(to); good(b); return b }(),
	} {
		good(b)
		if err := b.Run(t.Context(), events); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, have %v", want, err)
		}
	}
	for want, mistake := range map[string]func(b *bridge.Bridge) error{
		"the name is empty":          func(b *bridge.Bridge) error { return bridge.Forward(b, "", toFeed) },
		"the mapper is nil":          func(b *bridge.Bridge) error { return bridge.Forward[published](b, "b", nil) },
		"an option is nil":           func(b *bridge.Bridge) error { return bridge.Forward(b, "b", toFeed, nil) },
		"Decode: the decoder is nil": func(b *bridge.Bridge) error { return bridge.Forward(b, "b", toFeed, bridge.Decode[published](nil)) },
		"is an interface: name the type that is published": func(b *bridge.Bridge) error {
			return bridge.Forward(b, "b", func(context.Context, proto.Message, bridge.Event) (bridge.Broadcasts, error) { return nil, nil })
		},
		"which is no message: *blogv1.ArticleViewed is": func(b *bridge.Bridge) error {
			//nolint:govet // the mistake that this is about
			return bridge.Forward(b, "b", func(context.Context, blogv1.ArticleViewed, bridge.Event) (bridge.Broadcasts, error) { return nil, nil })
		},
	} {
		b := bridge.New(to)
		good(b)
		first, again := mistake(b), b.Run(t.Context(), events)
		for _, err := range []error{first, again} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("want %q, have %v", want, err)
			}
		}
	}
	b := bridge.New(to, quiet(t))
	good(b)
	if err := b.Run(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "the subscriber is nil") {
		t.Errorf("Run: %v", err)
	}
	if err := bridge.Forward(b, "b", toFeed); err == nil || !strings.Contains(err.Error(), "the bridge runs already") {
		t.Errorf("Forward after Run: %v", err)
	}
	if len(events.topics) != 0 {
		t.Errorf("it subscribes to %v", events.topics)
	}
}

func TestWhatOnlyAnOperatorCanMendEndsTheBridge(t *testing.T) {
	for name, c := range map[string]struct {
		answer error
		dead   bool
		want   string
	}{
		"a closed client":                       {closedErr, true, "the client connection is closing"},
		"an address that is no hub's":           {noHub, true, "unknown service"},
		"an event that is dead, and no letters": {invalid, false, `event "1" can never pass (PAYLOAD_INVALID): hub: PAYLOAD_INVALID: title: too short; give New the option DeadLetters`},
	} {
		events := newBus()
		r, watch := watched(t)
		opts := []bridge.Option{quiet(t), watch}
		if c.dead {
			opts = append(opts, bridge.DeadLetters(events, "hub.dead"))
		}
		answer := c.answer
		to := &broadcaster{answer: func(hub.Outgoing) error { return answer }}
		b := bridge.New(to, opts...)
		forward(t, b, "articles.published", toFeed)
		forward(t, b, "articles.liked", toFeed) // another topic ends with it
		events.publish(t, "articles.published", event("1", "{}"))
		err := r.run(b, events).result()
		if _, ok := errors.AsType[*hub.Error](err); !ok || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: Run ends with %v", name, err)
		}
		if acked, nacked := events.answers(); acked != "" || nacked != "1" || len(events.waiting("articles.published")) != 1 {
			t.Errorf("%s: acked %q, nacked %q", name, acked, nacked)
		}
		// The same bridge goes on when it is mended.
		answer = nil
		again, watch := watched(t)
		b = bridge.New(to, quiet(t), watch)
		forward(t, b, "articles.published", toFeed)
		again.run(b, events).want("forwarded 1")
	}
}

func TestASubscriptionThatFailsOrEndsEndsTheBridge(t *testing.T) {
	events := newBus()
	b := bridge.New(&broadcaster{}, quiet(t))
	forward(t, b, "a", toFeed)
	events.fails = errors.New("no such topic")
	if err := b.Run(t.Context(), events); !errors.Is(err, events.fails) || !strings.Contains(err.Error(), `subscribing to topic "a"`) {
		t.Errorf("Run: %v", err)
	}
	c := channels(t)
	log := newJournal(t)
	r, _ := watched(t)
	r.run(b, started{c, log})
	log.wait(t, "subscribed to a")
	_ = c.Close()
	if err := r.result(); err == nil || !strings.Contains(err.Error(), `the bus ended the subscription to topic "a"`) {
		t.Errorf("Run: %v", err)
	}
}

func TestAnEventsBroadcastsHaveItsIDAndTheirOwn(t *testing.T) {
	long := strings.Repeat("x", 129)
	for want, c := range map[string]struct {
		msg  *message.Message
		opts []bridge.Option
	}{
		"blog.article.feed 1, blog.notifications.user_1 1, blog.article.feed 1#2, blog.article.feed mine": {msg: event("1", "{}")},
		"blog.article.feed /shop/7, blog.notifications.user_1 /shop/7, blog.article.feed /shop/7#2, blog.article.feed mine": {
			event("1", "{}", "ce-source", "/shop", "ce-id", "7"), []bridge.Option{bridge.IDFrom("ce-source", "ce-id")},
		},
	} {
		to, events := &broadcaster{}, newBus()
		r, watch := watched(t)
		b := bridge.New(to, append(c.opts, quiet(t), watch)...)
		forward(t, b, "a", several)
		r.run(b, events)
		events.publish(t, "a", c.msg, c.msg)
		r.next()
		if got := <-r.results; got.Duplicates != 4 {
			t.Errorf("delivered again there are %d duplicates", got.Duplicates)
		}
		if got := to.accepted(); got != want {
			t.Errorf("sent: %s", got)
		}
	}
	to, events := &broadcaster{}, newBus()
	r, watch := watched(t)
	b := bridge.New(to, quiet(t), watch)
	forward(t, b, "a", toFeed)
	r.run(b, events)
	events.publish(t, "a", event(long, "{}"), event("\xff", "{}"))
	r.next()
	r.next()
	for sent := range strings.SplitSeq(to.accepted(), ", ") {
		if _, id, _ := strings.Cut(sent, " "); !strings.HasPrefix(id, "sha256-") || len(id) != 71 {
			t.Errorf("sent: %s", sent)
		}
	}
}

// several are broadcasts on two channels, twice on one of them.
func several(context.Context, published, bridge.Event) (bridge.Broadcasts, error) {
	out := append(bridge.To(feed, article(published{})), bridge.To(notification("user_1"), &blogv1.UserNotification{})...)
	out = append(out, bridge.To(feed, article(published{}))...)
	return append(out, bridge.To(feed, article(published{}), hub.WithID("mine"))...), nil
}

func TestAsManyAreInFlightAsAllowed(t *testing.T) {
	var now, most atomic.Int32
	var once sync.Once
	full, release := make(chan struct{}), make(chan struct{})
	to := &broadcaster{during: func(context.Context) bool {
		n := now.Add(1)
		defer now.Add(-1)
		for {
			old := most.Load()
			if n <= old || most.CompareAndSwap(old, n) {
				break
			}
		}
		if n == 3 {
			once.Do(func() { close(full) })
		}
		<-release
		return true
	}}
	r, watch := watched(t)
	b := bridge.New(to, quiet(t), watch, bridge.InFlight(3))
	forward(t, b, "a", toFeed)
	out := make(chan *message.Message)
	r.run(b, partitions{out})
	var offering sync.WaitGroup
	offering.Go(func() {
		for i := range 9 {
			out <- event(fmt.Sprint(i), "{}")
		}
	})
	<-full
	close(release)
	for range 9 {
		r.next()
	}
	offering.Wait()
	close(out)
	if most.Load() != 3 {
		t.Errorf("%d were in flight", most.Load())
	}
	if err := r.result(); err == nil {
		t.Error("Run outlives its subscription")
	}
}

// partitions is a subscriber that does not wait for acks.
type partitions struct{ events chan *message.Message }

func (p partitions) Subscribe(context.Context, string) (<-chan *message.Message, error) {
	return p.events, nil
}
func (partitions) Close() error { return nil }

func TestTheMapperHasTheEventsTrace(t *testing.T) {
	const id = "4bf92f3577b34da6a3ce929d0e0e4736"
	got := make(chan string, 1)
	events := newBus()
	r, watch := watched(t)
	b := bridge.New(&broadcaster{}, quiet(t), watch)
	forward(t, b, "a", func(ctx context.Context, _ published, m bridge.Event) (bridge.Broadcasts, error) {
		got <- trace.SpanContextFromContext(ctx).TraceID().String() + " " + m.Topic + " " + m.ID
		return nil, nil
	})
	r.run(b, events)
	events.publish(t, "a", event("1", "{}", "traceparent", "00-"+id+"-00f067aa0ba902b7-01"))
	r.want("skipped 1")
	if got := <-got; got != id+" a 1" {
		t.Errorf("the mapper has %s", got)
	}
}

func TestPayloadsAreDecodedAsTheTopicSays(t *testing.T) {
	to, events := &broadcaster{}, newBus()
	r, watch := watched(t)
	b := bridge.New(to, quiet(t), watch, bridge.DeadLetters(events, "hub.dead"))
	named := func(_ context.Context, ev *blogv1.ArticleViewed, _ bridge.Event) (bridge.Broadcasts, error) {
		return bridge.To(hub.NewChannel[*blogv1.ArticleViewed]("blog."+ev.GetId()), ev), nil
	}
	forward(t, b, "binary", named)
	forward(t, b, "protobuf", named, bridge.Decode(bridge.Protobuf[*blogv1.ArticleViewed]))
	forward(t, b, "protojson", named, bridge.Decode(bridge.ProtoJSON[*blogv1.ArticleViewed]))
	forward(t, b, "pointer", func(_ context.Context, ev *published, _ bridge.Event) (bridge.Broadcasts, error) {
		return bridge.To(hub.NewChannel[*blogv1.ArticleFeed]("blog."+ev.Title), article(*ev)), nil
	}, bridge.Decode(bridge.JSON[*published]))
	forward(t, b, "own", func(_ context.Context, ev string, _ bridge.Event) (bridge.Broadcasts, error) {
		return bridge.To(hub.NewChannel[*blogv1.ArticleFeed]("blog."+ev), article(published{})), nil
	}, bridge.Decode(func(payload []byte, m bridge.Event) (string, error) { return m.Metadata["kind"] + string(payload), nil }))
	r.run(b, events)
	for topic, payload := range map[string]string{
		"binary": "\n\x01a", "protobuf": "\n\x01b", "protojson": `{"id":"c","later":1}`, "pointer": `{"title":"d"}`, "own": "e",
	} {
		events.publish(t, topic, event(topic, payload, "kind", "the-"))
		r.want("forwarded " + topic)
	}
	for _, want := range []string{"blog.a binary", "blog.b protobuf", "blog.c protojson", "blog.d pointer", "blog.the-e own"} {
		if !strings.Contains(to.accepted(), want) {
			t.Errorf("%s was not sent, but %s", want, to.accepted())
		}
	}
	events.publish(t, "binary", event("1", "\n"))
	r.want("dead_lettered 1 EVENT_MALFORMED")
}

func TestAMappersBroadcastsCanBeLookedAt(t *testing.T) {
	got, _ := several(t.Context(), published{}, bridge.Event{})
	out, err := got[1].Outgoing()
	if err != nil || out.Channel != "blog.notifications.user_1" || out.Params["user_id"] != "user_1" {
		t.Errorf("%+v, %v", out, err)
	}
	if _, err := bridge.To(channel.Filled[*blogv1.UserNotification]("blog.notifications.{user_id}", nil), &blogv1.UserNotification{})[0].Outgoing(); err == nil {
		t.Error("a channel without its param is one")
	}
}
