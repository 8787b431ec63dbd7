package dispatch

import (
	"strconv"
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
	if it.queue != nil { // else it is a copy
		it.queue.out++
	}
	left := min(it.deadline, time.Until(it.expires))
	d := &delivery{id: w.deliveries.next(), item: it, worker: w}
	w.flying[d.id] = d
	d.late = time.AfterFunc(left, func() { s.overdue(d) })
	w.out.Send(it.frame(d.id, uint32(it.attempts), left)) //nolint:gosec // at most maxAttempts
	s.cfg.Metrics.deliveries.Inc()
	return d
}

// land takes a delivery from its worker: the credit is free. The caller holds mu.
func (s *Service) land(d *delivery) {
	d.late.Stop()
	if d.worker.flying[d.id] != d {
		return
	}
	delete(d.worker.flying, d.id)
	if d.item.queue != nil {
		d.item.queue.out--
	}
	s.feed(d.worker)
	d.worker.drained()
}

// landed is land for a delivery whose item is finished: at most once, a copy,
// or expired meanwhile. What waited for it may move now. The caller holds mu.
func (s *Service) landed(d *delivery) {
	s.land(d)
	if d.item.queue != nil {
		s.pump(d.item.queue)
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
	s.suspect(d.worker)
	if !d.item.finished {
		s.cfg.Metrics.missed.Inc()
	}
	s.failed(d, pause(d.item.attempts), errMissed)
}

// suspect notes that a worker let a time pass. Until it says something, who
// can go to another does. The caller holds mu.
func (s *Service) suspect(w *Worker) {
	if !w.silent {
		w.silent = true
		s.release(w)
	}
}

// failed has an item delivered again after a pause, if there is an attempt and
// time left for it. The caller holds mu.
func (s *Service) failed(d *delivery, after time.Duration, why *fault.Error) {
	it, q := d.item, d.item.queue
	if it.finished {
		s.landed(d)
		return
	}
	q.flying = nil
	it.avoid, it.last, q.worker = d.worker, why, nil
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

// How a delivery failed without a word of its worker's, for the dead letters.
var (
	errMissed = fault.New(fault.HandlerTimeout, "the worker did not ack it in time")
	errGone   = fault.New(fault.NoWorker, "the worker went away before it had acked it")
)

// Ack says that a delivery was handled. One that is late, or acked twice, is
// nothing; one that this stream was never given is a fault, and the worker's end.
func (w *Worker) Ack(id string) error {
	s := w.service
	s.mu.Lock()
	defer s.unlock()
	d, err := w.heard(id)
	switch {
	case d == nil:
		return err
	case d.item.finished:
		s.landed(d)
	default:
		d.item.queue.flying = nil
		s.land(d)
		s.finish(d.item, nil)
	}
	return nil
}

// Nack says that a delivery was not handled; its errors are Ack's.
func (w *Worker) Nack(n *hubv1.Nack) error {
	s := w.service
	s.mu.Lock()
	defer s.unlock()
	d, err := w.heard(n.GetDeliveryId())
	switch {
	case d == nil:
		return err
	case d.item.finished:
		s.landed(d)
	case n.GetRetry():
		after := pause(d.item.attempts)
		if n.GetRetryAfter() != nil {
			after = min(n.GetRetryAfter().AsDuration(), maxPause)
		}
		s.failed(d, after, failure(n))
	default:
		d.item.queue.flying = nil
		d.item.last = failure(n)
		d.item.public = n.GetPublic()
		s.land(d)
		s.finish(d.item, refused(n))
	}
	return nil
}

// heard is the delivery that a worker speaks of, or nil; and why it cannot.
func (w *Worker) heard(id string) (*delivery, error) {
	w.silent = false
	d := w.flying[id]
	if d == nil && !w.deliveries.given(id) {
		return nil, fault.New(fault.NotFound, "this stream has no delivery "+strconv.Quote(id)+"; answer what it was given, on the stream that gave it")
	}
	return d, nil
}

// failure is a worker's no as operators see it, whether browsers may or not.
func failure(n *hubv1.Nack) *fault.Error {
	return fault.New(fault.HandlerFailed, "the worker did not say why").InWordsOf(n.GetError())
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
