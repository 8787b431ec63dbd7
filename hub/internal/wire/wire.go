// Package wire moves frames to connections: it owns the delivery index, which
// connection gets which channel's frames, what waits for each connection, and
// the sockets. It speaks WebSocket (RFC 6455) and knows neither Socket.IO nor
// sessions.
//
// Connections live in shards, one for each core. A shard's write loop owns its
// connections and its index, so that sends, joins, leaves, broadcasts and
// closes are operations in one queue: they take effect in the order of their
// calls, without a lock for each connection, and none of them ever blocks. A
// frame is made once and shared by all its receivers. What was queued while
// the loop wrote the last round goes out with one write for each connection; a
// lone message leaves at once.
//
// A member of a shard is a connection with or without a socket. Without one
// (long-polling, another server's transport) its frames wait until they are
// taken; a socket attached later takes the rest, in order. An idle connection
// on Linux has no goroutine and no buffer: one epoll for each shard reads,
// nested in Go's netpoller. TLS connections and other systems are served by a
// goroutine each, behind the same interface.
//
// What a connection has not taken is its backlog, bounded in bytes. When the
// next frame does not fit, the policy of that frame's channel decides: see
// Slow. Every connection that wire ends has a Reason, which is also the
// metric's label. Everything here may be called concurrently, also from an
// engine's sink; handlers are called from wire's goroutines, must not block,
// and a panic in one is the end of its connection and of nothing else.
package wire

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Defaults of contract §4, limits, and of Engine.IO.
const (
	defaultMaxBacklog      = 1 << 20
	defaultMaxBacklogTotal = 256 << 20
	defaultMaxQueue        = 64 << 20
	defaultMaxMessage      = 1_000_000
	defaultMaxRate         = 1_000
	defaultPingInterval    = 25 * time.Second
	defaultPingTimeout     = 20 * time.Second
	defaultWriteTimeout    = 30 * time.Second
	defaultCloseTimeout    = 5 * time.Second
)

// Handler is who a connection belongs to. Its methods must not block.
type Handler interface {
	// Message takes a whole message from the connection's socket. data is
	// valid during the call alone. With more false nothing else is read until
	// Conn.Resume. Its calls come one after the other.
	Message(data []byte, binary bool) (more bool)
	// Malformed tells of a text message that is not UTF-8. Nothing else is
	// read; the handler ends the connection, whose close frame says why.
	Malformed()
	// Closed tells, exactly once and last, that the connection has ended.
	Closed(why Reason)
}

// Config bounds the connections. The zero value works.
type Config struct {
	// MaxBacklog is what may wait for one connection, bytes. Default: 1 MiB.
	MaxBacklog int
	// MaxBacklogTotal is what may wait for all of them, bytes; beyond it the
	// largest backlogs are given up first. Default: 256 MiB.
	MaxBacklogTotal int64
	// MaxQueue is what may wait in one shard before it is looked at, bytes;
	// beyond it Overloaded says so. Default: 64 MiB.
	MaxQueue int64
	// MaxMessage bounds a message from a socket, bytes. Default: 1,000,000.
	MaxMessage int
	// MaxRate is how many messages and control frames of one peer are handed
	// over in a tick, a 25th of PingInterval; beyond it the peer is not read
	// until the next one. Nothing is lost. Default: 1,000, in a second.
	MaxRate int
	// Ping is sent to every connection that was opened with a heartbeat, once
	// in a PingInterval, the first after half of one to one and a half;
	// without a Conn.Pong within PingTimeout, which must be shorter, the
	// connection is dead. Default: no ping; 25 s and 20 s.
	Ping                      *Frame
	PingInterval, PingTimeout time.Duration
	// WriteTimeout is how long a socket may take nothing of what waits for it.
	// Default: 30 s.
	WriteTimeout time.Duration
	// CloseTimeout bounds the last flush of a connection. Default: 5 s.
	CloseTimeout time.Duration
	// Gap makes the frame that tells a connection that frames of the channel
	// were dropped, of which first was the first. Default: it is not told.
	Gap func(channel string, first *Frame) *Frame
	// Shards is how many write loops there are. Default: one for each core.
	Shards int
	// Goroutines reads and writes every socket with goroutines of its own, as
	// where there is no epoll. Default: only where it must be.
	Goroutines bool
	// Metrics counts what is delivered and dropped. Default: not counted.
	Metrics *Metrics
	// Log takes panics of handlers. Default: slog.Default().
	Log *slog.Logger
}

// Wire is the delivery index and the connections in it.
type Wire struct {
	cfg     Config // static after New
	shards  []*shard
	next    atomic.Uint32  // the shard of the next connection
	backlog atomic.Int64   // bytes that wait, of all connections
	tasks   sync.WaitGroup // goroutines of sockets that are not in a poller
}

// New makes an empty index. It fails where the system gives no epoll.
func New(cfg Config) (*Wire, error) {
	cfg.MaxBacklog = cmp.Or(cfg.MaxBacklog, defaultMaxBacklog)
	cfg.MaxBacklogTotal = cmp.Or(cfg.MaxBacklogTotal, defaultMaxBacklogTotal)
	cfg.MaxQueue = cmp.Or(cfg.MaxQueue, defaultMaxQueue)
	cfg.MaxMessage = cmp.Or(cfg.MaxMessage, defaultMaxMessage)
	cfg.MaxRate = min(cmp.Or(cfg.MaxRate, defaultMaxRate), math.MaxUint16)
	cfg.PingInterval = cmp.Or(cfg.PingInterval, defaultPingInterval)
	cfg.PingTimeout = cmp.Or(cfg.PingTimeout, defaultPingTimeout)
	cfg.WriteTimeout = cmp.Or(cfg.WriteTimeout, defaultWriteTimeout)
	cfg.CloseTimeout = cmp.Or(cfg.CloseTimeout, defaultCloseTimeout)
	cfg.Shards = cmp.Or(cfg.Shards, runtime.GOMAXPROCS(0))
	cfg.Log = cmp.Or(cfg.Log, slog.Default())
	if cfg.PingTimeout >= cfg.PingInterval {
		return nil, errors.New("wire: the ping time-out must be shorter than the ping interval")
	}
	if cfg.Metrics == nil {
		cfg.Metrics = NewMetrics(nil)
	}
	w := &Wire{cfg: cfg}
	for range cfg.Shards {
		s, err := newShard(w)
		if err != nil {
			for _, s := range w.shards {
				s.poller.close()
			}
			return nil, err
		}
		w.shards = append(w.shards, s)
	}
	return w, nil
}

// Run moves frames until ctx ends, then closes every connection that is left
// and returns when no goroutine of wire's runs. It must be called exactly
// once; what is called before it waits.
func (w *Wire) Run(ctx context.Context) {
	var loops sync.WaitGroup
	for _, s := range w.shards {
		loops.Go(s.poller.run)
		loops.Go(func() { s.run(ctx) })
	}
	loops.Wait()
	w.tasks.Wait()
}

// Open makes a connection without a socket. With a heartbeat it is pinged.
func (w *Wire) Open(h Handler, heartbeat bool) *Conn {
	s := w.shards[int(w.next.Add(1))%len(w.shards)]
	c := &Conn{shard: s, handler: h, fd: -1, heartbeat: heartbeat}
	if !s.push(op{kind: opOpen, conn: c}) {
		c.closed = true              // nothing comes after Closed
		go s.tell(c, ReasonShutdown) // not from here: the caller may hold its locks
	}
	return c
}

// Message is a broadcast.
type Message struct {
	Frame *Frame
	// Slow is what happens to connections that it does not fit.
	Slow Slow
	// Except are names of connections that do not get it.
	Except []string
	// Aside says that it is about the channel, and no message of it. Where both are
	// dropped, it is the first message that Config.Gap gets.
	Aside bool
}

// Broadcast sends a message to all connections of the channel.
func (w *Wire) Broadcast(channel string, m Message) {
	m.Frame.channel, m.Frame.aside = channel, m.Aside
	o := op{kind: opBroadcast, slow: m.Slow, channel: channel, frame: m.Frame}
	if len(m.Except) > 0 {
		o.rest = m.Except
	}
	for _, s := range w.shards {
		s.push(o)
	}
}

// Overloaded tells whether a shard has more queued than it should: the caller
// who can refuse new broadcasts should do so.
func (w *Wire) Overloaded() bool {
	for _, s := range w.shards {
		if s.queued.Load() > w.cfg.MaxQueue {
			return true
		}
	}
	return false
}

// Backlog is how many bytes wait for all connections together.
func (w *Wire) Backlog() int64 { return w.backlog.Load() }
