package wire_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/realtime-hub/hub/hub/internal/wire"
)

// A peer that sends more than it may is read tick by tick: late, but whole and
// in order; its control frames count too.
func TestAHastyPeerIsReadTickByTick(t *testing.T) {
	const tick, rate, messages = 40 * time.Millisecond, 100, 450
	kinds(t, func(t *testing.T, cfg wire.Config) {
		cfg.PingInterval, cfg.PingTimeout, cfg.MaxRate = 25*tick, 20*tick, rate
		w, _ := start(t, cfg)
		got := make(chan string, messages)
		h := newHand()
		h.message = func(data []byte, _ bool) bool { got <- string(data); return true }
		_, p := dial(t, w, h)
		begin := time.Now()
		for i := range messages {
			p.send(opText, strconv.Itoa(i))
			if i%10 == 0 {
				p.send(opPong, "")
			}
		}
		for i := range messages {
			if s := within(t, "a message", got); s != strconv.Itoa(i) {
				t.Fatalf("got %s, want %d", s, i)
			}
		}
		// 495 frames are four rates and some: the first tick may have begun before.
		if took := time.Since(begin); took < 3*tick {
			t.Errorf("all came within %s, at %d in %s", took, rate, tick)
		}
	})
}

func TestAHastyPeerDelaysNobodyAndMayBePausedToo(t *testing.T) {
	kinds(t, func(t *testing.T, cfg wire.Config) {
		cfg.PingInterval, cfg.PingTimeout, cfg.MaxRate = time.Hour, time.Minute, 3
		w, _ := start(t, cfg)
		h := newHand()
		got := make(chan string, 10)
		h.message = func(data []byte, _ bool) bool { got <- string(data); return false }
		c, p := dial(t, w, h)
		for _, m := range []string{"1", "2", "3", "4"} {
			p.send(opText, m)
		}
		for _, want := range []string{"1", "2", "3"} {
			if s := within(t, "a message", got); s != want {
				t.Fatalf("got %s, want %s", s, want)
			}
			c.Resume()
		}
		c.Resume() // does not lift the rate: the next tick is hours away
		other := newHand()
		heard := make(chan string, 1)
		other.message = func(data []byte, _ bool) bool { heard <- string(data); return true }
		_, q := dial(t, w, other)
		q.send(opText, "hello")
		within(t, "another's message", heard)
		if len(got) > 0 {
			t.Errorf("%s was handed over in the same tick", <-got)
		}
		p.nc.Close()
	})
}
