// Package hubtest runs a real hub in a test's own process, on free ports of
// loopback: ready in milliseconds, gone when the test ends.
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
// This is the first form. A [Browser] is a WebSocket of its own and does what a
// test of a backend needs: it does not poll, reconnect or resume. Browsers without
// sockets, and time that tests control, come later.
package hubtest

import (
	"context"
	"crypto/rand"
	"io"
	"log/slog"
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
	addresses server.Addresses
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

// Config changes what no other option does, after all others. The addresses are
// free ports of loopback, the operator's door is off, and the drain takes no time.
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
	s, err := server.New(o.config(log))
	if err != nil {
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
	return &Hub{addresses: s.Addresses(), secret: o.secret}
}

func (o *options) config(log io.Writer) server.Config {
	const free = "127.0.0.1:0"
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
	return cfg
}

// URL is the browsers' door, as http://127.0.0.1:40001, for socket.io-client.
func (h *Hub) URL() string { return "http://" + h.addresses.HTTP }

// GRPC is the backends' door, as 127.0.0.1:40002, for [hub.Dial].
func (h *Hub) GRPC() string { return h.addresses.GRPC }

// Client is a backend's connection, closed when the test ends.
func (h *Hub) Client(t testing.TB, opts ...hub.Option) *hub.Client {
	t.Helper()
	client, err := hub.Dial(h.GRPC(), opts...)
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
