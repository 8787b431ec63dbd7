// Package wire moves frames to connections: it owns the delivery index, which
// connection gets which channel's frames, and what waits for each connection.
// It knows neither Socket.IO nor sessions.
//
// A frame is made once and shared by every connection that gets it. Sends,
// joins, leaves and broadcasts of one connection take effect in the order of
// their calls; none of them ever blocks on the connection. What a connection
// has not taken is its backlog, bounded in bytes: the frame that does not fit
// ends the connection with a named reason, which is also the metric's label.
// Everything here may be called concurrently, also from an engine's sink.
package wire

import (
	"hash/maphash"
	"slices"
	"sync"
	"sync/atomic"
)

// stripes is how many locks the channels share; see engine/memory.
const stripes = 256

// Defaults of contract §4, limits.
const (
	defaultMaxBacklog      = 1 << 20
	defaultMaxBacklogTotal = 256 << 20
)

// Frame is one message as its receivers get it. Never changed once made: all
// of them share it.
type Frame = []byte

// Link carries one connection's frames.
type Link interface {
	// Write takes frames and calls done once, when all were handed to the
	// network or the link is closed. It is not called again before done.
	Write(frames []Frame, done func())
	// Close ends the link when what was written has left it, or could not.
	Close()
}

// Reason says why wire ended a connection. The values are metric labels.
type Reason string

const (
	// ReasonBacklog is a connection that did not take what was sent to it.
	ReasonBacklog Reason = "backlog"
	// ReasonBacklogTotal is a connection that waited while all backlogs
	// together were at their limit.
	ReasonBacklogTotal Reason = "backlog_total"
)

// Config bounds the backlogs. The zero value works.
type Config struct {
	// MaxBacklog is what may wait for one connection, bytes. Default: 1 MiB.
	MaxBacklog int
	// MaxBacklogTotal is what may wait for all of them, bytes. Default: 256 MiB.
	MaxBacklogTotal int64
	// Metrics counts what is delivered and dropped. Default: not counted.
	Metrics *Metrics
}

// Wire is the delivery index and the connections in it.
type Wire struct {
	cfg     Config         // static after New
	seed    maphash.Seed   // static after New
	backlog atomic.Int64   // bytes that wait, of all connections
	writers sync.WaitGroup // goroutines that drain a connection's backlog
	stripes [stripes]stripe
}

type stripe struct {
	mu       sync.Mutex
	channels map[string]map[*Conn]struct{} // guarded by mu; an empty channel is deleted
}

// New makes an empty index.
func New(cfg Config) *Wire {
	if cfg.MaxBacklog <= 0 {
		cfg.MaxBacklog = defaultMaxBacklog
	}
	if cfg.MaxBacklogTotal <= 0 {
		cfg.MaxBacklogTotal = defaultMaxBacklogTotal
	}
	if cfg.Metrics == nil {
		cfg.Metrics = NewMetrics(nil)
	}
	w := &Wire{cfg: cfg, seed: maphash.MakeSeed()}
	for i := range w.stripes {
		w.stripes[i].channels = make(map[string]map[*Conn]struct{})
	}
	return w
}

// Broadcast sends the frame to all connections of the channel but those whose
// name is in except.
func (w *Wire) Broadcast(channel string, frame Frame, except []string) {
	s := w.stripe(channel)
	s.mu.Lock()
	defer s.mu.Unlock()
	sent := 0
	for c := range s.channels[channel] {
		if len(except) > 0 && slices.Contains(except, c.Name()) {
			continue
		}
		c.enqueue(frame)
		sent++
	}
	w.cfg.Metrics.deliveries.Add(float64(sent))
}

// Backlog is how many bytes wait for all connections together.
func (w *Wire) Backlog() int64 { return w.backlog.Load() }

// Wait returns when no goroutine of wire runs: every link must be closed.
func (w *Wire) Wait() { w.writers.Wait() }

func (w *Wire) stripe(channel string) *stripe {
	return &w.stripes[maphash.String(w.seed, channel)%stripes]
}
