package hub_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"go.opentelemetry.io/otel/attribute"
	otelcodes "go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/channel"
	hub "github.com/realtime-hub/hub/sdk/go"
)

func TestMistakesOfRegistration(t *testing.T) {
	event := func(context.Context, hub.Event) error { return nil }
	who := func(context.Context, *hub.Question) (*hub.Identity, error) { return &hub.Identity{UserID: "u"}, nil }
	may := func(context.Context, *hub.Join) (hub.Decision, error) { return hub.Decision{}, nil }
	for name, c := range map[string]struct {
		register []hub.Registration
		want     string // "": none
	}{
		"two channels":          {[]hub.Registration{hub.Handle(viewed, nothing), hub.Handle(moved, nothing)}, ""},
		"one channel twice":     {[]hub.Registration{hub.Handle(viewed, nothing), hub.Handle(viewed, nothing)}, `"blog.article.feed" is registered already`},
		"one shape twice":       {[]hub.Registration{hub.Handle(moved, nothing), hub.Handle(hub.NewInbound[text]("board.{id}.cursor"), nothing)}, `already, as "board.{board_id}.cursor"`},
		"another message":       {[]hub.Registration{hub.Handle(viewed, nothing), hub.Handle(hub.NewInbound[*wrapperspb.Int32Value]("blog.article.feed"), func(context.Context, *wrapperspb.Int32Value, hub.Inbound) error { return nil })}, "already"},
		"no function":           {[]hub.Registration{hub.Handle(viewed, nil)}, "the handler is nil"},
		"no descriptor":         {[]hub.Registration{hub.Handle(channel.Inbound[text]{}, nothing)}, "the name is empty"},
		"an interface":          {[]hub.Registration{hub.Handle(hub.NewInbound[proto.Message]("a.b"), func(context.Context, proto.Message, hub.Inbound) error { return nil })}, "interface"},
		"nothing":               {[]hub.Registration{{}}, "says nothing"},
		"events for two":        {[]hub.Registration{hub.OnEvent(event), hub.OnEvent(event, hub.Connected)}, ""},
		"an unknown event":      {[]hub.Registration{hub.OnEvent(event, 9)}, "kind 9"},
		"no event handler":      {[]hub.Registration{hub.OnEvent(nil)}, "nil"},
		"no attach function":    {[]hub.Registration{hub.OnAttach(nil)}, "nil"},
		"two authenticators":    {[]hub.Registration{hub.Authenticate(who), hub.Authenticate(who)}, "one already"},
		"no authenticator":      {[]hub.Registration{hub.Authenticate(nil)}, "nil"},
		"two authorizers":       {[]hub.Registration{hub.Authorize("a.b", may), hub.Authorize("a.c", may)}, ""},
		"one channel's two":     {[]hub.Registration{hub.Authorize("a.{b}", may), hub.Authorize("a.{b}", may)}, "already"},
		"a malformed name":      {[]hub.Registration{hub.Authorize("a", may)}, "segment"},
		"no authorizer":         {[]hub.Registration{hub.Authorize("a.b", nil)}, "nil"},
		"the rest is not spilt": {[]hub.Registration{{}, hub.Handle(viewed, nothing), hub.Handle(viewed, nothing)}, "already"},
	} {
		err := hub.NewRegistry().Register(c.register...)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestAServedRegistryDoesNotChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := registry(t, nothing)
		s := serve(t, newHandlerHub(), reg)
		s.attached()
		if err := reg.Register(hub.Handle(hub.NewInbound[text]("a.b"), nothing)); err == nil {
			t.Error("registered although served")
		}
		s.ends()
		again := serve(t, newHandlerHub(), reg) // a second Serve of the same is fine
		again.attached()
		again.ends()
	})
}

func TestTheMoreSpecificHandlerIsCalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := hub.NewRegistry()
		var called []string
		for _, name := range []string{"a.{x}", "a.b", "a.{x}.{y}", "a.b.{y}", "a.{x}.c.d", "a.b.{y}.e"} {
			if err := reg.Register(hub.Handle(hub.NewInbound[text](name), func(_ context.Context, _ text, m hub.Inbound) error {
				called = append(called, m.Declared)
				if m.Declared != name {
					t.Errorf("the handler of %s learns %s", name, m.Declared)
				}
				return nil
			})); err != nil {
				t.Fatal(err)
			}
		}
		s := serve(t, newHandlerHub(), reg)
		stream := s.attached()
		for _, concrete := range []string{"a.b", "a.c", "a.b.c", "a.c.b", "a.b.c.d", "a.b.c.e"} {
			stream.deliver(concrete, "s", concrete)
			stream.acks(t)
		}
		if want := []string{"a.b", "a.{x}", "a.b.{y}", "a.{x}.{y}", "a.{x}.c.d", "a.b.{y}.e"}; !slices.Equal(called, want) {
			t.Errorf("called %v, want %v", called, want)
		}
		s.ends()
	})
}

func TestMiddlewareWrapsInTheOrderGiven(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var order []string
		mark := func(name string) hub.Middleware {
			return func(next hub.Handler[proto.Message]) hub.Handler[proto.Message] {
				order = append(order, "wrap "+name)
				return func(ctx context.Context, in proto.Message, m hub.Inbound) error {
					order = append(order, name)
					err := next(ctx, in, m)
					order = append(order, "after "+name)
					return err
				}
			}
		}
		reg := hub.NewRegistry(hub.Use(mark("a"), mark("b")), hub.Use(mark("c")))
		_ = reg.Register(hub.Handle(viewed, func(context.Context, text, hub.Inbound) error {
			order = append(order, "handler")
			return nil
		}))
		s := serve(t, newHandlerHub(), reg)
		stream := s.attached()
		stream.deliver("1", "s", "blog.article.feed")
		stream.acks(t)
		want := []string{"wrap c", "wrap b", "wrap a", "a", "b", "c", "handler", "after c", "after b", "after a"}
		if !slices.Equal(order, want) {
			t.Errorf("order %v, want %v", order, want)
		}
		s.ends()
	})
}

func TestAMiddlewareCannotChangeTheMessage(t *testing.T) {
	swap := hub.Use(func(next hub.Handler[proto.Message]) hub.Handler[proto.Message] {
		return func(ctx context.Context, _ proto.Message, m hub.Inbound) error { return next(ctx, &emptypb.Empty{}, m) }
	})
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, newHandlerHub(), registry(t, nothing, swap))
		stream := s.attached()
		stream.deliver("1", "s", "blog.article.feed")
		if stream.next(t).GetNack() == nil {
			t.Error("acked")
		}
		s.ends()
	})
}

func TestCaptureLogsOnceWithoutThePayload(t *testing.T) {
	for name, c := range map[string]struct {
		err   error
		level string
	}{
		"a failure": {errors.New("no database"), "ERROR"},
		"a panic":   {nil, "ERROR"},
		"a retry":   {hub.Retry(errors.New("busy"), 0), "WARN"},
		"a reject":  {hub.Reject(codes.NotFound, "GONE", "gone"), "DEBUG"},
	} {
		var captured, worker bytes.Buffer
		logger := func(b *bytes.Buffer) *slog.Logger {
			return slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug}))
		}
		synctest.Test(t, func(t *testing.T) {
			reg := registry(t, func(context.Context, text, hub.Inbound) error {
				if c.err == nil {
					panic("no database")
				}
				return c.err
			}, hub.Use(hub.Capture(logger(&captured)), hub.Capture(nil)))
			s := serve(t, newHandlerHub(), reg, hub.Log(logger(&worker)))
			stream := s.attached()
			stream.deliver("1", "s", "board.7.cursor", func(d *hubv1.Delivery) { d.Message = pack(wrapperspb.String("payload")) })
			stream.next(t)
			s.ends()
		})
		log := captured.String()
		for _, want := range []string{"level=" + c.level, "channel=board.7.cursor", "handles=board.{board_id}.cursor", "message_id=m-1", "session=s"} {
			if !strings.Contains(log, want) {
				t.Errorf("%s: no %s in the log:\n%s", name, want, log)
			}
		}
		if c.err == nil && !strings.Contains(log, "registry_test.go") {
			t.Errorf("%s: no stack in the log:\n%s", name, log)
		}
		if strings.Contains(log, "payload") && c.err != nil || strings.Count(log, "handler failed") != 1 || strings.Contains(worker.String(), "handler failed") {
			t.Errorf("%s: the log:\n%s\nthe worker's:\n%s", name, log, worker.String())
		}
	}
}

// tracer remembers its spans.
type tracer struct {
	noop.Tracer

	spans []*span
}

type span struct {
	noop.Span

	name   string
	config trace.SpanConfig
	parent trace.SpanContext
	said   []string
}

func (r *tracer) Start(ctx context.Context, name string, opts ...trace.SpanStartOption) (context.Context, trace.Span) {
	s := &span{name: name, config: trace.NewSpanStartConfig(opts...), parent: trace.SpanContextFromContext(ctx)}
	r.spans = append(r.spans, s)
	return trace.ContextWithSpan(ctx, s), s
}

func (s *span) End(...trace.SpanEndOption) { s.said = append(s.said, "end") }
func (s *span) RecordError(err error, _ ...trace.EventOption) {
	s.said = append(s.said, "error "+err.Error())
}

func (s *span) SetStatus(code otelcodes.Code, _ string) {
	s.said = append(s.said, "status "+code.String())
}

func (s *span) SetAttributes(attributes ...attribute.KeyValue) {
	s.said = append(s.said, fmt.Sprint(len(attributes), " more"))
}

func TestSpanCoversTheHandler(t *testing.T) {
	for name, c := range map[string]struct {
		h    hub.Handler[text]
		want []string
	}{
		"fine":   {nothing, []string{"end"}},
		"error":  {func(context.Context, text, hub.Inbound) error { return errors.New("x") }, []string{"error x", "status Error", "end"}},
		"panic":  {func(context.Context, text, hub.Inbound) error { panic("x") }, []string{"error panic: x", "status Error", "end"}},
		"reject": {func(context.Context, text, hub.Inbound) error { return hub.Reject(codes.NotFound, "R", "no") }, []string{"1 more", "end"}},
	} {
		tr := &tracer{}
		synctest.Test(t, func(t *testing.T) {
			s := serve(t, newHandlerHub(), registry(t, c.h, hub.Use(hub.Span(tr), hub.Span(nil))))
			stream := s.attached()
			stream.deliver("1", "s", "board.7.cursor", func(d *hubv1.Delivery) {
				d.TraceContext = map[string]string{"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
			})
			stream.next(t)
			s.ends()
		})
		if len(tr.spans) != 1 {
			t.Fatalf("%s: %d spans", name, len(tr.spans))
		}
		got := tr.spans[0]
		if got.name != "board.{board_id}.cursor" || got.config.SpanKind() != trace.SpanKindConsumer ||
			got.parent.SpanID().String() != "b7ad6b7169203331" || !slices.Equal(got.said, c.want) {
			t.Errorf("%s: span %+v", name, got)
		}
	}
}
