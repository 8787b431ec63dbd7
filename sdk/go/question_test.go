package hub_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/channel"
	hub "github.com/realtime-hub/hub/sdk/go"
)

func (s *workerStream) event(id string, kind hubv1.SessionEventKind, session string) {
	s.send <- &hubv1.HandleResponse{Frame: &hubv1.HandleResponse_Event{Event: &hubv1.SessionEvent{
		DeliveryId: id, Kind: kind, Sender: &hubv1.Sender{Session: session}, Channel: "blog.article.feed", Cause: "EXPIRED",
		At: timestamppb.New(time.Unix(1e9, 0)),
	}}}
}

func (s *workerStream) who(id string) {
	auth, _ := structpb.NewStruct(map[string]any{"token": "x", "n": 1.5})
	s.send <- &hubv1.HandleResponse{Frame: &hubv1.HandleResponse_Authenticate{Authenticate: &hubv1.Authenticate{
		QuestionId: id, Cookies: map[string]string{"session": "stub"}, Headers: map[string]string{"user-agent": "x"}, Auth: auth, RemoteAddress: "192.0.2.1",
	}}}
}

func (s *workerStream) may(id, channel string) {
	s.send <- &hubv1.HandleResponse{Frame: &hubv1.HandleResponse_Authorize{Authorize: &hubv1.Authorize{
		QuestionId: id, Channel: channel, Params: map[string]string{"board_id": "7"}, Sender: &hubv1.Sender{Session: "s", UserId: "user_42"},
	}}}
}

func TestEventsAreAckedInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := hub.NewRegistry()
		var mu sync.Mutex
		var first, second []string
		fails := true
		if err := reg.Register(
			hub.OnEvent(func(_ context.Context, e hub.Event) error {
				mu.Lock()
				defer mu.Unlock()
				first = append(first, e.Kind.String())
				if e.Kind == hub.Disconnected && (e.Cause != "EXPIRED" || e.Channel != "blog.article.feed" || e.At.Unix() != 1e9 || e.Sender.Session != "s") {
					t.Errorf("event %+v", e)
				}
				return nil
			}),
			hub.OnEvent(func(_ context.Context, e hub.Event) error {
				mu.Lock()
				defer mu.Unlock()
				second = append(second, e.Kind.String())
				if fails {
					fails = false
					return hub.Retry(errors.New("busy"), time.Second)
				}
				panic("at last")
			}, hub.Disconnected, hub.Disconnected),
		); err != nil {
			t.Fatal(err)
		}
		s := serve(t, newHandlerHub(), reg)
		stream := s.attached()
		for kind := hubv1.SessionEventKind(1); kind <= 4; kind++ {
			stream.event(fmt.Sprint(kind.Number()), kind, "s")
		}
		if got := stream.acks(t); got != "1" {
			t.Errorf("acked %s", got)
		}
		if nack := stream.next(t).GetNack(); nack.GetDeliveryId() != "2" || !nack.GetRetry() {
			t.Errorf("nack %v; want one with retry", nack)
		}
		stream.acks(t)
		stream.acks(t)
		stream.event("2-again", 2, "s")
		if nack := stream.next(t).GetNack(); nack.GetDeliveryId() != "2-again" || nack.GetRetry() {
			t.Errorf("nack %v; want a final one", nack)
		}
		stream.event("5", 5, "s") // of a newer hub
		if nack := stream.next(t).GetNack(); nack.GetDeliveryId() != "5" || nack.GetRetry() {
			t.Errorf("nack %v; want a final one", nack)
		}
		if !slices.Equal(first, []string{"connected", "disconnected", "subscribed", "unsubscribed", "disconnected"}) || len(second) != 2 {
			t.Errorf("the handlers saw %v and %v", first, second)
		}
		s.ends()
	})
}

func TestWhoASessionIs(t *testing.T) {
	until := time.Unix(2e9, 0)
	long := strings.Repeat("x", 257)
	for name, c := range map[string]struct {
		answer func(ctx context.Context, q *hub.Question) (*hub.Identity, error)
		want   string // of user, code, reason, message, retryable
	}{
		"somebody": {func(_ context.Context, q *hub.Question) (*hub.Identity, error) {
			if q.Cookies["session"] != "stub" || q.Headers["user-agent"] != "x" || q.Auth["token"] != "x" || q.Auth["n"] != 1.5 || q.RemoteAddress != "192.0.2.1" {
				t.Errorf("question %+v", q)
			}
			return &hub.Identity{UserID: "user_42", Roles: []string{"editor"}, Attributes: map[string]string{"a": "b"}, ExpiresAt: until}, nil
		}, "user_42    false"},
		"anonymous": {func(context.Context, *hub.Question) (*hub.Identity, error) { return nil, nil }, "    false"}, //nolint:nilnil // anonymous
		"a reject": {func(context.Context, *hub.Question) (*hub.Identity, error) {
			return &hub.Identity{UserID: "u"}, hub.Reject(codes.Unauthenticated, "SESSION_OVER", "log in again")
		}, " UNAUTHENTICATED SESSION_OVER log in again false"},
		"a failure": {func(context.Context, *hub.Question) (*hub.Identity, error) { return nil, errors.New(secret) }, " INTERNAL HANDLER_FAILED  false"},
		"a retry": {func(context.Context, *hub.Question) (*hub.Identity, error) {
			return nil, hub.Retry(errors.New(secret), 0)
		}, " UNAVAILABLE HANDLER_FAILED  true"},
		"a panic": {func(context.Context, *hub.Question) (*hub.Identity, error) { panic(secret) }, " INTERNAL HANDLER_FAILED  false"},
		"an end of the goroutine": {func(context.Context, *hub.Question) (*hub.Identity, error) {
			runtime.Goexit()
			return &hub.Identity{UserID: "u"}, nil
		}, " INTERNAL HANDLER_FAILED  false"},
		"too late": {func(ctx context.Context, _ *hub.Question) (*hub.Identity, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}, " UNAVAILABLE HANDLER_FAILED  true"},
		"nobody":      {func(context.Context, *hub.Question) (*hub.Identity, error) { return &hub.Identity{}, nil }, " INTERNAL HANDLER_FAILED  false"},
		"a long name": {func(context.Context, *hub.Question) (*hub.Identity, error) { return &hub.Identity{UserID: long}, nil }, " INTERNAL HANDLER_FAILED  false"},
		"bad UTF-8":   {func(context.Context, *hub.Question) (*hub.Identity, error) { return &hub.Identity{UserID: "\xff"}, nil }, " INTERNAL HANDLER_FAILED  false"},
		"a long role": {func(context.Context, *hub.Question) (*hub.Identity, error) {
			return &hub.Identity{UserID: "u", Roles: []string{long}}, nil
		}, " INTERNAL HANDLER_FAILED  false"},
		"an empty role": {func(context.Context, *hub.Question) (*hub.Identity, error) {
			return &hub.Identity{UserID: "u", Roles: []string{""}}, nil
		}, " INTERNAL HANDLER_FAILED  false"},
		"too many roles": {func(context.Context, *hub.Question) (*hub.Identity, error) {
			return &hub.Identity{UserID: "u", Roles: make([]string, 65)}, nil
		}, " INTERNAL HANDLER_FAILED  false"},
		"a role of bytes": {func(context.Context, *hub.Question) (*hub.Identity, error) {
			return &hub.Identity{UserID: "u", Roles: []string{"\xff"}}, nil
		}, " INTERNAL HANDLER_FAILED  false"},
		"bad attributes": {func(context.Context, *hub.Question) (*hub.Identity, error) {
			return &hub.Identity{UserID: "u", Attributes: map[string]string{"a": "\xff"}}, nil
		}, " INTERNAL HANDLER_FAILED  false"},
	} {
		synctest.Test(t, func(t *testing.T) {
			reg := hub.NewRegistry()
			if err := reg.Register(hub.Authenticate(c.answer)); err != nil {
				t.Fatal(err)
			}
			s := serve(t, newHandlerHub(), reg)
			stream := s.attached()
			stream.who("q")
			got := stream.next(t).GetIdentify()
			said := fmt.Sprintf("%s %s %s %s %v", got.GetIdentity().GetUserId(), got.GetError().GetCode(), got.GetError().GetReason(),
				got.GetError().GetMessage(), got.GetError().GetRetryable())
			if said != c.want || got.GetQuestionId() != "q" {
				t.Errorf("%s: %q, want %q", name, said, c.want)
			}
			if name == "somebody" && (got.GetIdentity().GetRoles()[0] != "editor" || got.GetIdentity().GetAttributes()["a"] != "b" || !got.GetIdentity().GetExpiresAt().AsTime().Equal(until)) {
				t.Errorf("identity %v", got)
			}
			s.ends()
		})
	}
}

func TestWhoMayJoin(t *testing.T) {
	for name, c := range map[string]struct {
		decide func(ctx context.Context, j *hub.Join) (hub.Decision, error)
		want   string
	}{
		"yes": {func(_ context.Context, j *hub.Join) (hub.Decision, error) {
			if j.Channel != "board.7.cursor" || !mapsEqual(j.Params, channel.Params{"board_id": "7"}) || j.Sender.UserID != "user_42" {
				t.Errorf("join %+v", j)
			}
			return hub.Decision{Allow: true}, nil
		}, "true "},
		"no": {func(context.Context, *hub.Join) (hub.Decision, error) { return hub.Decision{Message: "full"}, nil }, "false full"},
		"a reject": {func(context.Context, *hub.Join) (hub.Decision, error) {
			return hub.Decision{Allow: true}, hub.Reject(codes.NotFound, "R", "no board")
		}, "false no board"},
		"an error": {func(context.Context, *hub.Join) (hub.Decision, error) {
			return hub.Decision{Allow: true}, errors.New(secret)
		}, "false "},
		"a panic": {func(context.Context, *hub.Join) (hub.Decision, error) { panic(secret) }, "false "},
	} {
		synctest.Test(t, func(t *testing.T) {
			reg := hub.NewRegistry()
			if err := reg.Register(hub.Authorize("board.{board_id}.cursor", c.decide)); err != nil {
				t.Fatal(err)
			}
			s := serve(t, newHandlerHub(), reg)
			stream := s.attached()
			stream.may("q", "board.7.cursor")
			if got := stream.next(t).GetDecide(); fmt.Sprint(got.GetAllow(), " ", got.GetMessage()) != c.want || got.GetQuestionId() != "q" {
				t.Errorf("%s: %v", name, got)
			}
			stream.may("other", "board.7.other")
			if got := stream.next(t).GetDecide(); got.GetAllow() || got.GetQuestionId() != "other" {
				t.Errorf("%s: a channel nobody was registered for: %v", name, got)
			}
			stream.who("not asked for")
			if got := stream.next(t).GetIdentify(); got.GetError() == nil {
				t.Errorf("%s: without an authenticator: %v", name, got)
			}
			s.ends()
		})
	}
}

func TestAMiddlewareMayTakeAYesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := hub.NewRegistry(hub.Use(func(next hub.Handler[proto.Message]) hub.Handler[proto.Message] {
			return func(ctx context.Context, in proto.Message, m hub.Inbound) error {
				return errors.Join(next(ctx, in, m), errors.New("the audit log is full"))
			}
		}))
		if err := reg.Register(
			hub.Authenticate(func(context.Context, *hub.Question) (*hub.Identity, error) { return &hub.Identity{UserID: "u"}, nil }),
			hub.Authorize("board.{board_id}.cursor", func(context.Context, *hub.Join) (hub.Decision, error) {
				return hub.Decision{Allow: true}, nil
			}),
		); err != nil {
			t.Fatal(err)
		}
		s := serve(t, newHandlerHub(), reg)
		stream := s.attached()
		stream.who("q")
		if got := stream.next(t).GetIdentify(); got.GetIdentity() != nil || got.GetError() == nil {
			t.Errorf("identify %v", got)
		}
		stream.may("q", "board.7.cursor")
		if got := stream.next(t).GetDecide(); got.GetAllow() {
			t.Errorf("decide %v", got)
		}
		s.ends()
	})
}

func mapsEqual(a, b channel.Params) bool { return fmt.Sprint(a) == fmt.Sprint(b) }

func TestQuestionsDoNotWaitForDeliveries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{}
		reg := registry(t, g.handle)
		if err := reg.Register(hub.Authenticate(func(context.Context, *hub.Question) (*hub.Identity, error) { return &hub.Identity{UserID: "u"}, nil })); err != nil {
			t.Fatal(err)
		}
		s := serve(t, newHandlerHub(), reg, hub.Capacity(1))
		stream := s.attached()
		stream.deliver("1", "s", "blog.article.feed")
		g.running()
		stream.who("q")
		if got := stream.next(t).GetIdentify(); got.GetIdentity().GetUserId() != "u" {
			t.Errorf("answer %v", got)
		}
		g.open("1")
		stream.acks(t)
		s.ends()
	})
}
