package hub

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
)

// The contract's bounds and defaults of a worker.
const (
	defaultCapacity    = 64
	maxCapacity        = 4096
	maxGroup           = 128 // bytes
	defaultStopTimeout = 10 * time.Second
)

// Group names the workers that share the work: of each message one worker of
// the group gets it, and each group gets it. 1–128 of A-Z, a-z, 0-9, dot,
// underscore and dash.
type Group string

// ServeOption changes one Serve.
type ServeOption func(*serving)

type serving struct {
	capacity    int
	observe     bool
	stopTimeout time.Duration
	log         *slog.Logger
}

// Capacity is how many deliveries and events the worker takes at once, which
// is also how many handlers run at once; beside them as many questions. From 1
// to 4,096; the hub may grant less. Default: 64.
func Capacity(n int) ServeOption {
	return func(s *serving) { s.capacity = n }
}

// Observe takes copies of messages, each at most once, that no sender waits
// for: what the handlers answer has no effect. Default: the sender's ack waits
// for this group, too.
func Observe() ServeOption {
	return func(s *serving) { s.observe = true }
}

// StopTimeout is how long handlers go on after Serve's context has ended,
// before their contexts end, too. 0 ends them at once. Default: 10 s.
func StopTimeout(d time.Duration) ServeOption {
	return func(s *serving) { s.stopTimeout = d }
}

// Log is where the worker tells of lost and new streams, and of handlers'
// failures that no [Capture] has logged. Default, also for nil: slog.Default().
func Log(logger *slog.Logger) ServeOption {
	return func(s *serving) { s.log = logger }
}

// Serve takes what browsers send on the registry's channels, and the events and
// questions that it handles, as a worker of the group. It blocks until ctx ends
// and the last handler has returned.
//
// Messages of one session on one channel are handled one after the other, those
// of others at the same time, at most [Capacity] at once; see [Handler] for
// what a handler may count on.
//
// A stream that is lost, or whose hub shuts down, is opened again, with pauses
// that grow from 50 ms to 2 s and are partly random; what was delivered on it
// and has no answer is given to another worker, or comes again. A handler that
// runs meanwhile is not interrupted, nor overtaken by the next message of its
// session and channel.
//
// When ctx ends the hub is told to send nothing new, handlers finish and are
// acked, and the error is nil. After [StopTimeout] their contexts end.
//
// What will not pass by itself ends Serve with that [*Error]: a token that is
// not valid (code Unauthenticated) or has not the right (PermissionDenied), a
// mistake in the arguments (InvalidArgument), a closed client (Canceled), and
// at the first attempt a channel that the hub does not know (NotFound) or that
// takes no messages (FailedPrecondition). One registry may be served more than
// once, also at the same time.
func (c *Client) Serve(ctx context.Context, group Group, reg *Registry, opts ...ServeOption) error {
	s := serving{capacity: defaultCapacity, stopTimeout: defaultStopTimeout}
	for _, opt := range opts {
		opt(&s)
	}
	if s.log == nil {
		s.log = slog.Default()
	}
	if err := s.check(group, reg); err != nil {
		return invalid("REQUEST_INVALID", err.Error())
	}
	w := &worker{
		handlers:  hubv1.NewHandlerServiceClient(c.conn),
		hello:     s.attach(group, reg),
		reg:       reg,
		log:       s.log.With(slog.String("group", string(group))),
		stop:      s.stopTimeout,
		work:      turns{limit: s.capacity},
		questions: turns{limit: s.capacity},
	}
	// The handlers' context has what ctx carries, but not its end.
	handling, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	err := w.attend(ctx, handling)
	defer time.AfterFunc(s.stopTimeout, cancel).Stop()
	w.streams.Wait()
	w.work.running.Wait() // also handlers whose stream was lost
	w.questions.running.Wait()
	return err
}

func (s *serving) check(group Group, reg *Registry) error {
	switch {
	case group == "" || len(group) > maxGroup || strings.ContainsFunc(string(group), notInGroup):
		return fmt.Errorf("the group %q is not 1 to 128 of A-Z a-z 0-9 . _ -", clip(string(group), maxGroup))
	case s.capacity < 1 || s.capacity > maxCapacity:
		return fmt.Errorf("the capacity is %d; it is from 1 to 4,096", s.capacity)
	case s.stopTimeout < 0:
		return fmt.Errorf("the stop timeout is %v; it is 0 or more", s.stopTimeout)
	case reg == nil:
		return errors.New("the registry is nil")
	}
	return reg.serve()
}

func notInGroup(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("._-", r)
}

func (s *serving) attach(group Group, reg *Registry) *hubv1.HandleRequest {
	attach := &hubv1.Attach{
		Group:         string(group),
		Channels:      reg.declared,
		Capacity:      uint32(s.capacity), //nolint:gosec // checked: 1 to 4,096
		Authenticator: reg.authenticate != nil,
		Authorizer:    reg.authorizes,
		Observe:       s.observe,
	}
	for _, kind := range []EventKind{Connected, Disconnected, Subscribed, Unsubscribed} {
		if len(reg.events[kind]) > 0 {
			attach.Events = append(attach.Events, hubv1.SessionEventKind(kind))
		}
	}
	return &hubv1.HandleRequest{Frame: &hubv1.HandleRequest_Attach{Attach: attach}}
}
