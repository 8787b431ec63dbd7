package session_test

import (
	"testing"
	"testing/synctest"

	"github.com/realtime-hub/hub/hub/internal/session"
)

// A thousand sessions that wait for a worker hold up nobody else, and each is
// still carried out one item after the other.
func TestWhoWaitsForAWorkerHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := pool(t)
		answer := make(chan struct{})
		after := make(chan int, 1000)
		for n := range cap(after) {
			b, _ := inbox(p)
			b.Submit(session.Func(func() { p.Yield(func() { <-answer }) }), nil)
			b.Submit(session.Func(func() { after <- n }), nil)
		}
		other, _ := inbox(p)
		done := make(chan struct{})
		other.Submit(session.Func(func() { close(done) }), nil)
		synctest.Wait()
		select {
		case <-done:
		default:
			t.Error("a session that waits for nobody is held up")
		}
		if len(after) > 0 {
			t.Error("a session's next item did not wait for the one before")
		}
		close(answer)
		p.Wait()
		if len(after) != cap(after) {
			t.Errorf("%d of %d went on", len(after), cap(after))
		}
		p.Yield(func() {}) // from outside
		other.Submit(session.Func(func() {}), nil)
		p.Wait()
	})
}
