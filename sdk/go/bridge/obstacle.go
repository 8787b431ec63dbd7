package bridge

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	hub "github.com/realtime-hub/hub/sdk/go"
	"google.golang.org/grpc/codes"
)

// The reasons of dead events that are not the hub's own.
const (
	reasonMalformed = "EVENT_MALFORMED"  // the payload cannot be decoded
	reasonNoID      = "EVENT_ID_MISSING" // without an id, a redelivery could not be told from another event
	reasonMapper    = "MAPPER_FAILED"    // the mapper returned an error
	reasonPanic     = "MAPPER_PANICKED"
)

// verdict is what is done about an obstacle.
type verdict int

const (
	// hold: it will pass by itself; the event waits.
	hold verdict = iota
	// doubt: it may pass, as that a hub which has just started is not told of all
	// channels yet; the event waits for a while, then it is dead.
	doubt
	// bury: it can never pass, whoever tries.
	bury
	// stop: it is no fault of the event, and only an operator can mend it.
	stop
	// giveBack: the bridge stops, the event is for the next.
	giveBack
)

// obstacle is why an event did not get through.
type obstacle struct {
	verdict verdict
	reason  string
	channel string // of a broadcast that was refused
	after   time.Duration
	stack   []byte // of a panic
	err     error
}

func dead(reason string, err error) *obstacle {
	return &obstacle{verdict: bury, reason: reason, err: err}
}

// mapping judges what a mapper returned.
func mapping(ctx context.Context, err error) *obstacle {
	if err == nil {
		return nil
	}
	o := dead(reasonMapper, err)
	if again, ok := errors.AsType[*hub.RetryError](err); ok {
		o.verdict, o.after = hold, again.After
	} else if ctx.Err() != nil {
		o.verdict = hold // what it says is a consequence
	}
	return o
}

// protect makes an obstacle of a panic.
func (r *route) protect(ctx context.Context, payload []byte, m Event) (out Broadcasts, o *obstacle) {
	defer func() {
		if value := recover(); value != nil {
			out, o = nil, dead(reasonPanic, fmt.Errorf("panic: %v", value))
			o.stack = debug.Stack()
		}
	}()
	return r.translate(ctx, payload, m)
}

// refusal judges why a broadcast was not accepted.
func refusal(channel string, err error) *obstacle {
	if err == nil {
		return nil
	}
	o := &obstacle{verdict: doubt, reason: codes.Unknown.String(), channel: channel, err: err}
	e, ok := errors.AsType[*hub.Error](err)
	if !ok { // of another Broadcaster than the SDK's
		return o
	}
	o.reason = e.Reason
	if e.Reason == "" {
		o.reason = e.Code.String()
	}
	switch {
	case e.Retryable || errors.Is(err, context.DeadlineExceeded):
		o.verdict = hold
	case e.Code == codes.Unauthenticated, e.Code == codes.PermissionDenied,
		e.Code == codes.Canceled,                        // of a closed client; an attempt's own end is looked at before
		e.Code == codes.Unimplemented && e.Reason == "": // what answers is no hub
		o.verdict = stop
	case e.Code == codes.InvalidArgument, e.Code == codes.ResourceExhausted: // too large; the limits that pass are retryable
		o.verdict = bury
	}
	return o
}
