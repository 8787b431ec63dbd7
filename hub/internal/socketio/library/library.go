// Package library carries the door's links over zishang520/socket.io's
// Engine.IO server: WebSocket, long-polling, and the upgrade between them. It
// is the only package that knows that library. The hub's own server (engineio)
// is the default; this one is an oracle for it, and carries older clients.
//
// A message is delivered at most once, in order, in each direction, also
// across an upgrade; a link that breaks tells Receiver.Closed, and what was on
// its way is lost. What goes to a browser waits in wire, as a connection
// without a socket: the link takes a batch of it when the transport is ready,
// and the next one when that was written. wire ends the link, whoever found
// the reason: the library's own closes are Conn.Abort. Everything here may be
// called concurrently.
//
// The library is not safe to expose as it comes. This package stands on both
// sides of it. Before it, on every request: socketio.Front; no body but a
// POST's, that one read whole and checked packet by packet, because the library
// truncates what is too long, processes the rest and answers "ok"; no
// octet-stream, whose sender can leave and keep a descriptor for ever; no sid
// that is not open; no upgrade of what is no polling link, because who knows a
// sid could take the session over; and no more links than
// Config.MaxConnections, or than the door takes.
//
// Around it:
//   - The connection behind an upgrade yields no byte before the library's
//     handler has returned (guarded conn). Read earlier, a CONNECT or a probe
//     meets listeners that are not attached yet and is lost without an answer;
//     in v3.0.2 a pong even met a timer that was nil and ended the process.
//   - The library writes its HTTP answers into a buffer (visit), and they go
//     out when it is done with the request. It forgets a poll after it has
//     answered it, so that a fast client's next poll would be forgotten in its
//     place; it never answers a poll that is pending at a close or an upgrade;
//     and it may write when the handler has returned.
//   - Its transports are wrapped (carrier): one batch is one write to the
//     transport; two answers to one poll, which would end the session, cannot
//     meet; and its write queues lose the finalizer that keeps every one that
//     ever was, 8 KiB each, for ever.
//   - Its own packets that wait for a browser are counted: an Engine.IO 3
//     client that pings and never polls would fill the memory with pongs.
//   - Each callback recovers: a panic in the door ends that link alone.
//   - Closing waits for the flush, writes are bounded in time, and a socket
//     lingers, so that a reset does not overtake the last frame.
//
// What is not guarded: the library keeps an idle WebSocket link at three
// goroutines and about 40 KB; a message is copied about three times per link;
// a Receiver that wants no more for longer than a ping time-out loses its link,
// because the pong is behind what is not read. Slow headers, idle keep-alive
// connections and their number are http.Server's, links that never CONNECT and
// packets per second are the door's. No metrics here: the door counts links.
//
// The Engine.IO sid is a secret, as good as the session: it is never logged,
// and has nothing to do with the Socket.IO id.
package library

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/zishang520/socket.io/servers/engine/v3"
	"github.com/zishang520/socket.io/servers/engine/v3/config"

	"github.com/realtime-hub/hub/hub/internal/socketio"
	"github.com/realtime-hub/hub/hub/internal/wire"
)

// Config says who takes the links and within what bounds. Wire, Acceptor and
// CheckOrigin have no default.
type Config struct {
	// Wire queues what goes to the links. Required.
	Wire *wire.Wire
	// Path is where the handler answers. Default: /socket.io/.
	Path string
	// MaxPayload bounds a message from a browser, and a polling POST, in
	// bytes. Default: 1,000,000, as Engine.IO has it.
	MaxPayload int
	// MaxConnections bounds the links that are open at a time; a handshake
	// beyond it is answered 503. Default: 0, no bound.
	MaxConnections int
	// PingInterval and PingTimeout are Engine.IO's heartbeat: a link that does
	// not answer a ping in time is closed. Defaults: 25 s and 20 s.
	PingInterval, PingTimeout time.Duration
	// UpgradeTimeout is how long a probed WebSocket may take to become the
	// link's transport. Default: 10 s.
	UpgradeTimeout time.Duration
	// BodyTimeout is how long a POST's body may take to arrive. Default: 10 s.
	BodyTimeout time.Duration
	// WriteTimeout is how long one write may wait for a peer that does not
	// read; then its link is closed. Default: 30 s.
	WriteTimeout time.Duration
	// Acceptor gets every link. Required.
	Acceptor socketio.Acceptor
	// CheckOrigin tells whether the page that a request comes from may use
	// the hub. Required.
	CheckOrigin func(*http.Request) bool
	// Log takes panics. Default: slog.Default().
	Log *slog.Logger
}

func (c *Config) setDefaults() {
	c.Path = "/" + strings.Trim(cmp.Or(c.Path, "/socket.io/"), "/") + "/"
	c.MaxPayload = cmp.Or(c.MaxPayload, 1_000_000)
	c.PingInterval = cmp.Or(c.PingInterval, 25*time.Second)
	c.PingTimeout = cmp.Or(c.PingTimeout, 20*time.Second)
	c.UpgradeTimeout = cmp.Or(c.UpgradeTimeout, 10*time.Second)
	c.BodyTimeout = cmp.Or(c.BodyTimeout, 10*time.Second)
	c.WriteTimeout = cmp.Or(c.WriteTimeout, 30*time.Second)
	c.Log = cmp.Or(c.Log, slog.Default())
}

// Server is the handler of Config.Path. It works with any http.Server; its
// time-outs for whole requests do not end a poll.
type Server struct {
	cfg    Config         // static after New
	front  socketio.Front // static after New
	engine engine.Server  // static after New

	served socketio.Inflight // requests, links and lingering sockets

	mu     sync.Mutex
	links  map[string]*link // guarded by mu; by sid, those that are open
	seats  int              // guarded by mu; links that are open or about to be
	closed bool             // guarded by mu
}

var _ http.Handler = (*Server)(nil)

// New makes a server. It starts nothing.
func New(cfg Config) (*Server, error) {
	if cfg.Acceptor == nil || cfg.Wire == nil || cfg.CheckOrigin == nil {
		return nil, errors.New("library: Wire, Acceptor and CheckOrigin are required")
	}
	if cfg.MaxPayload < 0 || cfg.MaxConnections < 0 {
		return nil, errors.New("library: limits cannot be negative")
	}
	cfg.setDefaults()
	s := &Server{
		cfg:   cfg,
		links: make(map[string]*link),
		front: socketio.Front{Path: cfg.Path, CheckOrigin: cfg.CheckOrigin, BodyTimeout: cfg.BodyTimeout, Versions: "4" + version3},
	}

	opts := config.DefaultServerOptions()
	opts.SetPingInterval(cfg.PingInterval)
	opts.SetPingTimeout(cfg.PingTimeout)
	opts.SetUpgradeTimeout(cfg.UpgradeTimeout)
	opts.SetMaxHttpBufferSize(int64(cfg.MaxPayload))
	// A read waits for the pong at the longest; the ping time-out comes first.
	opts.SetIdleTimeout(cfg.PingInterval + cfg.PingTimeout + time.Minute)
	opts.SetTransports(carriers())
	opts.SetAllowUpgrades(true)
	opts.SetAllowEIO3(true)
	// 40 kB of deflate became 40 MB behind a limit of 1 MB.
	opts.SetPerMessageDeflate(nil)
	opts.SetHttpCompression(nil)
	opts.SetCookie(nil)
	s.engine = engine.NewServer(opts)
	if err := s.engine.On("connection", s.connection); err != nil {
		return nil, err
	}
	return s, nil
}

// Close refuses what is new and ends every link that is left: its pending poll
// is answered. It returns when no request and no link is left, or when ctx ends.
func (s *Server) Close(ctx context.Context) {
	s.mu.Lock()
	s.closed = true
	open := slices.Collect(maps.Values(s.links))
	s.mu.Unlock()
	for _, l := range open {
		l.conn.End()
	}
	s.served.Wait(ctx)
}

// seat reserves room for one more link.
func (s *Server) seat() bool {
	if s.cfg.Acceptor.Full() {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.cfg.MaxConnections > 0 && s.seats >= s.cfg.MaxConnections {
		return false
	}
	s.seats++
	return true
}

func (s *Server) leaveSeat() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seats--
}

// lookup is the open link with this sid, or nil.
func (s *Server) lookup(sid string) *link {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.links[sid]
}
