package dispatch

import (
	"slices"
	"time"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/fault"
)

// queueKey is whose messages are in order: those of one session on one
// channel. A session's events have a queue without a channel.
type queueKey struct{ session, channel string }

// queue is what waits for one group, in order.
type queue struct {
	group  *group
	key    queueKey
	items  []*item   // the first is flying, resting, or waits for a worker
	size   int       // their bytes
	flying *delivery // of items[0], at least once
	out    int       // deliveries of this queue that are unacked, at most once included
	rest   *time.Timer
	worker *Worker // who has this queue while it lives
	queued bool    // in worker.waiting
}

// item is a message or an event on its way to one group.
type item struct {
	message  *Message // nil: an event
	declared string   // the channel's declared name; empty: an event of none
	kind     hubv1.SessionEventKind
	size     int
	once     bool // at most
	deadline time.Duration
	expires  time.Time
	frame    func(id string, attempt uint32, left time.Duration) *hubv1.HandleResponse
	done     func(error) // once; holds mu

	queue    *queue
	attempts int
	avoid    *Worker      // who has just failed it
	last     *fault.Error // how that was
	expiry   *time.Timer
	finished bool
	public   bool // a worker's no, for its sender to read
}

// enqueue takes an item into the group's queue. The caller holds mu.
func (s *Service) enqueue(g *group, key queueKey, it *item) {
	q := g.queues[key]
	if q == nil {
		q = &queue{group: g, key: key}
		g.queues[key] = q
	}
	it.queue = q
	q.items = append(q.items, it)
	q.size += it.size
	it.expiry = time.AfterFunc(time.Until(it.expires), func() {
		s.mu.Lock()
		defer s.unlock()
		s.expired(it)
	})
	s.pump(q)
}

func (s *Service) expired(it *item) {
	s.finish(it, fault.New(fault.HandlerTimeout, "the message was not handled within its time"))
}

// pump delivers what may be delivered. The caller holds mu.
func (s *Service) pump(q *queue) {
	for len(q.items) > 0 && q.flying == nil && q.rest == nil && !q.queued {
		it := q.items[0]
		if !time.Now().Before(it.expires) { // its timer is about to say so
			s.expired(it)
			return // finish has gone on
		}
		w := q.pick(it)
		if w == nil {
			return // until a worker is attached, what is out is acked, or the time is over
		}
		q.worker = w
		if w.unacked() >= w.capacity {
			w.waiting = append(w.waiting, q)
			q.queued = true
			return
		}
		s.deliver(w, it)
	}
	if len(q.items) == 0 && !q.queued && q.out == 0 { // else what comes next keeps its place, and its worker
		delete(q.group.queues, q.key)
		s.tidy(q.group)
	}
}

// finish ends an item, whatever its state is. The caller holds mu.
func (s *Service) finish(it *item, err error) {
	if it.finished {
		return
	}
	it.finished = true
	it.expiry.Stop()
	q := it.queue
	for i := range q.items {
		if q.items[i] == it {
			q.items = append(q.items[:i], q.items[i+1:]...)
			q.size -= it.size
			if i == 0 {
				s.ground(q)
				q.unqueue()
			}
			break
		}
	}
	s.bury(it, err)
	it.done(err)
	s.pump(q)
}

// ground ends what the queue's first item was doing.
func (s *Service) ground(q *queue) {
	if q.rest != nil {
		q.rest.Stop()
		q.rest = nil
	}
	if d := q.flying; d != nil {
		q.flying = nil
		s.land(d)
	}
}

// unqueue takes a queue out of those that wait for a worker, if what is first
// in it now is not for that worker: events are for who wants their kind.
func (q *queue) unqueue() {
	if w := q.worker; q.queued && len(q.items) > 0 && !w.takes(q.items[0]) {
		w.waiting = slices.DeleteFunc(w.waiting, func(other *queue) bool { return other == q })
		q.queued, q.worker = false, nil
	}
}
