package dispatch

import (
	"hash/fnv"
	"maps"
	"slices"
	"time"

	"github.com/realtime-hub/hub/hub/internal/fault"
)

// group is workers that share their work.
type group struct {
	key      groupKey
	workers  []*Worker
	queues   map[queueKey]*queue
	channels map[string]*coverage // by declared name
}

// coverage is who takes a channel's messages in a group, and for how long it
// is remembered that somebody did.
type coverage struct {
	workers int
	forget  *time.Timer
}

// has tells whether the group takes the channel, or did so a moment ago.
func (g *group) has(declared string) bool { return g.channels[declared] != nil }

// enlist puts a worker into its group, and gives it what waits there. The
// caller holds mu.
func (s *Service) enlist(key groupKey, w *Worker) {
	g := s.groups[key]
	if g == nil {
		g = &group{key: key, queues: make(map[queueKey]*queue), channels: make(map[string]*coverage)}
		s.groups[key] = g
	}
	w.group = g
	g.workers = append(g.workers, w)
	for declared := range w.channels {
		c := g.channels[declared]
		if c == nil {
			c = &coverage{}
			g.channels[declared] = c
		}
		c.workers++
		if c.forget != nil {
			c.forget.Stop()
			c.forget = nil
		}
	}
	for kind := range w.events {
		s.wanted[kind].Add(1)
	}
	s.cfg.Metrics.workers.Inc()
	for _, q := range slices.Collect(maps.Values(g.queues)) {
		s.pump(q)
	}
}

// delist takes a worker out of its group, which is remembered for a while. The
// caller holds mu.
func (s *Service) delist(w *Worker) {
	g := w.group
	g.workers = slices.DeleteFunc(g.workers, func(o *Worker) bool { return o == w })
	for declared := range w.channels {
		c := g.channels[declared]
		if c.workers--; c.workers > 0 {
			continue
		}
		var forget *time.Timer
		forget = time.AfterFunc(memory, func() {
			s.mu.Lock()
			defer s.unlock()
			if c.forget == forget {
				s.forget(g, declared)
			}
		})
		c.forget = forget
	}
	for kind := range w.events {
		s.wanted[kind].Add(-1)
	}
	s.cfg.Metrics.workers.Dec()
	s.tidy(g)
}

// forget gives up a channel that nobody in the group has come back for.
func (s *Service) forget(g *group, declared string) {
	delete(g.channels, declared)
	for _, q := range slices.Collect(maps.Values(g.queues)) {
		for _, it := range slices.Clone(q.items) {
			if it.declared == declared {
				s.finish(it, fault.New(fault.NoWorker, "nobody takes the channel's messages any more; try again later"))
			}
		}
	}
	s.tidy(g)
}

// tidy drops a group of which nothing is left.
func (s *Service) tidy(g *group) {
	if len(g.workers)+len(g.channels)+len(g.queues) == 0 && s.groups[g.key] == g {
		delete(s.groups, g.key)
	}
}

// pick is who gets the queue's next item: the worker that has the queue, else
// the one that rendezvous hashing gives the session to, so that sessions are
// spread and few move when workers come and go. Nil: nobody.
func (q *queue) pick(it *item) *Worker {
	if q.worker != nil && q.worker.takes(it) {
		return q.worker
	}
	var best *Worker
	var weight uint64
	for _, w := range q.group.workers {
		if !w.takes(it) {
			continue
		}
		h := fnv.New64a()
		_, _ = h.Write([]byte(w.id))
		_, _ = h.Write([]byte(q.key.session))
		n := h.Sum64() >> 1
		if w == it.avoid {
			n = 0 // only where it is alone
		}
		if best == nil || n > weight {
			best, weight = w, n
		}
	}
	return best
}

// copyTo gives an observing group a copy, if a worker has room for it. The
// caller holds mu.
func (s *Service) copyTo(g *group, key queueKey, it *item) {
	it.once, it.finished = true, true // nobody waits for it
	q := &queue{group: g, key: key}
	w := q.pick(it)
	if w == nil || w.unacked() >= w.capacity {
		s.cfg.Metrics.unobserved.Inc()
		return
	}
	s.send(w, it)
}
