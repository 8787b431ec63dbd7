package rpc

import (
	"sync"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/dispatch"
)

// outboxSlack is what a worker gets beside deliveries, events and questions:
// Attached, Draining.
const outboxSlack = 16

// outbox is a worker's frames that are not sent yet. As many as its capacity
// lets it have of deliveries and of questions fit; beyond that some must be late
// already, so the worker takes nothing, and its stream ends.
type outbox struct {
	limit int           // static
	ready chan struct{} // of one: there are frames
	full  chan struct{} // closed when there are too many

	mu     sync.Mutex
	frames []*hubv1.HandleResponse // guarded by mu
	over   bool                    // guarded by mu; full is closed
	done   bool                    // guarded by mu; nothing follows
}

var _ dispatch.Outlet = (*outbox)(nil)

func newOutbox(capacity uint32) *outbox {
	return &outbox{
		limit: 2*dispatch.Capacity(capacity) + outboxSlack,
		ready: make(chan struct{}, 1), full: make(chan struct{}),
	}
}

// Send implements dispatch.Outlet.
func (o *outbox) Send(frame *hubv1.HandleResponse) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.over {
		return // the stream is ending
	}
	if len(o.frames) >= o.limit {
		o.over, o.frames = true, nil
		close(o.full)
		return
	}
	o.frames = append(o.frames, frame)
	o.wake()
}

// Done implements dispatch.Outlet.
func (o *outbox) Done() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.done = true
	o.wake()
}

func (o *outbox) wake() {
	select {
	case o.ready <- struct{}{}:
	default:
	}
}

// send writes the frames to the stream until nothing follows, or the stream
// ends. gRPC gathers what is sent while it writes, so that a frame costs no
// write of its own (TestFramesAreBatched).
func (o *outbox) send(stream handleStream) {
	for {
		select {
		case <-o.ready:
		case <-stream.Context().Done():
			return
		}
		for {
			frame, done := o.next()
			if frame == nil {
				if done {
					return
				}
				break
			}
			if stream.Send(frame) != nil {
				return // there is nobody to tell
			}
		}
	}
}

// next takes the oldest frame; done: there is none, and none follows.
func (o *outbox) next() (frame *hubv1.HandleResponse, done bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.frames) == 0 {
		o.frames = nil
		return nil, o.done
	}
	frame, o.frames[0] = o.frames[0], nil
	o.frames = o.frames[1:]
	return frame, false
}
