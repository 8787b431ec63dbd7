package hub_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	hub "github.com/realtime-hub/hub/sdk/go"
)

type text = *wrapperspb.StringValue

var (
	viewed = hub.NewInbound[text]("blog.article.feed")
	moved  = hub.NewInbound[text]("board.{board_id}.cursor")
)

// registry is one whose handlers of both channels are h.
func registry(t *testing.T, h hub.Handler[text], opts ...hub.RegistryOption) *hub.Registry {
	t.Helper()
	reg := hub.NewRegistry(opts...)
	if err := reg.Register(hub.Handle(viewed, h), hub.Handle(moved, h)); err != nil {
		t.Fatal(err)
	}
	return reg
}

func nothing(context.Context, text, hub.Inbound) error { return nil }

// gate is a handler that tells of each start and waits until it may return.
type gate struct {
	mu      sync.Mutex
	started []string
	may     map[string]chan error
}

func (g *gate) handle(ctx context.Context, in text, _ hub.Inbound) error {
	select {
	case err := <-g.of(in.GetValue(), true):
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (g *gate) of(id string, starts bool) chan error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.may == nil {
		g.may = map[string]chan error{}
	}
	if g.may[id] == nil {
		g.may[id] = make(chan error, 1)
	}
	if starts {
		g.started = append(g.started, id)
	}
	return g.may[id]
}

// open lets the handler of a message return.
func (g *gate) open(id string) { g.of(id, false) <- nil }

// running waits until all wait, and says which have started.
func (g *gate) running() []string {
	synctest.Wait()
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Sorted(slices.Values(g.started))
}

func TestHandlersLearnWhoSentWhat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got hub.Inbound
		s := serve(t, newHandlerHub(), registry(t, func(_ context.Context, in text, m hub.Inbound) error {
			if in.GetValue() != "hello" {
				t.Errorf("payload %q", in.GetValue())
			}
			got = m
			return nil
		}))
		stream := s.attached()
		stream.deliver("d1", "s1", "board.a%2Eb.cursor", func(d *hubv1.Delivery) {
			d.Params = map[string]string{"board_id": "a.b"}
			d.Message, d.Attempt = pack(wrapperspb.String("hello")), 3
			d.Sender = &hubv1.Sender{Session: "s1", UserId: "user_42", Roles: []string{"editor"}, Attributes: map[string]string{"tenant": "x"}}
		})
		if id := stream.acks(t); id != "d1" {
			t.Errorf("acked %q", id)
		}
		want := "{board.a%2Eb.cursor board.{board_id}.cursor map[board_id:a.b] m-d1 3 {s1 user_42 [editor] map[tenant:x]} map[]}"
		if fmt.Sprint(got) != want {
			t.Errorf("inbound %v, want %v", got, want)
		}
		s.ends()
	})
}

func TestOneSessionAndChannelIsInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var order []string
		s := serve(t, newHandlerHub(), registry(t, func(_ context.Context, in text, _ hub.Inbound) error {
			mu.Lock()
			defer mu.Unlock()
			order = append(order, in.GetValue())
			return nil
		}))
		stream := s.attached()
		var want []string
		for i := range 60 {
			want = append(want, fmt.Sprint(i))
			stream.deliver(want[i], "s1", "blog.article.feed")
		}
		for _, id := range want {
			if got := stream.acks(t); got != id {
				t.Fatalf("acked %s, want %s", got, id)
			}
		}
		if !slices.Equal(order, want) {
			t.Errorf("order %v", order)
		}
		s.ends()
	})
}

func TestASlowHandlerHoldsOnlyItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{}
		s := serve(t, newHandlerHub(), registry(t, g.handle))
		stream := s.attached()
		stream.deliver("1", "s1", "blog.article.feed")
		stream.deliver("2", "s1", "blog.article.feed")
		stream.deliver("3", "s2", "blog.article.feed")
		stream.deliver("4", "s1", "board.1.cursor")
		if got := g.running(); !slices.Equal(got, []string{"1", "3", "4"}) {
			t.Errorf("running %v; want all but the second of one session and channel", got)
		}
		for _, id := range []string{"3", "4", "1", "2"} {
			g.open(id)
			if got := stream.acks(t); got != id {
				t.Errorf("acked %s, want %s", got, id)
			}
		}
		s.ends()
	})
}

func TestNoMoreThanCapacityAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{}
		s := serve(t, newHandlerHub(), registry(t, g.handle), hub.Capacity(3))
		stream := s.attached()
		if stream.attach.GetCapacity() != 3 {
			t.Errorf("attached with a capacity of %d", stream.attach.GetCapacity())
		}
		for i := range 8 { // more than the hub would send
			stream.deliver(fmt.Sprint(i), fmt.Sprint("s", i), "blog.article.feed")
		}
		for i := range 8 {
			if got := len(g.running()); got != min(i+3, 8) {
				t.Errorf("after %d answers %d had started", i, got)
			}
			g.open(fmt.Sprint(i))
			stream.acks(t)
		}
		s.ends()
	})
}

func TestAttachSaysWhatIsRegistered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := registry(t, nothing)
		if err := reg.Register(
			hub.OnEvent(func(context.Context, hub.Event) error { return nil }, hub.Disconnected, hub.Subscribed),
			hub.Authenticate(func(context.Context, *hub.Question) (*hub.Identity, error) { return nil, nil }), //nolint:nilnil // anonymous
			hub.Authorize("board.{board_id}.cursor", func(context.Context, *hub.Join) (hub.Decision, error) { return hub.Decision{}, nil }),
		); err != nil {
			t.Fatal(err)
		}
		s := serve(t, newHandlerHub(), reg, hub.Observe())
		got := s.attached().attach
		if got.GetGroup() != "blog" || !slices.Equal(got.GetChannels(), []string{"blog.article.feed", "board.{board_id}.cursor"}) ||
			got.GetCapacity() != 64 || !got.GetObserve() || !got.GetAuthenticator() || !got.GetAuthorizer() {
			t.Errorf("attach %v", got)
		}
		if want := []hubv1.SessionEventKind{2, 3}; !slices.Equal(got.GetEvents(), want) {
			t.Errorf("events %v", got.GetEvents())
		}
		s.ends()
	})
}

func TestContextEndsAtTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		s := serve(t, newHandlerHub(), registry(t, func(ctx context.Context, _ text, _ hub.Inbound) error {
			<-ctx.Done()
			if took := time.Since(began); took != 3*time.Second || !errors.Is(ctx.Err(), context.DeadlineExceeded) {
				t.Errorf("ended after %v with %v", took, ctx.Err())
			}
			return fmt.Errorf("query: %w", ctx.Err())
		}))
		stream := s.attached()
		stream.deliver("d", "s", "blog.article.feed", func(d *hubv1.Delivery) { d.TimeLeft = durationpb.New(3 * time.Second) })
		if nack := stream.next(t).GetNack(); !nack.GetRetry() || nack.GetPublic() {
			t.Errorf("nack %v; want one with retry: the deadline was missed", nack)
		}
		s.ends()
	})
}

func TestWhatLapsesInTheQueueIsNotHandled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{}
		s := serve(t, newHandlerHub(), registry(t, func(ctx context.Context, in text, m hub.Inbound) error {
			return g.handle(context.WithoutCancel(ctx), in, m) // deaf
		}), hub.Capacity(1))
		stream := s.attached()
		stream.deliver("1", "s", "blog.article.feed")
		for i := range 9 { // more than the hub counts
			stream.deliver(fmt.Sprint("late", i), "s", "blog.article.feed")
			time.Sleep(11 * time.Second) // in the bubble
		}
		stream.deliver("2", "s", "blog.article.feed")
		g.open("1")
		g.open("2")
		if first, second := stream.acks(t), stream.acks(t); first != "1" || second != "2" {
			t.Errorf("acked %s and %s", first, second)
		}
		if got := g.running(); !slices.Equal(got, []string{"1", "2"}) {
			t.Errorf("started %v; what the hub has given up was handled", got)
		}
		s.ends()
	})
}

func TestPermanentErrorsEndServe(t *testing.T) {
	for _, code := range []codes.Code{
		codes.Unauthenticated, codes.PermissionDenied, codes.InvalidArgument, codes.NotFound, codes.FailedPrecondition, codes.Unimplemented,
	} {
		synctest.Test(t, func(t *testing.T) {
			f := newHandlerHub()
			f.refuse = func(int) error { return refusal(code, "SOME_REASON", "no") }
			s := serve(t, f, registry(t, nothing))
			e, ok := errors.AsType[*hub.Error](<-s.done)
			if !ok || e.Code != code || e.Reason != "SOME_REASON" || f.attach.Load() != 1 {
				t.Errorf("%v: %v after %d attempts", code, e, f.attach.Load())
			}
		})
	}
}

func TestAPermanentErrorWaitsForHandlers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{}
		s := serve(t, newHandlerHub(), registry(t, g.handle))
		stream := s.attached()
		stream.deliver("1", "s", "blog.article.feed")
		g.running()
		stream.end <- refusal(codes.PermissionDenied, "SCOPE_DENIED", "the token is gone")
		synctest.Wait()
		select {
		case err := <-s.done:
			t.Fatalf("Serve ended with %v while a handler ran", err)
		default:
		}
		g.open("1")
		if e, ok := errors.AsType[*hub.Error](<-s.done); !ok || e.Reason != "SCOPE_DENIED" {
			t.Errorf("error %v", e)
		}
	})
}

func TestServeRefusesMistakes(t *testing.T) {
	client, err := hub.Dial("127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	twice := registry(t, nothing)
	_ = twice.Register(hub.Handle(viewed, nothing)) // the error is not looked at
	good := registry(t, nothing)
	for name, call := range map[string]func() error{
		"no group":         func() error { return client.Serve(t.Context(), "", good) },
		"bad group":        func() error { return client.Serve(t.Context(), "a b", good) },
		"no capacity":      func() error { return client.Serve(t.Context(), "g", good, hub.Capacity(0)) },
		"huge capacity":    func() error { return client.Serve(t.Context(), "g", good, hub.Capacity(4097)) },
		"negative timeout": func() error { return client.Serve(t.Context(), "g", good, hub.StopTimeout(-1)) },
		"nil registry":     func() error { return client.Serve(t.Context(), "g", nil) },
		"empty registry":   func() error { return client.Serve(t.Context(), "g", hub.NewRegistry()) },
		"mistake":          func() error { return client.Serve(t.Context(), "g", twice) },
	} {
		if e, ok := errors.AsType[*hub.Error](call()); !ok || e.Code != codes.InvalidArgument || e.Reason != "REQUEST_INVALID" {
			t.Errorf("%s: %v", name, e)
		}
	}
}

func TestAClosedClientEndsServe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newHandlerHub()
		client := clientOf(t, f)
		done := make(chan error, 1)
		go func() { done <- client.Serve(t.Context(), "g", registry(t, nothing), quietly()) }()
		<-f.streams
		client.Close()
		if e, ok := errors.AsType[*hub.Error](<-done); !ok || e.Code != codes.Canceled {
			t.Errorf("error %v", e)
		}
	})
}
