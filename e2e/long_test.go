package e2e_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A minute of coming, joining, leaving and going, while a backend broadcasts:
// whoever is subscribed sees an unbroken stream from the join to the leave.
func TestChurn(t *testing.T) {
	if os.Getenv("HUB_LONG") == "" && os.Getenv("LONG") == "" {
		t.Skip("a long run; `make e2e LONG=1` has it")
	}
	const rooms, browsers = 5, 40
	h := common.get(t)
	begin := time.Now()
	over := func() bool { return time.Since(begin) > time.Minute }
	var sent, received, sessions, joins atomic.Int64
	names := make([]string, rooms)
	for i := range names {
		names[i] = room()
	}

	var backends, churning sync.WaitGroup
	stop := make(chan struct{})
	for _, r := range names {
		backends.Go(func() {
			for n := 0; ; n++ {
				if _, err := h.send(t, onJSON(r, fmt.Sprintf(`{"n":%d,"text":%q}`, n, strconv.Itoa(rand.IntN(1e9))))); err != nil {
					t.Error(err)
					return
				}
				sent.Add(1)
				select {
				case <-stop:
					return
				case <-time.After(5 * time.Millisecond):
				}
			}
		})
	}
	for range browsers {
		churning.Go(func() {
			for !over() && !t.Failed() {
				// A subtest's cleanup disconnects the client; its Fatal ends this one visit.
				t.Run("visit", func(t *testing.T) {
					m := modes()[rand.IntN(len(modes()))]
					c := h.connect(t, m, options{})
					sessions.Add(1)
					for range 1 + rand.IntN(5) {
						r := names[rand.IntN(rooms)]
						c.subscribe(r)
						joins.Add(1)
						at := number(t, c.next(r))
						for range rand.IntN(50) {
							n := number(t, c.next(r))
							if n != at+1 {
								t.Fatalf("%s: %d came after %d", m.name, n, at)
							}
							at = n
							received.Add(1)
						}
						c.ack("hub:unsubscribe", r)
						for c.has(r) { // what came before the ack
							n := number(t, c.next(r))
							if n != at+1 {
								t.Fatalf("%s: %d came after %d, before the leave", m.name, n, at)
							}
							at = n
						}
					}
					c.none("hub:error", "hub:ended", disconnected)
				})
			}
		})
	}
	churning.Wait()
	close(stop)
	backends.Wait()
	t.Logf("%d broadcasts, %d sessions, %d joins, %d messages seen in %s", sent.Load(), sessions.Load(), joins.Load(), received.Load(), time.Since(begin))
	h.witness(t).well(t)
}
