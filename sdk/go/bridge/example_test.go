package bridge_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"os"
	"time"

	blogv1 "github.com/realtime-hub/hub/examples/blog/gen/blog/v1"
	hub "github.com/realtime-hub/hub/sdk/go"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/realtime-hub/hub/sdk/go/bridge"
)

// In these examples client is what hub.Dial returns, and events are a Subscriber
// and Publisher of Watermill. A StringValue stands for the message that you generated.

var (
	client = &broadcaster{}
	titles = hub.NewChannel[*wrapperspb.StringValue]("blog.article.titles")
	ctx    = context.Background()
)

// until runs a bridge that forwards one topic, until an event is done.
func until(events *bus, mapper bridge.Mapper[published], opts ...bridge.Option) {
	ctx, stop := context.WithTimeout(context.Background(), patience)
	defer stop()
	b := bridge.New(client, append(opts, bridge.Watch(func(r bridge.Result) {
		fmt.Println(r.Outcome, r.ID, r.Reason)
		stop()
	}))...)
	if err := bridge.Forward(b, "articles.published", mapper); err != nil {
		log.Fatal(err)
	}
	if err := b.Run(ctx, events); err != nil {
		log.Fatal(err)
	}
}

func Example() {
	events := newBus()
	_ = events.Publish("articles.published", event("published-1", `{"article":"1","title":"Hello"}`))

	ctx, stop := context.WithCancel(context.Background()) // signal.NotifyContext in a main
	b := bridge.New(client,
		bridge.DeadLetters(events, "hub.dead"),
		bridge.Watch(func(r bridge.Result) {
			fmt.Println(r.Topic, r.Outcome)
			stop()
		}))
	err := bridge.Forward(b, "articles.published", func(_ context.Context, ev published, _ bridge.Event) (bridge.Broadcasts, error) {
		return bridge.To(titles, wrapperspb.String(ev.Title)), nil
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := b.Run(ctx, events); err != nil {
		log.Fatal(err)
	}
	// Output: articles.published forwarded
}

func ExampleNew() {
	b := bridge.New(client)
	fmt.Println(b.Run(ctx, newBus()))
	// Output: bridge: Run: nothing is forwarded: list topics with Forward
}

func ExampleForward() {
	b := bridge.New(client)
	for range 2 {
		err := bridge.Forward(b, "articles.published", func(_ context.Context, ev *blogv1.ArticleViewed, _ bridge.Event) (bridge.Broadcasts, error) {
			return bridge.To(titles, wrapperspb.String(ev.GetId())), nil
		})
		fmt.Println(err)
	}
	// Output:
	// <nil>
	// bridge: Forward: topic "articles.published": it is forwarded already: one mapper may return several broadcasts
}

func ExampleBridge_Run() {
	b := bridge.New(client)
	if err := bridge.Forward(b, "articles.published", toFeed); err != nil {
		log.Fatal(err)
	}
	ctx, stop := context.WithTimeout(context.Background(), time.Millisecond)
	defer stop()
	fmt.Println(b.Run(ctx, newBus()))
	// Output: <nil>
}

// An event may be told to nobody, on one channel, or on several.
func ExampleTo() {
	mapper := func(_ context.Context, ev published, _ bridge.Event) (bridge.Broadcasts, error) {
		if ev.Title == "" {
			return nil, nil // a draft
		}
		return append(
			bridge.To(titles, wrapperspb.String(ev.Title)),
			bridge.To(notification("user_42"), &blogv1.UserNotification{Text: ev.Title + " is out"})...,
		), nil
	}
	draft, _ := mapper(ctx, published{}, bridge.Event{})
	article, _ := mapper(ctx, published{Title: "Hello"}, bridge.Event{})
	fmt.Println(len(draft), len(article))
	// Output: 0 2
}

// A mapper is a function, and a test calls it.
func ExampleBroadcast_Outgoing() {
	broadcasts, _ := toFeed(ctx, published{Article: "1", Title: "Hello"}, bridge.Event{})
	out, err := broadcasts[0].Outgoing()
	fmt.Println(out.Channel, out.Payload.(*blogv1.ArticleFeed).GetTitle(), err)
	// Output: blog.article.feed Hello <nil>
}

func ExampleMapper() {
	authors := func(context.Context, string) (string, error) { return "", errors.New("no database") }
	mapper := func(ctx context.Context, ev published, _ bridge.Event) (bridge.Broadcasts, error) {
		author, err := authors(ctx, ev.Article)
		if err != nil {
			return nil, hub.Retry(err, 0) // the event waits; any other error makes it dead
		}
		return bridge.To(titles, wrapperspb.String(author+": "+ev.Title)), nil
	}
	_, err := mapper(ctx, published{}, bridge.Event{})
	fmt.Println(err)
	// Output: retry: no database
}

func ExampleDeadLetters() {
	events := newBus()
	_ = events.Publish("articles.published", event("1", `{"title":42}`))
	until(events, toFeed, bridge.DeadLetters(events, "hub.dead"), bridge.Log(slog.New(slog.DiscardHandler)))
	letter := events.waiting("hub.dead")[0]
	fmt.Println(string(letter.Payload), letter.Metadata[bridge.DeadReason], letter.Metadata[bridge.DeadTopic])
	// Output:
	// dead_lettered 1 EVENT_MALFORMED
	// {"title":42} EVENT_MALFORMED articles.published
}

// The ids of CloudEvents.
func ExampleIDFrom() {
	events := newBus()
	_ = events.Publish("articles.published", event("of the message", "{}", "ce-source", "/blog", "ce-id", "7"))
	until(events, toFeed, bridge.IDFrom("ce-source", "ce-id"))
	// Output: forwarded /blog/7
}

func ExampleInFlight() {
	// A topic with 12 partitions: one event of each at once.
	_ = bridge.New(client, bridge.InFlight(12))
}

func ExampleStopTimeout() {
	_ = bridge.New(client, bridge.StopTimeout(3*time.Second))
}

func ExampleLog() {
	_ = bridge.New(client, bridge.Log(slog.New(slog.NewJSONHandler(os.Stdout, nil))))
}

// Topics, outcomes and reasons have few values: they may be labels of a metric.
func ExampleWatch() {
	counts := map[string]int{}
	count := func(r bridge.Result) { counts[r.Topic+" "+string(r.Outcome)]++ }
	_ = bridge.New(client, bridge.Watch(count))
	count(bridge.Result{Topic: "articles.published", Outcome: bridge.Forwarded})
	fmt.Println(counts)
	// Output: map[articles.published forwarded:1]
}

func ExampleDecode() {
	b := bridge.New(client)
	err := bridge.Forward(b, "articles.renamed", func(_ context.Context, title string, _ bridge.Event) (bridge.Broadcasts, error) {
		return bridge.To(titles, wrapperspb.String(title)), nil
	}, bridge.Decode(func(payload []byte, _ bridge.Event) (string, error) { return string(payload), nil }))
	fmt.Println(err)
	// Output: <nil>
}

func ExampleProtobuf() {
	ev, err := bridge.Protobuf[*blogv1.ArticleViewed]([]byte("\n\x0242"), bridge.Event{})
	fmt.Println(ev.GetId(), err)
	// Output: 42 <nil>
}

func ExampleProtoJSON() {
	ev, err := bridge.ProtoJSON[*blogv1.ArticleViewed]([]byte(`{"id":"42","since":"a later version"}`), bridge.Event{})
	fmt.Println(ev.GetId(), err)
	// Output: 42 <nil>
}

func ExampleJSON() {
	ev, err := bridge.JSON[published]([]byte(`{"title":"Hello"}`), bridge.Event{})
	fmt.Println(ev.Title, err)
	// Output: Hello <nil>
}
