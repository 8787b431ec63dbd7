package e2e_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/server"
)

// testHub is a hub on real sockets, and a backend's connection to it.
type testHub struct {
	url       string // the browsers' door
	addresses server.Addresses
	backend   hubv1.BroadcastServiceClient
	handler   hubv1.HandlerServiceClient
	admin     hubv1.AdminServiceClient
	log       *alarm

	// drain ends the hub, as SIGTERM does, and returns at once.
	drain context.CancelFunc
	// end ends it and waits; an error is what must not have happened.
	end func() error
}

func start(edit ...func(*server.Config)) (*testHub, error) {
	h := &testHub{log: &alarm{}}
	window := time.Duration(0)
	cfg := server.Config{
		HTTP:        server.HTTPConfig{Address: "127.0.0.1:0", Door: door()},
		GRPC:        server.GRPCConfig{Address: "127.0.0.1:0"},
		Ops:         server.OpsConfig{Address: "127.0.0.1:0"},
		Channels:    []string{"testdata"},
		Auth:        server.AuthConfig{JWT: &server.JWTConfig{Keys: []server.JWTKey{{HMACSecret: secret}}, Cookie: cookie}},
		DrainWindow: &window,
		Log:         slog.New(h.log),
	}
	for _, e := range edit {
		e(&cfg)
	}
	s, err := server.New(cfg)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- s.Run(ctx) }()
	select {
	case <-s.Ready():
	case err := <-ran:
		cancel()
		return nil, fmt.Errorf("Run: %w", err)
	}
	h.addresses = s.Addresses()
	h.url = "http://" + h.addresses.HTTP
	conn, err := grpc.NewClient(h.addresses.GRPC, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.WaitForReady(true)))
	if err != nil {
		cancel()
		return nil, err
	}
	h.backend = hubv1.NewBroadcastServiceClient(conn)
	h.handler = hubv1.NewHandlerServiceClient(conn)
	h.admin = hubv1.NewAdminServiceClient(conn)
	h.drain = cancel
	h.end = sync.OnceValue(func() error {
		cancel()
		_ = conn.Close()
		select {
		case err := <-ran:
			return errors.Join(err, h.log.err())
		case <-time.After(2 * patience):
			return errors.New("the hub does not end")
		}
	})
	return h, nil
}

// startHub is a hub of the test's own.
func startHub(t *testing.T, edit ...func(*server.Config)) *testHub {
	t.Helper()
	h, err := start(edit...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.end(); err != nil {
			t.Error(err)
		}
	})
	return h
}

// common is one hub for all tests that need nothing special: so they also hold
// that what one of them does to it harms none of the others.
var common shared

type shared struct {
	once sync.Once
	hub  *testHub
	err  error
}

func (s *shared) get(t *testing.T) *testHub {
	t.Helper()
	s.once.Do(func() { s.hub, s.err = start() })
	if s.err != nil {
		t.Fatal(s.err)
	}
	return s.hub
}

func (s *shared) end() error {
	if s.hub == nil {
		return nil
	}
	return s.hub.end()
}

var names atomic.Int64

// unique ends a channel's name, so that tests do not hear each other.
func unique() string { return "t" + strconv.FormatInt(names.Add(1), 10) }

// room is a public channel of one test's own.
func room() string { return "e2e.room." + unique() }

// connect is a client that has its hub:ready.
func (h *testHub) connect(t *testing.T, m mode, o options) *client {
	t.Helper()
	c := dial(t, h.url, m, o)
	c.ready()
	return c
}

// broadcast sends JSON to a channel; the message's text is in it.
func (h *testHub) broadcast(t *testing.T, channel, json string, except ...string) *hubv1.BroadcastResponse {
	t.Helper()
	req := onJSON(channel, json)
	req.ExceptSessions = except
	res, err := h.send(t, req)
	if err != nil {
		t.Fatalf("broadcast %.100s on %s: %v", json, channel, err)
	}
	return res
}

// onJSON is a broadcast of JSON on a channel.
func onJSON(channel, json string) *hubv1.BroadcastRequest {
	return &hubv1.BroadcastRequest{Channel: channel, Payload: &hubv1.BroadcastRequest_Json{Json: json}}
}

func (h *testHub) send(t *testing.T, req *hubv1.BroadcastRequest) (*hubv1.BroadcastResponse, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	return h.backend.Broadcast(ctx, req)
}

// refuses sends a broadcast that must fail, and is why it did.
func (h *testHub) refuses(t *testing.T, req *hubv1.BroadcastRequest) failure {
	t.Helper()
	res, err := h.send(t, req)
	if err == nil {
		t.Fatalf("the broadcast on %q was accepted: %v", req.GetChannel(), res)
	}
	return statusFailure(t, err)
}

// statusFailure reads google.rpc.Status as contract §2 describes it.
func statusFailure(t *testing.T, err error) failure {
	t.Helper()
	s := status.Convert(err)
	f := failure{Code: code.Code(s.Code()).String(), Message: s.Message()}
	for _, detail := range s.Details() {
		switch d := detail.(type) {
		case *errdetails.ErrorInfo:
			f.Reason = d.GetReason()
			f.Retryable = slices.Contains(passing, f.Reason) // gRPC has the code alone
			if d.GetDomain() != "hub" {
				t.Errorf("the reason's domain is %q", d.GetDomain())
			}
		case *errdetails.BadRequest:
			for _, v := range d.GetFieldViolations() {
				f.Violations = append(f.Violations, violation{Field: v.GetField(), Rule: v.GetReason(), Message: v.GetDescription()})
			}
		}
	}
	return f
}

// silence proves that nothing of these names is on its way to the client: what
// is sent to it after them has arrived, and one connection keeps its order.
func (h *testHub) silence(t *testing.T, c *client, names ...string) {
	t.Helper()
	marker := "e2e.marker." + unique()
	c.subscribe(marker)
	h.broadcast(t, marker, `{}`)
	c.next(marker)
	c.none(names...)
}

// alarm is a hub's log, as far as tests care: whatever a client does, it is no
// error of the hub's.
type alarm struct {
	mu     sync.Mutex
	errors []string // guarded by mu
}

var _ slog.Handler = (*alarm)(nil)

func (a *alarm) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelError }

func (a *alarm) Handle(_ context.Context, r slog.Record) error {
	line := r.Message
	r.Attrs(func(attr slog.Attr) bool {
		line += " " + attr.String()
		return true
	})
	a.mu.Lock()
	defer a.mu.Unlock()
	a.errors = append(a.errors, line)
	return nil
}

func (a *alarm) WithAttrs([]slog.Attr) slog.Handler { return a }

func (a *alarm) WithGroup(string) slog.Handler { return a }

func (a *alarm) err() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.errors) == 0 {
		return nil
	}
	return fmt.Errorf("the hub logged %d errors, the first is: %.2000s", len(a.errors), a.errors[0])
}

// sessions waits until the hub has as many.
func (h *testHub) sessions(t *testing.T, want float64) {
	t.Helper()
	for begin := time.Now(); ; {
		has := h.metric(t, "hub_sessions")
		if has == want {
			return
		}
		if time.Since(begin) > patience {
			t.Fatalf("the hub has %v sessions, not %v", has, want)
		}
	}
}

// metric is a gauge of the hub's, as the operator's door tells it.
func (h *testHub) metric(t *testing.T, name string) float64 {
	t.Helper()
	res, err := http.Get("http://" + h.addresses.Ops + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		if value, found := strings.CutPrefix(lines.Text(), name+" "); found {
			n, err := strconv.ParseFloat(value, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("there is no metric %s", name)
	return 0
}
