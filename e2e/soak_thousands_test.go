//go:build linux

package e2e_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

const (
	// thousands leaves a thousand of 20,000 descriptors, the limit of a process
	// on ordinary machines, to the hub's and the test's other needs.
	thousands = 19_000
	// hands hold them: no goroutine for each, see socket.
	hands = 250
	// perSession is what an idle session may cost, in KiB of resident memory.
	// The design's budget is 3. Here a storm of all at once came before, and
	// garbage that the collector leaves lying may be as much as what lives.
	perSession = 6
)

// Nineteen thousand sessions in one process: all of them connect at once, twice.
func TestThousandsInOneProcess(t *testing.T) {
	if !long(false, true) {
		t.Skip("a long run; `make e2e LONG=1` has it")
	}
	c := spawn(t)
	base := c.resident(t)
	for storm := range 2 {
		s := newStream(10)
		crowd := newCrowd(c.addresses.HTTP, s)
		t.Cleanup(crowd.leave)
		begin := time.Now()
		if err := crowd.storm(); err != nil {
			t.Fatal(err)
		}
		took := time.Since(begin)
		if n := c.metric(t, "hub_sessions"); n != thousands {
			t.Errorf("the hub counts %v sessions", n)
		}
		idle := time.Now()
		if err := crowd.idle(); err != nil {
			t.Fatal(err)
		}
		each := float64(c.resident(t)-base) / thousands
		t.Logf("storm %d: %d sessions in %s, %.0f a second, %d of them again; %.2f KiB each after %s",
			storm+1, thousands, took.Round(time.Millisecond), thousands/took.Seconds(), crowd.again.Load(), each, time.Since(idle).Round(time.Second))
		if each > perSession {
			t.Errorf("storm %d: a session costs %.2f KiB, not %d at most", storm+1, each, perSession)
		}
		if err := c.count(s); err != nil {
			t.Fatal(err)
		}
		if err := crowd.hear(); err != nil {
			t.Fatal(err)
		}
		crowd.leave()
		empty(t, c)
	}
}

// empty waits until the hub has no sessions.
func empty(t *testing.T, c *child) {
	t.Helper()
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	for end := time.Now().Add(3 * patience); c.metric(t, "hub_sessions") > 0; <-look.C {
		if time.Now().After(end) {
			t.Fatalf("%v sessions are left", c.metric(t, "hub_sessions"))
		}
	}
}

// crowd is thousands of clients in a few hands. What they do, they do in steps:
// each hand takes a step with one after the other of its own, and the answers
// wait in the sockets.
type crowd struct {
	address string
	stream  *stream
	hands   [][]*follower
	again   atomic.Int64 // connections that ended before their session had its subscription, and were repeated
}

func newCrowd(address string, s *stream) *crowd {
	c := &crowd{address: address, stream: s, hands: make([][]*follower, hands)}
	for i := range thousands {
		c.hands[i%hands] = append(c.hands[i%hands], follow(&light{address: address}))
	}
	return c
}

// storm connects all as fast as the machine can, and lets all subscribe. Nobody
// waits for the others: the hub gives each 10 s for its CONNECT. Who comes too
// late on a machine that is too busy connects again, as clients do.
func (c *crowd) storm() error {
	return c.each(
		c.dial,
		func(f *follower) error { return f.link.upgraded() },
		func(f *follower) error {
			open, err := f.link.hear()
			if err != nil {
				return err
			}
			if err := f.opened(open); err != nil {
				return err
			}
			return f.say("40")
		},
		func(f *follower) error { return f.expect(`0{"sid":"`) },
		func(f *follower) error {
			if err := f.expect(`2["hub:ready",{`); err != nil {
				return err
			}
			_, err := f.request("hub:subscribe", c.stream.channel)
			return err
		},
		func(f *follower) error {
			if err := f.expect(`31[{"ok":true,`); err != nil {
				return err
			}
			f.in[c.stream] = &place{first: 1}
			return nil
		},
	)
}

// idle returns when everyone has been pinged, and has answered: 25 s, as long
// as the kernel and the collector have to take back what the storm needed.
func (c *crowd) idle() error {
	return c.each(func(f *follower) error {
		packet, err := f.link.hear()
		if err == nil && packet != "2" {
			err = fmt.Errorf("a ping was awaited, not %.100q", packet)
		}
		if err != nil {
			return err
		}
		return f.say("3")
	})
}

// hear is the one number that was broadcast.
func (c *crowd) hear() error {
	return c.each(func(f *follower) error { return f.until(c.stream, 1) })
}

func (c *crowd) leave() {
	for i, hand := range c.hands {
		for _, f := range hand {
			if f.link != nil {
				f.link.cut()
			}
		}
		c.hands[i] = nil
	}
}

// each takes the steps with everyone, one after the other as something comes;
// the first that fails ends it.
func (c *crowd) each(steps ...func(*follower) error) error {
	var working sync.WaitGroup
	failed := make(chan error, hands) // one of a hand at most
	end := time.Now().Add(6 * patience)
	for _, hand := range c.hands {
		working.Go(func() {
			at := make(map[*follower]int) // the step to take
			for todo := slices.Clone(hand); len(todo) > 0 && len(failed) == 0; {
				moved := false
				todo = slices.DeleteFunc(todo, func(f *follower) bool {
					if len(failed) > 0 || !f.ready() || f.link == nil && moved { // no new one while others wait
						return false
					}
					moved = true
					switch err := steps[at[f]](f); {
					case err == nil:
						at[f]++
					case dead(err) && len(f.in) == 0:
						c.again.Add(1)
						f.link.close()
						*f = *follow(&light{address: c.address})
						at[f] = 0
					default:
						failed <- err
						return false
					}
					return at[f] == len(steps)
				})
				switch {
				case moved || len(todo) == 0:
				case time.Now().After(end):
					failed <- fmt.Errorf("for %d of a hand nothing comes", len(todo))
				default:
					_ = todo[0].link.conn.SetReadDeadline(time.Now().Add(5 * time.Millisecond))
					_, _ = todo[0].link.in.Peek(1)
				}
			}
		})
	}
	working.Wait()
	close(failed)
	return <-failed
}

// ready tells whether something has come, the end too: a hand must not wait
// for one while others wait for it.
func (f *follower) ready() bool {
	if f.link == nil || len(f.waiting) > 0 || f.link.in.Buffered() > 0 {
		return true
	}
	come := true
	raw, err := f.link.conn.SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) {
			_, _, err := syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
			come = !errors.Is(err, syscall.EAGAIN)
		})
	}
	return come || err != nil
}

// dial connects and asks, and waits for nothing but the connection.
func (c *crowd) dial(f *follower) error {
	s, err := plugIn(c.address, nil)
	if err != nil {
		return err
	}
	f.link = s
	return s.askUpgrade("")
}

// expect takes the next packet.
func (f *follower) expect(begin string) error {
	packet, err := f.next()
	if err == nil && !strings.HasPrefix(packet, begin) {
		err = fmt.Errorf("%s was awaited, not %.200q", begin, packet)
	}
	return err
}
