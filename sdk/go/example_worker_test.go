package hub_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"slices"
	"time"

	"go.opentelemetry.io/otel/trace/noop"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	hub "github.com/realtime-hub/hub/sdk/go"
)

// Descriptors are made once, beside the message that they carry.
var articleViewed = hub.NewInbound[*wrapperspb.StringValue]("blog.article.feed")

// onArticleViewed is a feature's handler: private, and a plain function that
// tests call directly.
func onArticleViewed(counts func(article string) error) hub.Handler[*wrapperspb.StringValue] {
	return func(_ context.Context, in *wrapperspb.StringValue, m hub.Inbound) error {
		if in.GetValue() == "" {
			return hub.Reject(codes.NotFound, "ARTICLE_GONE", "the article was withdrawn")
		}
		fmt.Println(m.Sender.Session, "views", in.GetValue())
		if err := counts(in.GetValue()); err != nil {
			return hub.Retry(err, time.Second) // m.ID tells whether it counted already
		}
		return nil
	}
}

func counted(string) error { return nil }

// exampleWorker serves the registry with a hub that sends one frame, and
// returns the worker's answer.
func exampleWorker(reg *hub.Registry, frame *hubv1.HandleResponse, opts ...hub.ServeOption) *hubv1.HandleRequest {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	f, server := newHandlerHub(), grpc.NewServer()
	hubv1.RegisterHandlerServiceServer(server, f)
	ended := make(chan struct{})
	go func() { defer close(ended); _ = server.Serve(l) }()
	defer func() { server.Stop(); <-ended }()

	client, err := hub.Dial(l.Addr().String())
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- client.Serve(ctx, "blog", reg, append([]hub.ServeOption{quietly()}, opts...)...) }()
	stream := <-f.streams
	stream.send <- frame
	answer := <-stream.said
	stop()
	if err := <-served; err != nil {
		log.Fatal(err)
	}
	return answer
}

func articleDelivery(article string) *hubv1.HandleResponse {
	return &hubv1.HandleResponse{Frame: &hubv1.HandleResponse_Delivery{Delivery: &hubv1.Delivery{
		DeliveryId: "1", Channel: "blog.article.feed", Message: pack(wrapperspb.String(article)), MessageId: "m1",
		Sender: &hubv1.Sender{Session: "GUnjRk7d"}, Attempt: 1,
	}}}
}

func ExampleNewInbound() {
	fmt.Println(hub.NewInbound[*wrapperspb.StringValue]("board.{board_id}.cursor").Declared())
	// Output: board.{board_id}.cursor
}

func ExampleNewRegistry() {
	reg := hub.NewRegistry()
	if err := reg.Register(hub.Handle(articleViewed, onArticleViewed(counted))); err != nil {
		log.Fatal(err)
	}
	exampleWorker(reg, articleDelivery("article 42"))
	// Output: GUnjRk7d views article 42
}

func ExampleHandle() {
	reg := hub.NewRegistry()
	if err := reg.Register(hub.Handle(articleViewed, onArticleViewed(counted))); err != nil {
		log.Fatal(err)
	}
	// What the sender of an empty article reads:
	refused := exampleWorker(reg, articleDelivery("")).GetNack()
	fmt.Println(refused.GetError().GetReason(), refused.GetError().GetMessage())
	// Output: ARTICLE_GONE the article was withdrawn
}

func ExampleRegistry_Register() {
	reg := hub.NewRegistry()
	fmt.Println(reg.Register(hub.Handle(articleViewed, onArticleViewed(counted))))
	fmt.Println(reg.Register(hub.Handle(articleViewed, onArticleViewed(counted))))
	// Output:
	// <nil>
	// hub: Register: channel "blog.article.feed" is registered already
}

func ExampleUse() {
	tracer := noop.NewTracerProvider().Tracer("blog") // otel.Tracer("blog")
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: only("msg", "error", "channel")}))
	reg := hub.NewRegistry(hub.Use(hub.Span(tracer), hub.Capture(logger)))
	if err := reg.Register(hub.Handle(articleViewed, onArticleViewed(func(string) error { panic("no table") }))); err != nil {
		log.Fatal(err)
	}
	answer := exampleWorker(reg, articleDelivery("article 42")).GetNack()
	fmt.Printf("%s %q\n", answer.GetError().GetReason(), answer.GetError().GetMessage())
	// Output:
	// GUnjRk7d views article 42
	// msg="handler failed" error="panic: no table" channel=blog.article.feed
	// HANDLER_FAILED ""
}

func ExampleMiddleware() {
	timed := func(next hub.Handler[proto.Message]) hub.Handler[proto.Message] {
		return func(ctx context.Context, in proto.Message, m hub.Inbound) error {
			began := time.Now()
			defer func() { fmt.Println(m.Declared, "took less than a minute:", time.Since(began) < time.Minute) }()
			return next(ctx, in, m)
		}
	}
	reg := hub.NewRegistry(hub.Use(timed))
	if err := reg.Register(hub.Handle(articleViewed, onArticleViewed(counted))); err != nil {
		log.Fatal(err)
	}
	exampleWorker(reg, articleDelivery("article 42"))
	// Output:
	// GUnjRk7d views article 42
	// blog.article.feed took less than a minute: true
}

func ExampleSpan() {
	tracer := noop.NewTracerProvider().Tracer("blog") // otel.Tracer("blog")
	_ = hub.NewRegistry(hub.Use(hub.Span(tracer)))
}

func ExampleCapture() {
	_ = hub.NewRegistry(hub.Use(hub.Capture(slog.Default())))
}

func ExampleRetry() {
	handler := onArticleViewed(func(string) error { return errors.New("the counter is busy") })
	err := handler(context.Background(), wrapperspb.String("article 42"), hub.Inbound{Sender: hub.Sender{Session: "GUnjRk7d"}})
	again, ok := errors.AsType[*hub.RetryError](err)
	fmt.Println(ok, again.After, err)
	// Output:
	// GUnjRk7d views article 42
	// true 1s retry: the counter is busy
}

func ExampleReject() {
	err := onArticleViewed(counted)(context.Background(), wrapperspb.String(""), hub.Inbound{})
	no, ok := errors.AsType[*hub.RejectError](err)
	fmt.Println(ok, no.Code, no.Reason)
	// Output: true NotFound ARTICLE_GONE
}

func ExampleOnEvent() {
	reg := hub.NewRegistry()
	if err := reg.Register(hub.OnEvent(func(_ context.Context, e hub.Event) error {
		fmt.Println(e.Sender.Session, e.Kind)
		return nil
	}, hub.Connected, hub.Disconnected)); err != nil {
		log.Fatal(err)
	}
	exampleWorker(reg, &hubv1.HandleResponse{Frame: &hubv1.HandleResponse_Event{Event: &hubv1.SessionEvent{
		DeliveryId: "1", Kind: hubv1.SessionEventKind_SESSION_EVENT_KIND_DISCONNECTED, Sender: &hubv1.Sender{Session: "GUnjRk7d"},
	}}})
	// Output: GUnjRk7d disconnected
}

func ExampleOnAttach() {
	sessions := map[string]int{"of a hub that is gone": 3}
	before := "the hub before"
	reg := hub.NewRegistry()
	if err := reg.Register(
		hub.OnAttach(func(_ context.Context, hubID string) {
			if hubID != before {
				clear(sessions)
				before = hubID
			}
		}),
		hub.Handle(articleViewed, func(_ context.Context, _ *wrapperspb.StringValue, m hub.Inbound) error {
			sessions[m.Sender.Session]++
			return nil
		}),
	); err != nil {
		log.Fatal(err)
	}
	exampleWorker(reg, articleDelivery("article 42"))
	fmt.Println(sessions)
	// Output: map[GUnjRk7d:1]
}

func ExampleAuthenticate() {
	users := map[string]string{"stub": "user_42"} // a table of sessions
	reg := hub.NewRegistry()
	if err := reg.Register(hub.Authenticate(func(_ context.Context, q *hub.Question) (*hub.Identity, error) {
		user, ok := users[q.Cookies["session"]]
		if !ok {
			return nil, hub.Reject(codes.Unauthenticated, "SESSION_OVER", "log in again")
		}
		return &hub.Identity{UserID: user, Roles: []string{"reader"}, ExpiresAt: time.Now().Add(time.Hour)}, nil
	})); err != nil {
		log.Fatal(err)
	}
	answer := exampleWorker(reg, &hubv1.HandleResponse{Frame: &hubv1.HandleResponse_Authenticate{Authenticate: &hubv1.Authenticate{
		QuestionId: "1", Cookies: map[string]string{"session": "stub"},
	}}})
	fmt.Println(answer.GetIdentify().GetIdentity().GetUserId())
	// Output: user_42
}

func ExampleAuthorize() {
	reg := hub.NewRegistry()
	if err := reg.Register(hub.Authorize("board.{board_id}.cursor", func(_ context.Context, j *hub.Join) (hub.Decision, error) {
		if j.Params["board_id"] != "7" {
			return hub.Decision{Message: "the board is closed"}, nil
		}
		return hub.Decision{Allow: true, ExpiresAt: time.Now().Add(time.Hour)}, nil
	})); err != nil {
		log.Fatal(err)
	}
	answer := exampleWorker(reg, &hubv1.HandleResponse{Frame: &hubv1.HandleResponse_Authorize{Authorize: &hubv1.Authorize{
		QuestionId: "1", Channel: "board.7.cursor", Params: map[string]string{"board_id": "7"},
	}}})
	fmt.Println(answer.GetDecide().GetAllow())
	// Output: true
}

func ExampleClient_Serve() {
	client, err := hub.Dial("hub:8081", hub.WithToken("from the environment or a file"))
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	reg := hub.NewRegistry(hub.Use(hub.Capture(slog.Default())))
	if err := reg.Register(hub.Handle(articleViewed, onArticleViewed(counted))); err != nil {
		log.Fatal(err)
	}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := client.Serve(ctx, hub.Group("blog"), reg); err != nil {
		log.Fatal(err)
	}
}

func serveWith(opts ...hub.ServeOption) {
	reg := hub.NewRegistry()
	if err := reg.Register(hub.Handle(articleViewed, onArticleViewed(counted))); err != nil {
		log.Fatal(err)
	}
	exampleWorker(reg, articleDelivery("article 42"), opts...)
}

func ExampleCapacity() {
	serveWith(hub.Capacity(8)) // as many as the database takes at once
	// Output: GUnjRk7d views article 42
}

func ExampleObserve() {
	serveWith(hub.Observe()) // a worker that counts, and holds nobody up
	// Output: GUnjRk7d views article 42
}

func ExampleStopTimeout() {
	serveWith(hub.StopTimeout(25 * time.Second)) // a little less than what the platform grants
	// Output: GUnjRk7d views article 42
}

func ExampleLog() {
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: only("msg", "group", "hub_id")}))
	serveWith(hub.Log(logger))
	// Output:
	// msg=attached group=blog hub_id=h
	// GUnjRk7d views article 42
}

// only keeps a log's attributes of these names.
func only(names ...string) func(groups []string, a slog.Attr) slog.Attr {
	return func(_ []string, a slog.Attr) slog.Attr {
		if slices.Contains(names, a.Key) {
			return a
		}
		return slog.Attr{}
	}
}
