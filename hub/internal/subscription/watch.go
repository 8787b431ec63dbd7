package subscription

import (
	"context"
	"sync"

	"github.com/realtime-hub/hub/hub/internal/engine"
	"github.com/realtime-hub/hub/hub/internal/fault"
)

const (
	// maxWatchers bounds those who watch at once: each is an operator's terminal.
	maxWatchers = 64
	// maxWatched and maxWatchedBytes bound what waits for one of them.
	maxWatched      = 1000
	maxWatchedBytes = 4 << 20
)

// Watcher follows a channel for an operator, who is no session: neither scope nor
// limits of sessions hold. One that is slow misses messages and is told how many.
type Watcher struct {
	service *Service // static
	channel string   // static

	ready chan struct{} // of one: there is something to take

	mu      sync.Mutex
	waiting []Watched // guarded by mu; at most maxWatched
	bytes   int       // guarded by mu; of payloads
}

// Watched is a publication, or how many were missed before the next one.
type Watched struct {
	engine.Publication

	// Missed is not 0 where nothing is published.
	Missed uint64
}

var _ engine.Sink = (*Watcher)(nil)

// Watch follows a concrete channel, which must be declared, from now on. Close
// must be called.
func (v *Service) Watch(ctx context.Context, channel string) (*Watcher, error) {
	if _, err := v.cfg.Schema.Snapshot().Match(channel); err != nil {
		return nil, err
	}
	if v.watchers.Add(1) > maxWatchers {
		v.watchers.Add(-1)
		return nil, fault.New(fault.Overloaded, "as many watch as may; end another one first")
	}
	w := &Watcher{service: v, channel: channel, ready: make(chan struct{}, 1)}
	if err := v.cfg.Engine.Join(ctx, channel, w, engine.ReadOptions{}, func(engine.Replay) {}); err != nil {
		v.watchers.Add(-1)
		return nil, err
	}
	return w, nil
}

// Publication implements engine.Sink.
func (w *Watcher) Publication(p *engine.Publication) {
	w.mu.Lock()
	defer w.mu.Unlock()
	last := len(w.waiting) - 1
	switch {
	case len(w.waiting) < maxWatched-1 && w.bytes+len(p.Payload) <= maxWatchedBytes || last < 0:
		w.waiting = append(w.waiting, Watched{Publication: *p})
		w.bytes += len(p.Payload)
	case w.waiting[last].Missed > 0:
		w.waiting[last].Missed++
	default:
		w.waiting = append(w.waiting, Watched{Missed: 1})
	}
	select {
	case w.ready <- struct{}{}:
	default:
	}
}

// Ready has something when Take does.
func (w *Watcher) Ready() <-chan struct{} { return w.ready }

// Take is what came since the last time, in order.
func (w *Watcher) Take() []Watched {
	w.mu.Lock()
	defer w.mu.Unlock()
	taken := w.waiting
	w.waiting, w.bytes = nil, 0
	return taken
}

// Close ends it.
func (w *Watcher) Close() {
	w.service.cfg.Engine.Leave(w.channel, w)
	w.service.watchers.Add(-1)
}
