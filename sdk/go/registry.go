package hub

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"google.golang.org/protobuf/proto"

	"github.com/realtime-hub/hub/hub/channel"
)

// Handler takes one browser's message. Its delivery is at least once, unless
// the channel is declared otherwise: the same message may come again, with the
// same [Inbound].ID, so that a handler is idempotent by it. Messages of one
// session on one channel come one after the other, in the order sent; all
// others come at the same time.
//
// Nil is yes, and the browser's ack says so. [Retry] asks for the message
// again, [Reject] is an answer that the browser may read. Any other error and a
// panic are final: the browser reads HANDLER_FAILED, and the text stays in the
// worker's log.
//
// The context ends at the delivery's deadline (by default 10 s), after which
// the hub gives the message to another worker, and when [Client.Serve] stops
// and the handler is not done in time. An error of a handler whose context has
// ended is a [Retry], unless it is a [Reject].
type Handler[M proto.Message] func(ctx context.Context, in M, m Inbound) error

// Inbound is what is known of a message beside its payload.
type Inbound struct {
	// Channel is the concrete name, as board.7.cursor. Empty for a session's
	// event that is of no channel, and for a question about a session.
	Channel string
	// Declared is the name as declared, as board.{board_id}.cursor. Empty for
	// events and for questions about a session.
	Declared string
	// Params are the values of its params, not escaped; nil without any.
	Params channel.Params
	// ID is the message's, the same at every redelivery.
	ID string
	// Attempt is 1 at the first delivery.
	Attempt int
	// Sender is the session that sent it. It may have left.
	Sender Sender
	// TraceContext is the sender's W3C trace context, for [Span].
	TraceContext map[string]string
}

// Sender is the session that a message or an event is of.
type Sender struct {
	// Session is the Socket.IO id, for [ExceptSessions].
	Session string
	// UserID is empty for an anonymous session.
	UserID string
	// Roles are the identity's.
	Roles []string
	// Attributes are the identity's; browsers do not see them.
	Attributes map[string]string
}

// Middleware wraps a handler in what all have in common; see [Use]. It is
// called once for each handler, when that is registered. The message is the
// channel's, a *hubv1.SessionEvent for events, and a *hubv1.Authenticate or
// *hubv1.Authorize for questions; a middleware that hands on another message
// fails the delivery.
type Middleware func(next Handler[proto.Message]) Handler[proto.Message]

// RegistryOption changes a Registry.
type RegistryOption func(*Registry)

// Use wraps every handler of the registry, also those of events and questions.
// The first middleware is the outermost. Default: none.
func Use(middleware ...Middleware) RegistryOption {
	return func(r *Registry) { r.middleware = append(r.middleware, middleware...) }
}

// Registry is what a worker handles: [Handle] for messages, [OnEvent] for what
// happens to sessions, [Authenticate] and [Authorize] for the hub's questions.
// Make it with NewRegistry, fill it, then give it to [Client.Serve].
type Registry struct {
	// static after NewRegistry; the first is the outermost
	middleware []Middleware

	// guarded by mu until served is true, static afterwards
	served       bool
	mistakes     []error
	declared     []string // of channels, in the order of registration
	channels     names[route]
	events       map[EventKind][]Handler[proto.Message]
	onAttach     []func(ctx context.Context, hubID string)
	authenticate Handler[proto.Message] // nil: questions are not for this worker
	joins        names[Handler[proto.Message]]
	authorizes   bool

	mu sync.Mutex
}

// route is a channel's handler.
type route struct {
	payload proto.Message // its type is what counts
	handle  Handler[proto.Message]
}

// NewRegistry is an empty registry.
func NewRegistry(opts ...RegistryOption) *Registry {
	r := &Registry{events: map[EventKind][]Handler[proto.Message]{}}
	for _, opt := range opts {
		opt(r)
	}
	return r
}

// Registration is one thing that a worker handles.
type Registration struct {
	// add is called with the registry's lock held.
	add func(r *Registry) error
}

// Register adds to what the worker handles. A second handler of one channel, a
// second authenticator, a missing function and a registry that is being served
// already are errors: mistakes in the program. What was not wrong is registered
// all the same, and [Client.Serve] refuses a registry with a mistake, so that
// none is lost where the error is not looked at.
func (r *Registry) Register(registrations ...Registration) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.served {
		return errors.New("hub: Register: the registry is being served already")
	}
	var mistakes []error
	for _, registration := range registrations {
		err := errors.New("the zero registration says nothing")
		if registration.add != nil {
			err = registration.add(r)
		}
		if err != nil {
			mistakes = append(mistakes, fmt.Errorf("hub: Register: %w", err))
		}
	}
	r.mistakes = append(r.mistakes, mistakes...)
	return errors.Join(mistakes...)
}

// Handle registers the handler of a channel's inbound messages. A handler of
// another message does not compile.
func Handle[M proto.Message](in channel.Inbound[M], h Handler[M]) Registration {
	return Registration{add: func(r *Registry) error {
		if h == nil {
			return fmt.Errorf("channel %q: the handler is nil", in.Declared())
		}
		var payload M
		return r.handle(in.Declared(), payload, func(ctx context.Context, in proto.Message, m Inbound) error {
			typed, ok := in.(M)
			if !ok {
				return fmt.Errorf("a middleware made a %T of the message", in)
			}
			return h(ctx, typed, m)
		})
	}}
}

func (r *Registry) handle(declared string, payload proto.Message, h Handler[proto.Message]) error {
	if payload == nil {
		return fmt.Errorf("channel %q: the message's type is an interface; give the descriptor the generated type", declared)
	}
	if err := r.channels.add(declared, route{payload: payload, handle: r.wrap(h)}); err != nil {
		return err
	}
	r.declared = append(r.declared, declared)
	return nil
}

// wrap puts the middleware around a handler.
func (r *Registry) wrap(h Handler[proto.Message]) Handler[proto.Message] {
	for _, m := range slices.Backward(r.middleware) {
		h = m(h)
	}
	return h
}

// serve ends the registry's time of change, and says whether it can be served.
func (r *Registry) serve() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.served = true
	if err := errors.Join(r.mistakes...); err != nil {
		return err
	}
	if len(r.declared) == 0 && len(r.events) == 0 && r.authenticate == nil && !r.authorizes {
		return errors.New("hub: Serve: nothing is registered")
	}
	return nil
}
