// Package socketio is the door to browsers: Socket.IO protocol 5 over links
// that an Engine.IO server carries: the hub's own (socketio/engineio), or a
// library's (socketio/library).
//
// It parses packets, asks gate 1 at CONNECT, and turns the hub's events into
// calls of the flows and their results into acks. A connection's packets are
// handled one after the other, in order, by its session's inbox; what goes to
// the browser goes through wire, in the order in which it was decided. What
// is not Socket.IO closes the connection; what is a bad request is answered,
// by its ack or by hub:error. Payloads are never decoded and encoded again.
// A panic ends the one connection it belongs to.
package socketio

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"log/slog"
	mathrand "math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/dispatch"
	"github.com/realtime-hub/hub/hub/internal/fault"
	"github.com/realtime-hub/hub/hub/internal/gate"
	"github.com/realtime-hub/hub/hub/internal/session"
	"github.com/realtime-hub/hub/hub/internal/subscription"
	"github.com/realtime-hub/hub/hub/internal/wire"
	"github.com/realtime-hub/hub/hub/schema"
)

// defaultConnectTimeout is how long a link may stay without a session: what
// socket.io-client needs is a round trip.
const defaultConnectTimeout = 10 * time.Second

// defaultMaxUnjoined leaves room for the storm after a restart: 10,000 clients
// between their handshake and their CONNECT, at some 1 KiB each.
const defaultMaxUnjoined = 10_000

// Config is what the door asks and what it reaches.
type Config struct {
	Gate          *gate.Gate
	Schema        *schema.Registry
	Sessions      *session.Table
	Pool          *session.Pool
	Subscriptions *subscription.Service
	Dispatch      *dispatch.Service
	Wire          *wire.Wire
	// Limits are told to every session in hub:ready.
	Limits *hubv1.ClientLimits
	// ConnectTimeout is how long a link may stay without a session. Default: 10 s.
	ConnectTimeout time.Duration
	// MaxUnjoined is how many links may be without a session at a time; no
	// further one begins beyond it. Default: 10,000.
	MaxUnjoined int
	// Metrics counts connects and requests. Default: not counted.
	Metrics *Metrics
	Log     *slog.Logger
}

// Door accepts links and makes sessions of them.
type Door struct {
	cfg      Config // static after New
	draining atomic.Bool
	links    atomic.Uint64
	lobby    lobby

	served Inflight // the links that are not closed

	mu    sync.Mutex
	conns map[*conn]struct{} // guarded by mu; those links
}

var _ Acceptor = (*Door)(nil)

// New makes the door.
func New(cfg Config) *Door {
	cfg.ConnectTimeout = cmp.Or(cfg.ConnectTimeout, defaultConnectTimeout)
	cfg.MaxUnjoined = cmp.Or(cfg.MaxUnjoined, defaultMaxUnjoined)
	if cfg.Metrics == nil {
		cfg.Metrics = NewMetrics(nil)
	}
	rules()
	return &Door{cfg: cfg, conns: make(map[*conn]struct{})}
}

// Full implements Acceptor.
func (d *Door) Full() bool {
	return d.draining.Load() || d.lobby.len() >= d.cfg.MaxUnjoined
}

// Links is how many links ever were.
func (d *Door) Links() uint64 { return d.links.Load() }

// Accept implements Acceptor.
func (d *Door) Accept(link Link, req *Request) Receiver {
	c := newConn(d, link, req)
	d.links.Add(1)
	d.served.Begin()
	d.lobby.enter(c, time.Now().Add(d.cfg.ConnectTimeout))
	d.mu.Lock()
	defer d.mu.Unlock()
	d.conns[c] = struct{}{}
	if req.of2() {
		c.greet()
	}
	return c
}

// Expire ends the links whose CONNECT did not come in time. It is to be called
// about once a second.
func (d *Door) Expire() {
	for _, c := range d.lobby.overdue(time.Now()) {
		c.out.End()
	}
}

func (d *Door) forget(c *conn) {
	defer d.served.End()
	d.lobby.leave(c)
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.conns, c)
}

// Drain refuses new sessions and ends the open ones, one by one over the
// window, each told why and when to come back. When the context ends first,
// the rest ends at once.
func (d *Door) Drain(ctx context.Context, window time.Duration) {
	d.draining.Store(true)
	open := d.cfg.Sessions.All()
	for i, s := range open {
		if i > 0 && window > 0 {
			select {
			case <-time.After(window / time.Duration(len(open))):
			case <-ctx.Done():
			}
		}
		s.End(fault.New(fault.Draining, "the hub is shutting down; connect again"), true)
	}
}

// Close ends every link that is left and returns when all are closed and
// forgotten, or when the context ends.
func (d *Door) Close(ctx context.Context) {
	d.draining.Store(true)
	d.endAll()
	d.served.Wait(ctx)
}

func (d *Door) endAll() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for c := range d.conns {
		c.out.End() // behind the drain's last words, which may still wait
	}
}

// newID is a session's id: 120 random bits, as Socket.IO's own servers make it.
func newID() string {
	var b [15]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand crashes the process instead
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// reconnectIn spreads a drain's clients over two seconds, so that the next
// hub is not met by all at once.
func reconnectIn() uint32 {
	const spread = 2000
	return mathrand.Uint32N(spread) //nolint:gosec // jitter, not a secret
}
