package bridge_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	hub "github.com/realtime-hub/hub/sdk/go"

	"github.com/realtime-hub/hub/sdk/go/bridge"
)

// These tests have a bus, a hub and the time of their own.

func TestSuccessorsWaitForWhatIsHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failures := []error{away, overload, away, unknown, away, errors.New("of a Broadcaster that is not the SDK's")}
		to := &broadcaster{answer: func(out hub.Outgoing) error {
			if out.ID != "2" || len(failures) == 0 {
				return nil
			}
			err := failures[0]
			failures = failures[1:]
			return err
		}}
		events := newBus()
		r, watch := watched(t)
		b := bridge.New(to, quiet(t), watch, bridge.DeadLetters(events, "hub.dead"))
		forward(t, b, "articles.published", toFeed)
		r.run(b, events)
		for id := range 4 {
			events.publish(t, "articles.published", event(fmt.Sprint(id+1), "{}"))
		}
		r.want("forwarded 1", "forwarded 2", "forwarded 3", "forwarded 4")
		if got := to.accepted(); got != "blog.article.feed 1, blog.article.feed 2, blog.article.feed 3, blog.article.feed 4" {
			t.Errorf("sent: %s", got)
		}
		if err := r.stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
		if acked, nacked := events.answers(); acked != "1 2 3 4" || nacked != "" {
			t.Errorf("acked %s, nacked %q", acked, nacked)
		}
	})
}

func TestAChannelThatStaysUnknownMakesTheEventDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := &broadcaster{answer: func(hub.Outgoing) error { return unknown }}
		events := newBus()
		r, watch := watched(t)
		b := bridge.New(to, quiet(t), watch, bridge.DeadLetters(events, "hub.dead"))
		forward(t, b, "articles.published", toFeed)
		events.publish(t, "articles.published", event("1", "{}"))
		events.refusals = []error{errors.New("the bus is away"), errors.New("the bus is away")}
		began := time.Now()
		r.run(b, events)
		// The test's own patience is shorter than the bridge's.
		if got := <-r.results; got.Outcome != bridge.DeadLettered || got.Reason != "CHANNEL_UNKNOWN" {
			t.Errorf("what became of it is %+v", got)
		}
		if waited := time.Since(began); waited < 30*time.Second || waited > 40*time.Second {
			t.Errorf("it was dead after %v", waited)
		}
		if dead := events.waiting("hub.dead"); len(dead) != 1 {
			t.Errorf("%d letters, not 1", len(dead))
		}
		_ = r.stop()
	})
}

func TestWhatIsBeingHandledIsDoneBeforeTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := make(chan struct{}, 1)
		to := &broadcaster{during: func(ctx context.Context) bool {
			begun <- struct{}{}
			select {
			case <-time.After(3 * time.Second): // in the bubble
				return true
			case <-ctx.Done():
				return false
			}
		}}
		events := newBus()
		r, watch := watched(t)
		b := bridge.New(to, quiet(t), watch)
		forward(t, b, "a", toFeed)
		r.run(b, events)
		events.publish(t, "a", event("1", "{}"), event("2", "{}"))
		<-begun
		if err := r.stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
		r.want("forwarded 1")
		if acked, nacked := events.answers(); acked != "1" || nacked != "" || to.accepted() != "blog.article.feed 1" {
			t.Errorf("acked %q, nacked %q", acked, nacked)
		}
		// Without the time it is returned.
		r, watch = watched(t)
		b = bridge.New(to, quiet(t), watch, bridge.StopTimeout(time.Second))
		forward(t, b, "a", toFeed)
		r.run(b, events)
		<-begun
		began := time.Now()
		if err := r.stop(); err != nil || time.Since(began) != time.Second {
			t.Errorf("Run: %v after %v", err, time.Since(began))
		}
		if got := r.next(); !strings.HasPrefix(got, "returned 2") {
			t.Errorf("what became of it is %q", got)
		}
		if acked, nacked := events.answers(); acked != "1" || nacked != "2" {
			t.Errorf("acked %q, nacked %q", acked, nacked)
		}
	})
}

func TestWhatIsHeldIsReturnedAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := &broadcaster{answer: func(hub.Outgoing) error { return away }}
		events := newBus()
		r, watch := watched(t)
		b := bridge.New(to, quiet(t), watch)
		forward(t, b, "a", toFeed)
		r.run(b, events)
		events.publish(t, "a", event("1", "{}"))
		time.Sleep(time.Minute) // in the bubble
		began := time.Now()
		if err := r.stop(); err != nil || time.Since(began) > 0 {
			t.Errorf("Run: %v after %v", err, time.Since(began))
		}
		r.want("returned 1 Unavailable")
		if acked, nacked := events.answers(); acked != "" || nacked != "1" {
			t.Errorf("acked %q, nacked %q", acked, nacked)
		}
	})
}

func TestAnAttemptThatFollowsAFailureIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		attempts := make(chan struct{}, 10)
		to := &broadcaster{during: func(ctx context.Context) bool { // a hub that does not answer
			attempts <- struct{}{}
			<-ctx.Done()
			return false
		}}
		events := newBus()
		r, watch := watched(t)
		b := bridge.New(to, quiet(t), watch)
		forward(t, b, "a", toFeed)
		r.run(b, events)
		events.publish(t, "a", event("1", "{}"))
		<-attempts
		<-attempts
		began := time.Now()
		if err := r.stop(); err != nil || time.Since(began) > 0 {
			t.Errorf("Run: %v after %v", err, time.Since(began))
		}
		if acked, nacked := events.answers(); acked != "" || nacked != "1" {
			t.Errorf("acked %q, nacked %q", acked, nacked)
		}
	})
}

func TestAMapperIsAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		events, calls := newBus(), 0
		r, watch := watched(t)
		b := bridge.New(&broadcaster{}, quiet(t), watch)
		forward(t, b, "a", func(ctx context.Context, _ published, _ bridge.Event) (bridge.Broadcasts, error) {
			switch calls++; calls {
			case 1:
				return nil, fmt.Errorf("looking up the author: %w", hub.Retry(errors.New("no database"), 7*time.Second))
			case 2:
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return nil, nil // not for browsers
		})
		r.run(b, events)
		began := time.Now()
		events.publish(t, "a", event("1", "{}"))
		if got := <-r.results; got.Outcome != bridge.Skipped || got.Took < 17*time.Second {
			t.Errorf("what became of it is %+v after %v", got, time.Since(began))
		}
		_ = r.stop()
	})
}
