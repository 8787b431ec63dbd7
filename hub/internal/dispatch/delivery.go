package dispatch

import (
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/fault"
)

// delivery is an item at a worker, until it is acked, given back or late.
type delivery struct {
	id     string
	item   *item
	worker *Worker
	late   *time.Timer
}

// deliver hands a queue's first item to a worker that has room. The caller
// holds mu.
func (s *Service) deliver(w *Worker, it *item) {
	d := s.send(w, it)
	if it.once {
		s.finish(it, nil) // handed over is all that is promised; the ack only returns the credit
		return
	}
	it.queue.flying = d
}

func (s *Service) send(w *Worker, it *item) *delivery {
	it.attempts++
	left := min(it.deadline, time.Until(it.expires))
	d := &delivery{id: w.nextID(), item: it, worker: w}
	w.flying[d.id] = d
	d.late = time.AfterFunc(left, func() { s.overdue(d) })
	w.out.Send(it.frame(d.id, uint32(it.attempts), left)) //nolint:gosec // at most maxAttempts
	s.cfg.Metrics.deliveries.Inc()
	return d
}

// land takes a delivery from its worker: the credit is free. The caller holds mu.
func (s *Service) land(d *delivery) {
	d.late.Stop()
	if d.worker.flying[d.id] == d {
		delete(d.worker.flying, d.id)
		s.feed(d.worker)
		d.worker.drained()
	}
}

// overdue hears that a worker missed a delivery's deadline. It may still work
// on it, and does not count any more.
func (s *Service) overdue(d *delivery) {
	s.mu.Lock()
	defer s.unlock()
	if d.worker.flying[d.id] != d {
		return
	}
	if !d.item.finished {
		s.cfg.Metrics.missed.Inc()
	}
	s.failed(d, pause(d.item.attempts))
}

// failed has an item delivered again after a pause, if there is an attempt and
// time left for it. The caller holds mu.
func (s *Service) failed(d *delivery, after time.Duration) {
	it, q := d.item, d.item.queue
	if it.finished { // at most once, or expired meanwhile
		s.land(d)
		return
	}
	q.flying = nil
	it.avoid, q.worker = d.worker, nil
	if it.attempts >= maxAttempts || time.Until(it.expires) <= after {
		s.land(d)
		s.finish(it, fault.New(fault.HandlerTimeout, "no worker could handle the message"))
		return
	}
	s.cfg.Metrics.retries.Inc()
	var rest *time.Timer
	rest = time.AfterFunc(after, func() {
		s.mu.Lock()
		defer s.unlock()
		if q.rest == rest {
			q.rest = nil
			s.pump(q)
		}
	})
	q.rest = rest
	s.land(d)
}

// Ack says that a delivery was handled. One that is not known is late, or
// another stream's.
func (w *Worker) Ack(id string) {
	s := w.service
	s.mu.Lock()
	defer s.unlock()
	d := w.flying[id]
	if d == nil {
		return
	}
	if d.item.finished {
		s.land(d)
		return
	}
	d.item.queue.flying = nil
	s.land(d)
	s.finish(d.item, nil)
}

// Nack says that a delivery was not handled.
func (w *Worker) Nack(n *hubv1.Nack) {
	s := w.service
	s.mu.Lock()
	defer s.unlock()
	d := w.flying[n.GetDeliveryId()]
	switch {
	case d == nil:
	case d.item.finished:
		s.land(d)
	case n.GetRetry():
		after := pause(d.item.attempts)
		if n.GetRetryAfter() != nil {
			after = min(n.GetRetryAfter().AsDuration(), maxPause)
		}
		s.failed(d, after)
	default:
		d.item.queue.flying = nil
		s.land(d)
		s.finish(d.item, refused(n))
	}
}

// refused is what a browser hears of a worker's no: that it was one, and its
// words where they are meant for browsers.
func refused(n *hubv1.Nack) error {
	said := n.GetError()
	if !n.GetPublic() {
		said = &hubv1.Error{Code: said.GetCode()}
	}
	return fault.New(fault.HandlerFailed, "the message could not be handled").InWordsOf(said)
}

func duration(d time.Duration) *durationpb.Duration { return durationpb.New(max(d, 0)) }
