package hub

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
)

// A handler that ignores its deadline holds its turn, while the hub, which no
// longer counts it, sends more and more.
func TestWhatLapsesDoesNotPileUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAttachment(nil, func() {})
		free := make(chan struct{})
		turns := turns{limit: 4}
		for i := range 1000 {
			if !a.hold() {
				t.Fatal("nothing is taken")
			}
			key := []string{"a", "b", "c", "d", "e"}[i%5]
			turns.add(t.Context(), key, job{on: a, until: time.Now().Add(10 * time.Second), handle: func(context.Context) *hubv1.HandleRequest {
				<-free
				return &hubv1.HandleRequest{}
			}})
			time.Sleep(3 * time.Second) // in the bubble
			synctest.Wait()
			if waiting := turns.len(); waiting > 17 {
				t.Fatalf("%d wait after %d", waiting, i)
			}
		}
		close(free)
		turns.running.Wait()
		if !a.idle() || len(turns.queues) != 0 || turns.active != 0 || turns.waiting != 0 {
			t.Errorf("left: %d open, %d queues, %d active, %d waiting", a.open, len(turns.queues), turns.active, turns.waiting)
		}
	})
}

func (t *turns) len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.waiting
}
