package rpc_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/dispatch"
	"github.com/realtime-hub/hub/hub/internal/gate"
	"github.com/realtime-hub/hub/hub/internal/rpc"
	"github.com/realtime-hub/hub/hub/schema"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// flow is a Broadcaster whose answers the test chooses.
type flow struct {
	send  func(context.Context, *gate.Caller, *hubv1.BroadcastRequest) (*hubv1.BroadcastResponse, error)
	batch func(context.Context, *gate.Caller, []*hubv1.BroadcastRequest) []*hubv1.BroadcastResult
}

func (f flow) Send(ctx context.Context, c *gate.Caller, req *hubv1.BroadcastRequest) (*hubv1.BroadcastResponse, error) {
	if f.send == nil {
		return &hubv1.BroadcastResponse{Id: req.GetId()}, nil
	}
	return f.send(ctx, c, req)
}

func (f flow) SendBatch(ctx context.Context, c *gate.Caller, reqs []*hubv1.BroadcastRequest) []*hubv1.BroadcastResult {
	return f.batch(ctx, c, reqs)
}

// fails is a flow that always fails with err.
func fails(err error) flow {
	return flow{send: func(context.Context, *gate.Caller, *hubv1.BroadcastRequest) (*hubv1.BroadcastResponse, error) {
		return nil, err
	}}
}

// door is a running Server.
type door struct {
	*rpc.Server

	address string
	log     *lockedBuffer
	stop    func() error // ends Serve's context and waits
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newGate(t testing.TB, cfg gate.Config) *gate.Gate {
	t.Helper()
	g, err := gate.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// serve opens a door on a free loopback port; the test's end closes it.
func serve(t testing.TB, cfg rpc.Config) *door {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return serveOn(t, l, cfg)
}

func serveOn(t testing.TB, l net.Listener, cfg rpc.Config) *door {
	t.Helper()
	d := &door{address: l.Addr().String(), log: &lockedBuffer{}}
	if cfg.Gate == nil {
		cfg.Gate = newGate(t, gate.Config{})
	}
	if cfg.Broadcast == nil {
		cfg.Broadcast = flow{}
	}
	if cfg.Schema == nil {
		cfg.Schema = schema.New(schema.Config{})
	}
	if cfg.Dispatch == nil {
		cfg.Dispatch = dispatch.New(dispatch.Config{Schema: cfg.Schema})
	}
	cfg.Log = slog.New(slog.NewTextHandler(d.log, &slog.HandlerOptions{Level: slog.LevelInfo}))
	s, err := rpc.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	d.Server = s
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l) }()
	d.stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(func() {
		if err := d.stop(); err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return d
}

func (d *door) dial(t testing.TB, options ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	options = append([]grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials())}, options...)
	c, err := grpc.NewClient("passthrough:///"+d.address, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// broadcast is a request that passes its rules.
func broadcast() *hubv1.BroadcastRequest {
	return &hubv1.BroadcastRequest{Channel: "blog.article.feed", Id: "7", Payload: &hubv1.BroadcastRequest_Json{Json: "{}"}}
}

const (
	pathBroadcast = "/hub.v1.BroadcastService/Broadcast"
	validJSON     = `{"channel":"blog.article.feed","json":"{}","id":"7"}`
)

// post sends body as curl -d would, unless the header says otherwise.
func (d *door) post(t *testing.T, path, body string, header ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+d.address+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return do(t, http.DefaultTransport, req, header...)
}

func do(t *testing.T, transport http.RoundTripper, req *http.Request, header ...string) (*http.Response, string) {
	t.Helper()
	for i := 0; i+1 < len(header); i += 2 {
		if header[i+1] == "" {
			req.Header.Del(header[i])
			continue
		}
		req.Header.Add(header[i], header[i+1])
	}
	req.Close = true
	res, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(text)
}

// details are the parts of a status that the contract promises.
func details(t testing.TB, err error) (*errdetails.ErrorInfo, *errdetails.BadRequest) {
	t.Helper()
	var info *errdetails.ErrorInfo
	var bad *errdetails.BadRequest
	for _, d := range status.Convert(err).Details() {
		switch d := d.(type) {
		case *errdetails.ErrorInfo:
			info = d
		case *errdetails.BadRequest:
			bad = d
		}
	}
	if info == nil {
		t.Fatalf("no ErrorInfo in %v", err)
	}
	if info.GetDomain() != "hub" {
		t.Errorf("domain %q", info.GetDomain())
	}
	return info, bad
}
