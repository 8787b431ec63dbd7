// Package hubtest runs a real hub in a test's own process, without a port: ready
// in milliseconds, gone when the test ends.
//
//	h := hubtest.Start(t, hubtest.Channels("../proto"))
//	b := h.Browser(t, hubtest.As("user_42"))
//	b.Subscribe("blog.article.feed")
//	publish(t.Context(), h.Client(t), "Hello")               // takes a hub.Broadcaster
//	article := hubtest.Receive(b, backend.ArticleFeed)
//
// Nothing is shared between two hubs of a process, so tests may run side by
// side. What only asks whether the right thing is broadcast needs no hub: that
// is sdk/go/hubtest's Recorder.
//
// Browsers and clients of the test reach the hub by connections that are memory, and
// that the hub takes for connections from loopback. Other processes, as those of
// socket.io-client and Playwright, need ports: [Hub.URL] and [Hub.GRPC] bind one
// when they are first called. A [Browser] is a WebSocket, and does what a page's code
// tells it to: it does not poll, and reconnects or resumes when its test says so.
//
// The channels' rules are most of what a start takes. On a machine with two cores,
// by go test -run - -bench . ./hub/hubtest:
//
//	Start/channels=none    1.5 ms    0.6 MB     9,300 allocs
//	Start/channels=blog    9.0 ms    3.5 MB    42,000 allocs
//	Browser                0.15 ms   0.2 MB       270 allocs
package hubtest

import (
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/realtime-hub/hub/hub/server"
	hub "github.com/realtime-hub/hub/sdk/go"
)

// patience bounds every wait for what must come; nothing takes this long on a
// machine that works.
const patience = 10 * time.Second

// Hub is a hub that runs until its test ends. It may be used by many
// goroutines at once.
type Hub struct {
	t         testing.TB // fails where a port cannot be had
	addresses server.Addresses
	web, rpc  *memory // nil: the test gave an address, or a listener, of its own
	secret    []byte
}

// Option changes the hub that Start starts.
type Option func(*options)

type options struct {
	channels []string
	tokens   []server.ServiceToken
	secret   []byte
	edits    []func(*server.Config)
}

// Channels are directories of .proto files, or compiled descriptor sets, as
// --channels of the hub takes them; paths are relative to the test's package. Given
// twice, both count. Default: none.
func Channels(paths ...string) Option {
	return func(o *options) { o.channels = append(o.channels, paths...) }
}

// Tokens are the backends' service tokens; a client sends one with
// [hub.WithToken]. Given twice, both count. Default: none, and every backend may do everything.
func Tokens(tokens ...server.ServiceToken) Option {
	return func(o *options) { o.tokens = append(o.tokens, tokens...) }
}

// JWTSecret verifies sessions' tokens by HS256; at least 32 bytes. It is for code
// that signs tokens itself; [As] and [Hub.UserToken] work without. Default: a random one.
func JWTSecret(secret []byte) Option {
	return func(o *options) { o.secret = secret }
}

// Config changes what no other option does, after all others. Both doors are at
// 127.0.0.1:0 and memory until a port is asked for; one that is given another
// address, or a listener, is there and nowhere else. The operator's door is
// off, and the drain takes no time.
func Config(edit func(*server.Config)) Option {
	return func(o *options) { o.edits = append(o.edits, edit) }
}

// Start is a hub that takes connections. A mistake in the configuration or
// in the channels ends the test. When the test ends the hub drains, and that it
// does not end cleanly within 10 s fails the test; what was opened with
// [Hub.Client] and [Hub.Browser] later is closed before. The hub's log is the test's.
func Start(t testing.TB, opts ...Option) *Hub {
	t.Helper()
	o := options{secret: []byte(rand.Text() + rand.Text())}
	for _, opt := range opts {
		opt(&o)
	}
	log := &output{to: t.Output()}
	h := &Hub{t: t, secret: o.secret}
	s, err := server.New(h.config(&o, log))
	if err != nil {
		h.closeDoors()
		t.Fatalf("hubtest: %v", err)
	}
	// The test's own context ends before its cleanups, and would take the hub
	// from those that still use it.
	ctx, end := context.WithCancel(context.WithoutCancel(t.Context()))
	ran := make(chan error, 1) // takes Run's result without a reader
	go func() { ran <- s.Run(ctx) }()
	select {
	case <-s.Ready():
	case err := <-ran:
		end()
		t.Fatalf("hubtest: %v", err)
	}
	t.Cleanup(func() {
		defer log.close()
		end()
		select {
		case err := <-ran:
			if err != nil {
				t.Errorf("hubtest: the hub failed: %v", err)
			}
		case <-time.After(patience):
			t.Errorf("hubtest: the hub does not end within %v", patience)
		}
	})
	h.addresses = s.Addresses()
	return h
}

// config is what the options say, with doors of memory where they say nothing.
func (h *Hub) config(o *options, log io.Writer) server.Config {
	atOnce := time.Duration(0)
	cfg := server.Config{
		HTTP:        server.HTTPConfig{Address: free},
		GRPC:        server.GRPCConfig{Address: free},
		Ops:         server.OpsConfig{Address: "off"},
		Channels:    o.channels,
		Auth:        server.AuthConfig{JWT: &server.JWTConfig{Keys: []server.JWTKey{{HMACSecret: o.secret}}}},
		Tokens:      o.tokens,
		DrainWindow: &atOnce,
		Log:         slog.New(slog.NewTextHandler(log, nil)),
	}
	for _, edit := range o.edits {
		edit(&cfg)
	}
	if cfg.HTTP.Address == free && cfg.HTTP.Listener == nil {
		h.web = newMemory()
		cfg.HTTP.Listener = h.web
	}
	if cfg.GRPC.Address == free && cfg.GRPC.Listener == nil {
		h.rpc = newMemory()
		cfg.GRPC.Listener = h.rpc
	}
	return cfg
}

// closeDoors is for a hub that does not run; the others close theirs.
func (h *Hub) closeDoors() {
	for _, door := range []*memory{h.web, h.rpc} {
		if door != nil {
			_ = door.Close() // nothing came through it
		}
	}
}

// URL is the browsers' door, as http://127.0.0.1:40001, for socket.io-client and
// other processes. The first call binds the port; that none can be had ends the test.
func (h *Hub) URL() string {
	h.t.Helper()
	return "http://" + h.address("URL", h.web, h.addresses.HTTP)
}

// GRPC is the backends' door, as 127.0.0.1:40002, for [hub.Dial] and other
// processes. The first call binds the port; that none can be had ends the test.
func (h *Hub) GRPC() string {
	h.t.Helper()
	return h.address("GRPC", h.rpc, h.addresses.GRPC)
}

func (h *Hub) address(name string, door *memory, own string) string {
	h.t.Helper()
	if door == nil {
		return own
	}
	address, err := door.open()
	if err != nil {
		h.t.Fatalf("hubtest: %s: no port of loopback: %v", name, err)
	}
	return address
}

// Client is a backend's connection, closed when the test ends. It needs no port.
func (h *Hub) Client(t testing.TB, opts ...hub.Option) *hub.Client {
	t.Helper()
	if h.rpc != nil {
		byMemory := hub.WithDialer(func(ctx context.Context, _ string) (net.Conn, error) { return h.rpc.dial(ctx) })
		opts = append([]hub.Option{byMemory}, opts...)
	}
	client, err := hub.Dial(h.addresses.GRPC, opts...)
	if err != nil {
		t.Fatalf("hubtest: %v", err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// UserToken is a session's token for an hour: for clients other than a
// [Browser], and for code that hands tokens to them.
func (h *Hub) UserToken(t testing.TB, userID string, roles ...string) string {
	t.Helper()
	claims := jwt.MapClaims{"sub": userID, "roles": roles, "exp": time.Now().Add(time.Hour).Unix()}
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString(h.secret)
	if err != nil {
		t.Fatalf("hubtest: %v", err)
	}
	return token
}

// output is the test's log until the hub has ended: what a hub that does not
// end logs after its test would end the process.
type output struct {
	mu     sync.Mutex
	to     io.Writer
	closed bool // guarded by mu
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return len(p), nil
	}
	return o.to.Write(p)
}

func (o *output) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
}
