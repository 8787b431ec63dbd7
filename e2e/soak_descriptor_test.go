//go:build linux

package e2e_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A closed connection's descriptor is the next one's number. Who reads or
// writes one that is not its own any more takes another's bytes, or gives it
// its own; -race cannot see that. So connections come and go as fast as they
// can, with bytes under way in both directions, and every session asks what
// nobody else asks: it gets its own answers, all of them, and nothing else.
func TestADeadDescriptorIsNobodyElses(t *testing.T) {
	h := startHub(t)
	end := time.Now().Add(long(2*time.Second, 10*time.Second))
	var opened, asked atomic.Int64
	var all sync.WaitGroup
	repeat := func(n int, live func() error) {
		for range n {
			all.Go(func() {
				for time.Now().Before(end) && !t.Failed() {
					opened.Add(1)
					if err := live(); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	// Those that live take the numbers that those that die leave.
	repeat(8, func() error { return h.questions(&asked, 1+rand.IntN(40)) })
	repeat(4, func() error { return h.sudden(rand.IntN(30), func(l *light) { l.link.cut() }) })
	repeat(4, func() error { return h.sudden(rand.IntN(30), func(l *light) { l.link.close() }) })
	// The hub closes these, while more of theirs arrives.
	repeat(4, func() error {
		return h.sudden(0, func(l *light) {
			_ = l.link.write(append(frame(opText, "4x"), frame(opText, `421["hub:subscribe","e2e.room.stray"]`)...))
			l.link.cut()
		})
	})
	repeat(4, func() error {
		return h.sudden(0, func(l *light) {
			_ = l.link.write([]byte{0xff, 0x80, 0, 0, 0, 0}) // no frame of any kind
			if err := l.link.drain(); err != nil {
				t.Errorf("after no frame: %v", err)
			}
			l.link.close()
		})
	})
	// And these do not wait for anything, so that there are many of them.
	repeat(4, func() error { return h.blind((*tcpLine).cut) })
	repeat(2, func() error { return h.blind((*tcpLine).close) })
	all.Wait()
	t.Logf("%d connections, %d questions", opened.Load(), asked.Load())
}

// questions is a session that asks so many.
func (h *testHub) questions(asked *atomic.Int64, n int) error {
	f, err := socketFollower(h, nil)
	if err != nil {
		return err
	}
	defer f.link.close()
	for range n {
		asked.Add(1)
		if err := f.question(); err != nil {
			return err
		}
	}
	return nil
}

// question asks twice for a channel of its own, in one write, and takes both
// answers.
func (f *follower) question() error {
	channel := room()
	f.acks = rand.IntN(1e9) // an ack id of its own
	var both []byte
	for _, event := range []string{"hub:subscribe", "hub:unsubscribe"} {
		f.acks++
		both = append(both, frame(opText, fmt.Sprintf(`42%d[%q,%q]`, f.acks, event, channel))...)
	}
	if err := f.link.write(both); err != nil {
		return err
	}
	for ack := f.acks - 1; ack <= f.acks; ack++ {
		answer, err := f.next()
		if err != nil {
			return fmt.Errorf("the answer about %s was awaited: %w", channel, err)
		}
		if !strings.HasPrefix(answer, fmt.Sprintf(`3%d[{"ok":true,"channel":%q`, ack, channel)) {
			return fmt.Errorf("asked about %s under %d, the session hears %.200q", channel, ack, answer)
		}
	}
	return nil
}

// sudden is a session whose end meets questions that are not answered yet, the
// last of them without its last bytes.
func (h *testHub) sudden(missing int, end func(*light)) error {
	f, err := socketFollower(h, nil)
	if err != nil {
		return err
	}
	var questions []byte
	for range 1 + rand.IntN(8) {
		questions = append(questions, frame(opText, fmt.Sprintf(`42%d["hub:subscribe",%q]`, rand.IntN(1e9), room()))...)
	}
	err = f.link.write(questions[:len(questions)-missing])
	end(f.light)
	return err
}

// blind is a client that says everything at once, and has gone before it is
// answered.
func (h *testHub) blind(end func(*tcpLine)) error {
	s, err := plugIn(h.addresses.HTTP, nil)
	if err != nil {
		return err
	}
	defer end(s)
	if err := s.askUpgrade(""); err != nil {
		return err
	}
	all := frame(opText, "40")
	for range 1 + rand.IntN(4) {
		all = append(all, frame(opText, fmt.Sprintf(`42%d["hub:subscribe",%q]`, rand.IntN(1e9), room()))...)
	}
	return s.write(all)
}
