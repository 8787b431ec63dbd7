package dispatch

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
)

// Event is something that happened to a session.
type Event struct {
	Kind   hubv1.SessionEventKind
	Sender *hubv1.Sender
	// Declared and Channel are the channel's declared and concrete name, of
	// SUBSCRIBED and UNSUBSCRIBED.
	Declared, Channel string
	// Cause is why, of DISCONNECTED and UNSUBSCRIBED.
	Cause string
}

// Wants tells whether any worker wants to know of the kind, or did so a moment
// ago. It is cheap, so that sessions nobody asks about cost nothing here.
func (s *Service) Wants(kind hubv1.SessionEventKind) bool { return s.wanted[kind].Load() > 0 }

// Tell queues an event for each group with a worker that wants its kind and
// may know of its channel, or had one a moment ago. A session's events are
// delivered in order, acked and delivered again as messages are; who does not
// take them in time misses them.
func (s *Service) Tell(e Event) {
	s.mu.Lock()
	defer s.unlock()
	at := timestamppb.Now()
	key := queueKey{session: e.Sender.GetSession()}
	for group, g := range s.groups {
		it := &item{
			declared: e.Declared, kind: e.Kind, deadline: eventTime, expires: time.Now().Add(eventExpiry),
			frame: func(id string, _ uint32, _ time.Duration) *hubv1.HandleResponse { return e.frame(id, at) },
			done:  func(err error) { s.cfg.Metrics.countEvent(err) },
		}
		switch {
		case !g.wants(it):
		case group.observe:
			s.copyTo(g, key, it)
		case g.queues[key] != nil && len(g.queues[key].items) >= maxQueued:
			s.cfg.Metrics.events.WithLabelValues("OVERLOADED").Inc()
		default:
			s.enqueue(g, key, it)
		}
	}
}

func (e *Event) frame(id string, at *timestamppb.Timestamp) *hubv1.HandleResponse {
	return &hubv1.HandleResponse{Frame: &hubv1.HandleResponse_Event{Event: &hubv1.SessionEvent{
		DeliveryId: id, Kind: e.Kind, Sender: e.Sender, Channel: e.Channel, Cause: e.Cause, At: at,
	}}}
}
