package dispatch

import (
	"hash/maphash"
	"maps"
	"slices"
	"time"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/fault"
	"github.com/realtime-hub/hub/hub/internal/gate"
)

// kinds is how many kinds of events there are, none included.
const kinds = int(hubv1.SessionEventKind_SESSION_EVENT_KIND_UNSUBSCRIBED) + 1

// group is workers that share their work.
type group struct {
	key      groupKey
	seed     maphash.Seed
	workers  []*Worker
	queues   map[queueKey]*queue
	channels map[string]*coverage // by declared name
	wishes   map[wish]*coverage
}

// wish is which events a worker wants to know of, and on whose behalf: that
// settles the channels.
type wish struct {
	caller *gate.Caller
	kinds  [kinds]bool
}

// wants tells whether a wish is for an event.
func (w wish) wants(it *item) bool {
	return w.kinds[it.kind] && w.caller.May(gate.Handle, it.declared) == nil
}

// coverage is how many take something in a group, and for how long it is
// remembered that somebody did.
type coverage struct {
	workers int
	forget  *time.Timer
}

// join counts a worker for a channel or a wish, and tells whether it is the
// first of late.
func join[K comparable](covered map[K]*coverage, key K) (first bool) {
	c := covered[key]
	if c == nil {
		c, first = &coverage{}, true
		covered[key] = c
	}
	c.workers++
	if c.forget != nil {
		c.forget.Stop()
		c.forget = nil
	}
	return first
}

// leave counts one less. What nobody has come back for is then forgotten.
func leave[K comparable](s *Service, covered map[K]*coverage, key K, forget func()) {
	c := covered[key]
	if c.workers--; c.workers > 0 {
		return
	}
	var timer *time.Timer
	timer = time.AfterFunc(memory, func() {
		s.mu.Lock()
		defer s.unlock()
		if c.forget == timer {
			delete(covered, key)
			forget()
		}
	})
	c.forget = timer
}

// has tells whether the group takes the channel, or did so a moment ago.
func (g *group) has(declared string) bool { return g.channels[declared] != nil }

// wants tells whether somebody in the group wants to know of an event, or did
// so a moment ago.
func (g *group) wants(it *item) bool {
	for wish := range g.wishes {
		if wish.wants(it) {
			return true
		}
	}
	return false
}

// enlist puts a worker into its group, and gives it what waits there. The
// caller holds mu.
func (s *Service) enlist(key groupKey, w *Worker) {
	g := s.groups[key]
	if g == nil {
		g = &group{
			key: key, seed: s.seed, queues: make(map[queueKey]*queue),
			channels: make(map[string]*coverage), wishes: make(map[wish]*coverage),
		}
		s.groups[key] = g
	}
	w.group = g
	g.workers = append(g.workers, w)
	for declared := range w.channels {
		join(g.channels, declared)
	}
	if w.wish.kinds != [kinds]bool{} && join(g.wishes, w.wish) {
		s.want(w.wish, 1)
	}
	s.cfg.Metrics.workers.Inc()
	for _, q := range slices.Collect(maps.Values(g.queues)) {
		s.pump(q)
	}
	s.serve(w)
}

// delist takes a worker out of its group, which is remembered for a while. The
// caller holds mu.
func (s *Service) delist(w *Worker) {
	g := w.group
	g.workers = slices.DeleteFunc(g.workers, func(o *Worker) bool { return o == w })
	for declared := range w.channels {
		leave(s, g.channels, declared, func() {
			s.giveUp(g, func(it *item) bool { return it.kind == 0 && it.declared == declared })
		})
	}
	if w.wish.kinds != [kinds]bool{} {
		leave(s, g.wishes, w.wish, func() {
			s.want(w.wish, -1)
			s.giveUp(g, func(it *item) bool { return it.kind != 0 && !g.wants(it) })
		})
	}
	s.cfg.Metrics.workers.Dec()
	s.tidy(g)
}

// want counts a wish, for those who ask whether there is any.
func (s *Service) want(w wish, n int32) {
	for kind, wanted := range w.kinds {
		if wanted {
			s.wanted[kind].Add(n)
		}
	}
}

// giveUp ends what nobody in the group has come back for.
func (s *Service) giveUp(g *group, lost func(*item) bool) {
	for _, q := range slices.Collect(maps.Values(g.queues)) {
		for _, it := range slices.Clone(q.items) {
			if lost(it) {
				s.finish(it, fault.New(fault.NoWorker, "nobody takes the channel's messages any more; try again later"))
			}
		}
	}
	s.tidy(g)
}

// tidy drops a group of which nothing is left.
func (s *Service) tidy(g *group) {
	if len(g.workers)+len(g.channels)+len(g.wishes)+len(g.queues) == 0 && s.groups[g.key] == g {
		delete(s.groups, g.key)
	}
}

// pick is who gets the queue's next item: the worker that has the queue, else
// the one that rendezvous hashing gives the session to, so that sessions are
// spread and few move when workers come and go. A queue of which something is
// unacked moves only from a worker that is gone. Nil: nobody, or not yet.
func (q *queue) pick(it *item) *Worker {
	if w := q.worker; w != nil {
		switch stays := w.takes(it); {
		case q.out > 0 && !w.gone && !stays:
			return nil
		case stays && (q.out > 0 || !w.silent):
			return w
		}
	}
	session := maphash.String(q.group.seed, q.key.session)
	var best *Worker
	var weight uint64
	for _, w := range q.group.workers {
		if !w.takes(it) {
			continue
		}
		n := mix(w.hash ^ session)
		switch {
		case w == it.avoid:
			n = 0 // only where it is alone
		case w.silent:
			n = 1 // it may have stopped: rather anybody else
		}
		if best == nil || n > weight {
			best, weight = w, n
		}
	}
	return best
}

// mix has every bit of two hashes decide who is the greater: splitmix64's last
// step. FNV over both texts, which stood here, gave one worker of four 5 % of
// the sessions and another 51 %.
func mix(h uint64) uint64 {
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
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
