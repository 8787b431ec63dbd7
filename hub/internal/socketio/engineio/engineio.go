// Package engineio is the hub's own Engine.IO 4 server: WebSocket,
// long-polling, and the upgrade between them, on wire.
//
// A message is delivered at most once, in order, in each direction, also
// across an upgrade; a link that breaks tells Receiver.Closed, and what was on
// its way is lost. An upgrade attaches a socket to the connection that was
// polled: its memberships, its queue and its order stay as they are, and what
// it costs afterwards is what a WebSocket costs that was one from the start.
//
// What a stranger may do is bounded before anything is allocated for it: the
// page's origin, whatever the transport; links, and links without a session;
// a body's size, time and packets; a message's size by its header. What breaks
// the protocol ends its link, by WebSocket's close code or HTTP's status.
// An Engine.IO sid is a secret, as good as the session: it is never logged,
// and has nothing to do with the Socket.IO id. A link that is no polling link
// has none that anybody could use. Everything here may be called concurrently.
package engineio

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/realtime-hub/hub/hub/internal/socketio"
	"github.com/realtime-hub/hub/hub/internal/wire"
)

// Config says who takes the links and within what bounds. Wire and Acceptor
// have no default.
type Config struct {
	// Wire carries the links. Its MaxMessage is that of WebSockets. Required.
	Wire *wire.Wire
	// Acceptor gets every link. Required.
	Acceptor socketio.Acceptor
	// Path is where the handler answers. Default: /socket.io/.
	Path string
	// MaxPayload bounds a polling POST, in bytes, and is told to clients.
	// Default: 1,000,000, as Engine.IO has it.
	MaxPayload int
	// MaxConnections bounds the links that are open at a time; a handshake
	// beyond it is answered 503. Default: 0, no bound.
	MaxConnections int
	// PingInterval and PingTimeout are told to clients; they are wire's.
	// Defaults: 25 s and 20 s.
	PingInterval, PingTimeout time.Duration
	// UpgradeTimeout is how long a WebSocket may take to become the link's
	// transport. Default: 10 s.
	UpgradeTimeout time.Duration
	// BodyTimeout is how long a POST's body may take to arrive. Default: 10 s.
	BodyTimeout time.Duration
	// WriteTimeout is how long an answer may wait for a peer that does not
	// read. Default: 30 s.
	WriteTimeout time.Duration
	// CheckOrigin tells whether the page that a request comes from may use
	// the hub. Required.
	CheckOrigin func(*http.Request) bool
	// Log takes panics. Default: slog.Default().
	Log *slog.Logger
}

// Server is the handler of Config.Path. It works with any http.Server.
type Server struct {
	cfg   Config         // static after New
	front socketio.Front // static after New
	open  [2]string      // static after New; OPEN around the sid, for a polling link and for a WebSocket

	seats  atomic.Int64 // links that are open or about to be
	closed atomic.Bool
	served socketio.Inflight // requests

	mu    sync.Mutex
	links map[string]*link // guarded by mu; the polling links, by sid
}

var _ http.Handler = (*Server)(nil)

// New makes a server. It starts nothing.
func New(cfg Config) (*Server, error) {
	if cfg.Acceptor == nil || cfg.Wire == nil || cfg.CheckOrigin == nil {
		return nil, errors.New("engineio: Wire, Acceptor and CheckOrigin are required")
	}
	cfg.Path = "/" + strings.Trim(cmp.Or(cfg.Path, "/socket.io/"), "/") + "/"
	cfg.MaxPayload = cmp.Or(cfg.MaxPayload, 1_000_000)
	cfg.PingInterval = cmp.Or(cfg.PingInterval, 25*time.Second)
	cfg.PingTimeout = cmp.Or(cfg.PingTimeout, 20*time.Second)
	cfg.UpgradeTimeout = cmp.Or(cfg.UpgradeTimeout, 10*time.Second)
	cfg.BodyTimeout = cmp.Or(cfg.BodyTimeout, 10*time.Second)
	cfg.WriteTimeout = cmp.Or(cfg.WriteTimeout, 30*time.Second)
	cfg.Log = cmp.Or(cfg.Log, slog.Default())
	s := &Server{
		cfg:   cfg,
		links: make(map[string]*link),
		front: socketio.Front{Path: cfg.Path, CheckOrigin: cfg.CheckOrigin, BodyTimeout: cfg.BodyTimeout, Versions: "4"},
	}
	for i, upgrades := range []string{`["websocket"]`, `[]`} {
		s.open[i] = `","upgrades":` + upgrades +
			`,"pingInterval":` + strconv.FormatInt(cfg.PingInterval.Milliseconds(), 10) +
			`,"pingTimeout":` + strconv.FormatInt(cfg.PingTimeout.Milliseconds(), 10) +
			`,"maxPayload":` + strconv.Itoa(cfg.MaxPayload) + `}`
	}
	return s, nil
}

// Ping is what wire sends as its heartbeat.
func Ping() *wire.Frame { return text("2") }

// text is the frame of an Engine.IO packet.
func text(packet string) *wire.Frame {
	return wire.NewFrame(append(make([]byte, wire.Headroom, wire.Headroom+len(packet)), packet...))
}

// newSID is 120 random bits, as Engine.IO's own servers make it.
func newSID() string {
	var b [15]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand crashes the process instead
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// Close refuses what is new and returns when no request is served any more, or
// when ctx ends. The links are the Acceptor's to end.
func (s *Server) Close(ctx context.Context) {
	s.closed.Store(true)
	s.served.Wait(ctx)
}

// seat reserves room for one more link, unless the server is closed.
func (s *Server) seat() bool {
	if s.closed.Load() || s.cfg.Acceptor.Full() {
		return false
	}
	if n := s.seats.Add(1); s.cfg.MaxConnections > 0 && n > int64(s.cfg.MaxConnections) {
		s.seats.Add(-1)
		return false
	}
	return true
}

// register makes a polling link known, until forget.
func (s *Server) register(sid string, l *link) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.links[sid] = l
}

func (s *Server) forget(sid string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.links, sid)
}

// lookup is the polling link with this sid, or nil.
func (s *Server) lookup(sid string) *link {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.links[sid]
}
