package dispatch

import (
	"cmp"
	"crypto/rand"
	"hash/maphash"
	"maps"
	"slices"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/fault"
	"github.com/realtime-hub/hub/hub/internal/gate"
)

// Capacities of contract §3.
const (
	defaultCapacity = 64
	maxCapacity     = 4096
)

// Capacity is what holds of what a worker asks for; 0: the default.
func Capacity(wanted uint32) int {
	return int(min(cmp.Or(wanted, defaultCapacity), maxCapacity))
}

// Outlet is where a worker's frames go.
type Outlet interface {
	// Send queues a frame. It must not block: a worker's capacity bounds how
	// many it is not done with.
	Send(frame *hubv1.HandleResponse)
	// Done says that nothing follows: the worker has drained.
	Done()
}

// Worker is one attached stream.
type Worker struct {
	service *Service // static
	group   *group   // static
	id      string   // static
	hash    uint64   // static; of the id
	caller  *gate.Caller
	out     Outlet

	channels map[string]struct{} // static; declared names
	wish     wish                // static; the events that it wants
	answers  map[gate.Right]bool // static; the questions that it offers to answer
	capacity int                 // static

	// The rest is guarded by the service's mu.

	deliveries, questions numbers

	flying   map[string]*delivery
	asked    map[string]*question
	waiting  []*queue
	silent   bool // it has missed a deadline, and not been heard of since
	draining bool
	gone     bool
}

func newID() string { return rand.Text() }

// Attach makes a stream a worker, if its caller may be one. The first frame in
// out is Attached.
func (s *Service) Attach(caller *gate.Caller, req *hubv1.Attach, out Outlet) (*Worker, error) {
	w := &Worker{
		service: s, id: newID(), caller: caller, out: out,
		channels: make(map[string]struct{}), answers: make(map[gate.Right]bool), wish: wish{caller: caller},
		flying: make(map[string]*delivery), asked: make(map[string]*question),
		deliveries: newNumbers(), questions: newNumbers(),
	}
	w.hash = maphash.String(s.seed, w.id)
	if err := w.admit(req); err != nil {
		return nil, err
	}
	w.capacity = Capacity(req.GetCapacity())
	s.mu.Lock()
	defer s.unlock()
	if s.draining {
		return nil, fault.New(fault.Draining, "the hub is shutting down; attach to another")
	}
	out.Send(&hubv1.HandleResponse{Frame: &hubv1.HandleResponse_Attached{Attached: &hubv1.Attached{
		WorkerId: w.id, Capacity: uint32(w.capacity), HubId: s.cfg.HubID, //nolint:gosec // at most maxCapacity
	}}})
	s.enlist(groupKey{name: req.GetGroup(), observe: req.GetObserve()}, w)
	s.cfg.Log.Info("a worker attached", "worker", w.id, "caller", caller.Name(), "group", req.GetGroup(), "channels", len(w.channels))
	return w, nil
}

// admit holds a worker's wishes against its caller's rights and the channels.
func (w *Worker) admit(req *hubv1.Attach) error {
	if err := w.caller.May(gate.Handle, ""); err != nil {
		return err
	}
	known := w.service.cfg.Schema.Snapshot()
	for _, declared := range req.GetChannels() {
		if err := w.caller.May(gate.Handle, declared); err != nil {
			return err
		}
		c, ok := known.Lookup(declared)
		if !ok {
			return fault.New(fault.ChannelUnknown, "no channel is declared as "+declared+"; register it first")
		}
		if c.Inbound == nil {
			return fault.New(fault.InboundNotAccepted, "the channel "+declared+" takes no messages: it declares no inbound message")
		}
		w.channels[declared] = struct{}{}
	}
	for _, kind := range req.GetEvents() {
		w.wish.kinds[kind] = true
	}
	for right, wanted := range map[gate.Right]bool{gate.Authenticate: req.GetAuthenticator(), gate.Authorize: req.GetAuthorizer()} {
		if !wanted {
			continue
		}
		if err := w.caller.May(right, ""); err != nil {
			return err
		}
		w.answers[right] = true
	}
	return nil
}

// Drain says that the worker wants nothing new.
func (w *Worker) Drain() {
	w.service.mu.Lock()
	defer w.service.unlock()
	w.draining = true
	w.service.release(w)
	w.service.reconsider()
	w.drained()
}

// drained ends the stream of a worker that wants nothing new and has nothing
// left.
func (w *Worker) drained() {
	if w.draining && !w.gone && len(w.flying)+len(w.asked) == 0 {
		w.out.Done()
	}
}

// Detach ends the worker: what it had goes to others.
func (w *Worker) Detach() {
	s := w.service
	s.mu.Lock()
	defer s.unlock()
	if w.gone {
		return
	}
	w.gone, w.draining = true, true
	s.delist(w)
	for _, id := range slices.Sorted(maps.Keys(w.flying)) { // oldest first: ids count up
		if d := w.flying[id]; d != nil {
			s.failed(d, pause(d.item.attempts), errGone)
		}
	}
	s.release(w)
	s.abandon(w)
	s.cfg.Log.Info("a worker is gone", "worker", w.id, "caller", w.caller.Name())
}

// release lets queues that waited for the worker look for another.
func (s *Service) release(w *Worker) {
	waiting := w.waiting
	w.waiting = nil
	for _, q := range waiting {
		q.queued = false
		if q.out == 0 {
			q.worker = nil
		}
		s.pump(q)
	}
}

// feed gives a worker what waits for it, as far as it has room.
func (s *Service) feed(w *Worker) {
	for len(w.waiting) > 0 && w.unacked() < w.capacity && !w.draining {
		q := w.waiting[0]
		w.waiting = w.waiting[1:]
		q.queued = false
		s.pump(q)
	}
}

func (w *Worker) unacked() int { return len(w.flying) }

// takes tells whether an item is for this worker.
func (w *Worker) takes(it *item) bool {
	switch {
	case w.draining:
		return false
	case it.kind != 0:
		return w.wish.wants(it)
	default:
		_, has := w.channels[it.declared]
		return has
	}
}
