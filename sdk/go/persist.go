package hub

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"google.golang.org/grpc/codes"
)

// The pause before another attempt: it doubles from the first to the longest,
// so that a hub that restarts is found soon, and one that is down is not
// hammered. A random part of up to a half keeps the many clients of one hub
// from coming back in step.
const (
	firstPause   = 50 * time.Millisecond
	longestPause = 2 * time.Second
)

// persist repeats call while its answer is Unavailable, until ctx ends. Only
// for calls that have one effect however often they arrive. Nothing else is
// repeated: other refusals, also those that may pass later, are the caller's to weigh.
func persist[R any](ctx context.Context, call func() (R, error)) (R, error) {
	pause := firstPause
	var last *Error
	for attempt := 1; ; attempt++ {
		response, err := call()
		failure, ok := errors.AsType[*Error](err)
		switch {
		case ok && failure.Code == codes.Unavailable:
			last = failure
		case ok && failure.cause != nil && last != nil:
			// The context ended during an attempt; why it was not the first says more.
			return response, gaveUp(ctx, last, attempt)
		default:
			return response, err
		}
		if !wait(ctx, jittered(pause)) {
			return response, gaveUp(ctx, last, attempt)
		}
		pause = min(2*pause, longestPause)
	}
}

// jittered is the pause with its random part.
func jittered(pause time.Duration) time.Duration {
	return pause/2 + rand.N(pause/2+1) //nolint:gosec // spreads load, guards nothing
}

// wait tells whether the pause was over before ctx.
func wait(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// gaveUp keeps what the last attempt met, which says more than a deadline, and
// that it was the context that ended the attempts.
func gaveUp(ctx context.Context, last *Error, attempts int) *Error {
	e := *last
	e.Message = fmt.Sprintf("%s (%d attempts)", last.Message, attempts)
	e.cause = ctx.Err()
	return &e
}
