package hub

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"google.golang.org/protobuf/proto"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
)

// EventKind is what happened to a session.
type EventKind int32

const (
	// Connected is that the session passed gate 1.
	Connected = EventKind(hubv1.SessionEventKind_SESSION_EVENT_KIND_CONNECTED)
	// Disconnected is that the session is gone; always its last event.
	Disconnected = EventKind(hubv1.SessionEventKind_SESSION_EVENT_KIND_DISCONNECTED)
	// Subscribed is that the session joined a channel.
	Subscribed = EventKind(hubv1.SessionEventKind_SESSION_EVENT_KIND_SUBSCRIBED)
	// Unsubscribed is that the session left a channel.
	Unsubscribed = EventKind(hubv1.SessionEventKind_SESSION_EVENT_KIND_UNSUBSCRIBED)
)

var kindNames = map[EventKind]string{
	Connected: "connected", Disconnected: "disconnected", Subscribed: "subscribed", Unsubscribed: "unsubscribed",
}

// String is the kind in lower case, as subscribed.
func (k EventKind) String() string {
	if name, ok := kindNames[k]; ok {
		return name
	}
	return fmt.Sprintf("kind %d", int32(k))
}

// Event is something that happened to a session.
type Event struct {
	// Kind is what.
	Kind EventKind
	// Sender is to whom.
	Sender Sender
	// Channel is the concrete name, of Subscribed and Unsubscribed.
	Channel string
	// Cause is why, of Disconnected and Unsubscribed.
	Cause string
	// At is when, by the hub's clock.
	At time.Time
}

// OnEvent registers a handler of session events of the kinds, or of all without
// any. Events are delivered like messages: at least once, those of one session
// in order; nil is the ack, [Retry] asks for the event again, any other error is final and
// logged. Several handlers of one kind run one after the other in the order of
// registration, each also after another's error, and all of them again at a redelivery.
//
// The hub sends events of sessions, and of channels that the worker's token
// covers. When a hub dies nobody is told: see [OnAttach].
func OnEvent(h func(ctx context.Context, e Event) error, kinds ...EventKind) Registration {
	return Registration{add: func(r *Registry) error {
		if h == nil {
			return errors.New("OnEvent: the handler is nil")
		}
		if len(kinds) == 0 {
			kinds = []EventKind{Connected, Disconnected, Subscribed, Unsubscribed}
		}
		wrapped := r.wrap(func(ctx context.Context, in proto.Message, m Inbound) error {
			e, ok := in.(*hubv1.SessionEvent)
			if !ok {
				return fmt.Errorf("a middleware made a %T of the event", in)
			}
			return h(ctx, Event{
				Kind: EventKind(e.GetKind()), Sender: m.Sender, Channel: e.GetChannel(), Cause: e.GetCause(), At: e.GetAt().AsTime(),
			})
		})
		each := map[EventKind]bool{}
		for _, kind := range kinds {
			if _, known := kindNames[kind]; !known {
				return fmt.Errorf("OnEvent: there is no %v", kind)
			}
			each[kind] = true
		}
		for kind := range each {
			r.events[kind] = append(r.events[kind], wrapped)
		}
		return nil
	}}
}

// onEvent is the handler of all events.
func (r *Registry) onEvent(ctx context.Context, in proto.Message, m Inbound) error {
	e, ok := in.(*hubv1.SessionEvent)
	if !ok {
		return fmt.Errorf("%T is no event", in)
	}
	handlers := r.events[EventKind(e.GetKind())]
	if len(handlers) == 0 {
		return fmt.Errorf("no handler for %v", EventKind(e.GetKind()))
	}
	var failures []error
	for _, h := range handlers {
		if err := protect(ctx, h, in, m); err != nil {
			failures = append(failures, err)
		}
	}
	return errors.Join(failures...)
}

// OnAttach registers a function that learns, before anything that a new stream
// delivers, which hub process it leads to. When that is not the one before, and
// it had not been shut down in peace, the sessions of the one before are void
// without a [Disconnected]: whoever counts sessions begins anew. The stream
// waits for the function. Its context ends with [Client.Serve]'s stop timeout;
// a panic is logged.
func OnAttach(f func(ctx context.Context, hubID string)) Registration {
	return Registration{add: func(r *Registry) error {
		if f == nil {
			return errors.New("OnAttach: the function is nil")
		}
		r.onAttach = append(r.onAttach, f)
		return nil
	}}
}

func (r *Registry) attached(ctx context.Context, logger *slog.Logger, hubID string) {
	for _, f := range r.onAttach {
		_ = capture(ctx, logger, func(ctx context.Context, _ proto.Message, _ Inbound) error {
			f(ctx, hubID)
			return nil
		}, nil, Inbound{})
	}
}
