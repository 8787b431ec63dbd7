//go:build linux

package e2e_test

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/realtime-hub/hub/hub/server"
)

// Sessions come by every transport, upgrade or do not, join, leave and go in
// every way, while others read too slowly: whoever is subscribed sees an
// unbroken stream from the ack of the join to the ack of the leave.
func TestTurmoil(t *testing.T) {
	const channels = 8
	end := time.Now().Add(long(10*time.Second, 2*time.Minute))
	h := startHub(t, func(cfg *server.Config) {
		cfg.Limits.MaxBacklogBytes = 512 << 10 // of small messages, as most of them are, half a minute's
	})
	w := turmoil{testHub: h, turns: time.NewTicker(2 * time.Millisecond), over: func() bool { return t.Failed() || time.Now().After(end) }}
	defer w.turns.Stop()
	for range channels {
		w.streams = append(w.streams, newStream(10))
		h.flow(t, w.streams[len(w.streams)-1], channels*5*time.Millisecond)
	}
	// Of its own channel 400 KiB a second come, of which a slow reader takes 80.
	heavy := newStream(40 << 10)
	h.flow(t, heavy, 100*time.Millisecond)

	var all sync.WaitGroup
	for range long(60, 1000) {
		all.Go(func() {
			for !w.over() {
				if err := w.visit(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 5 {
		all.Go(func() {
			for !w.over() {
				if err := w.dawdle(heavy); err != nil {
					t.Errorf("a slow reader: %v", err)
				}
			}
		})
	}
	all.Wait()
	t.Logf("%d visits, %d joins, %d leaves, %d upgrades; %v slow readers were dropped",
		w.visits.Load(), w.joins.Load(), w.leaves.Load(), w.upgrades.Load(), h.drops(t))
	if h.drops(t) == 0 {
		t.Error("no slow reader was dropped: they disturbed nobody")
	}
}

type turmoil struct {
	*testHub

	turns   *time.Ticker // for each connect and each act
	streams []*stream
	over    func() bool

	visits, joins, leaves, upgrades atomic.Int64
}

// turn waits for one of 500 turns a second; who is subscribed reads meanwhile.
// Without turns a thousand sessions would ask as fast as they are answered, and
// starve each other.
func (w *turmoil) turn(f *follower) (bool, error) {
	for !w.over() {
		if len(f.in) == 0 {
			<-w.turns.C
			return !w.over(), nil
		}
		select {
		case <-w.turns.C:
			return true, nil
		default:
		}
		if packet, err := f.step(); err != nil || packet != "" {
			return false, fmt.Errorf("a number was awaited, not %q: %w", packet, err)
		}
	}
	return false, nil
}

// visit is one session's life.
func (w *turmoil) visit() error {
	<-w.turns.C
	f, err := w.arrive()
	if err != nil {
		return err
	}
	w.visits.Add(1)
	for range 1 + rand.IntN(20) {
		more, err := w.turn(f)
		if err == nil && more {
			err = w.act(f)
		}
		if err != nil {
			f.link.close()
			return err
		}
	}
	w.depart(f)
	return nil
}

// arrive connects by WebSocket, or by polling, which act may upgrade.
func (w *turmoil) arrive() (*follower, error) {
	if rand.IntN(2) == 0 {
		return pollingFollower(w.testHub)
	}
	return socketFollower(w.testHub, nil)
}

func socketFollower(h *testHub, control func(string, string, syscall.RawConn) error) (*follower, error) {
	s, err := plugIn(h.addresses.HTTP, control)
	if err != nil {
		return nil, err
	}
	l, err := joinByWebSocket(s)
	if err != nil {
		s.close()
		return nil, fmt.Errorf("by WebSocket: %w", err)
	}
	return follow(l), nil
}

// act does one thing of those that a session may do.
func (w *turmoil) act(f *follower) error {
	s := w.streams[rand.IntN(len(w.streams))]
	for joined := range f.in {
		if rand.IntN(3) > 0 {
			s = joined
		}
	}
	p, in := f.in[s]
	switch dice := rand.IntN(10); {
	case f.polls && dice < 2:
		w.upgrades.Add(1)
		return f.upgrade()
	case !in:
		w.joins.Add(1)
		return f.join(s)
	case dice < 5:
		return f.until(s, p.at+rand.Int64N(5))
	case dice < 7: // what was accepted by now comes, though nothing may come after it
		if err := f.until(s, s.done.Load()); err != nil {
			return err
		}
	}
	w.leaves.Add(1)
	return f.leave(s)
}

// depart ends a session: with a goodbye, or cut. A session that polls always
// says it, because the hub would keep it for its ping time-out.
func (w *turmoil) depart(f *follower) {
	end := f.link.close
	if rand.IntN(2) == 0 {
		end = f.link.cut
	}
	switch dice := rand.IntN(3); {
	case f.polls && dice == 0:
		_ = f.say("41\x1e1")
	case f.polls:
		_ = f.say("1")
	case dice == 0:
		_ = f.say("41")
	case dice == 1:
		_ = f.link.write(frame(opClose, "\x03\xe8"))
	}
	end()
}

// dawdle subscribes and reads a message each half a second, until the hub has
// enough of it. What it does get is as unbroken as for anyone.
func (w *turmoil) dawdle(heavy *stream) error {
	f, err := socketFollower(w.testHub, narrow)
	if err != nil {
		return err
	}
	defer f.link.cut()
	if err := f.join(heavy); err != nil {
		return err
	}
	pace := time.NewTicker(500 * time.Millisecond)
	defer pace.Stop()
	for !w.over() {
		<-pace.C
		_, err := f.step()
		if dead(err) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// dead tells whether an error is a connection's end, as it comes to a slow
// client: without a word of Socket.IO, perhaps in the middle of a frame.
func dead(err error) bool {
	return slices.ContainsFunc([]error{errClosed, io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE}, func(end error) bool { return errors.Is(err, end) })
}
