package e2e_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	hub "github.com/realtime-hub/hub/sdk/go"

	"github.com/realtime-hub/hub/hub/server"
)

// This test is written to be copied: a hub in the test's process, a worker that
// knows sessions by their cookie and answers a ping by a broadcast, and the
// real socket.io-client.
//
// With generated code the two descriptors are blogv1.PingInbound and
// blogv1.PongChannel; here the messages have none.
var (
	ping = hub.NewInbound[*e2ePing]("e2e.ping")
	pong = hub.NewChannel[*e2ePong]("e2e.pong")
)

// serving runs a worker until the test ends.
func (h *testHub) serving(t *testing.T, group string, registrations ...hub.Registration) *hub.Client {
	t.Helper()
	client, err := hub.Dial(h.addresses.GRPC)
	if err != nil {
		t.Fatal(err)
	}
	attached := make(chan struct{})
	reg := hub.NewRegistry()
	registrations = append(registrations, hub.OnAttach(func(context.Context, string) { close(attached) }))
	if err := reg.Register(registrations...); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var running sync.WaitGroup
	running.Go(func() {
		if err := client.Serve(ctx, hub.Group(group), reg); err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	t.Cleanup(func() {
		cancel()
		running.Wait()
		_ = client.Close()
	})
	within(t, "the worker's attach", attached)
	return client
}

func TestPing(t *testing.T) {
	h := startHub(t, func(cfg *server.Config) { cfg.Auth.Worker = &server.WorkerAuth{Group: "sessions"} })
	client, err := hub.Dial(h.addresses.GRPC)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	h.serving(t, "sessions",
		hub.Authenticate(func(_ context.Context, q *hub.Question) (*hub.Identity, error) {
			if q.Cookies["session"] == "stub" {
				return &hub.Identity{UserID: "user_1"}, nil
			}
			return nil, nil //nolint:nilnil // nobody: an anonymous session
		}),
		hub.Handle(ping, func(ctx context.Context, in *e2ePing, m hub.Inbound) error {
			switch text := in.GetText(); text {
			case "refuse":
				return hub.Reject("FAILED_PRECONDITION", "NOT_NOW", "no pong today")
			case "fail":
				return errors.New("a secret of the backend's")
			default:
				_, err := hub.Broadcast(ctx, client, pong, &e2ePong{Text: text + " from " + m.Sender.UserID})
				return err
			}
		}))

	cookie := options{headers: map[string]string{"Cookie": "session=stub"}}
	each(t, func(t *testing.T, m mode) {
		c := dial(t, h.url, m, cookie) // gate 1: the worker knows the cookie
		same(t, "who it is", string(field(t, c.ready().arg(0), "userId")), `"user_1"`)
		c.subscribe("e2e.pong") // gate 2
		c.subscribe("e2e.mail.user_1")
		if answer := c.ack("e2e.ping", object{"text": "ping"}); !strings.Contains(answer, `"ok":true`) { // gates 3 and 4
			t.Fatalf("the ping is answered by %s", answer)
		}
		same(t, "the pong", string(c.next("e2e.pong").arg(0)), `{"text":"ping from user_1"}`)

		for _, refused := range []struct {
			what, event, reason string
			args                []any
		}{
			{"an unknown channel", "hub:subscribe", "CHANNEL_UNKNOWN", []any{"e2e.nothing"}},
			{"another's channel", "hub:subscribe", "SCOPE_DENIED", []any{"e2e.mail.user_2"}},
			{"a channel without inbound", "e2e.pong", "INBOUND_NOT_ACCEPTED", []any{object{"text": "x"}}},
			{"a message that only staff may send", "e2e.staff", "SCOPE_DENIED", []any{object{"n": 1}}},
			{"a field that is not there", "e2e.ping", "PAYLOAD_MALFORMED", []any{object{"no": "x"}}},
			{"a handler that fails", "e2e.ping", "HANDLER_FAILED", []any{object{"text": "fail"}}},
		} {
			f := c.refused(refused.event, refused.args...)
			if f.want(t, refused.reason); strings.Contains(f.Message, "secret") {
				t.Errorf("%s: the browser reads %q", refused.what, f.Message)
			}
		}
		if f := c.refused("e2e.ping", object{"text": "refuse"}); f.Reason != "NOT_NOW" || f.Code != "FAILED_PRECONDITION" || f.Message != "no pong today" {
			t.Errorf("what the handler meant for the browser came as %+v", f)
		}
	})
}
