package wire_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/realtime-hub/hub/hub/internal/wire"
)

// reader is a handler that takes so many messages and then no more.
type reader struct {
	*hand
	got chan string
}

func newReader(budget int) *reader {
	r := &reader{hand: newHand(), got: make(chan string, 10_000)}
	n := 0
	r.message = func(data []byte, _ bool) bool {
		n++
		r.got <- string(data)
		return n%budget != 0
	}
	return r
}

// Whatever the parts are in which messages arrive: behind the one that the
// handler pauses at, nothing comes until Resume, and then all of it in order.
func TestNothingComesWhilePaused(t *testing.T) {
	kinds(t, func(t *testing.T, cfg wire.Config) {
		for _, size := range []int{10, 100, 100_000} {
			for _, budget := range []int{1, 3} {
				t.Run(fmt.Sprintf("size=%d/budget=%d", size, budget), func(t *testing.T) {
					w, _ := start(t, cfg)
					r := newReader(budget)
					c, p := dial(t, w, r.hand)
					pausesAndResumes(t, c, r, p, size, budget)
				})
			}
		}
	})
}

func pausesAndResumes(t *testing.T, c *wire.Conn, r *reader, p *peer, size, budget int) {
	t.Helper()
	const messages = 30
	var sent []byte
	padding := pattern(size)
	for i := range messages {
		sent = append(sent, masked(opText, fmt.Sprint(i, padding))...)
	}
	written := make(chan error, 1)
	go func() {
		_, err := p.nc.Write(sent)
		written <- err
	}()
	for i := range messages {
		if s := within(t, "a message", r.got); s != fmt.Sprint(i, padding) {
			t.Fatalf("message %d is %.30q", i, s)
		}
		if (i+1)%budget != 0 {
			continue
		}
		c.Send(text(strconv.Itoa(i)))
		p.expect(strconv.Itoa(i)) // writing goes on meanwhile
		if n := len(r.got); n > 0 {
			t.Fatalf("%d messages came while paused", n)
		}
		c.Resume()
	}
	if err := within(t, "the peer's writing", written); err != nil {
		t.Fatal(err)
	}
}

// What came with the handshake pauses, before the socket is there.
func TestWhatCameEarlyPauses(t *testing.T) {
	kinds(t, func(t *testing.T, cfg wire.Config) {
		w, _ := start(t, cfg)
		r := newReader(1)
		c := w.Open(r.hand, false)
		server, client := pair(t)
		p := newPeer(t, client)
		p.send(opText, "3")
		p.send(opText, "4")
		c.Attach(server, slices.Concat(masked(opText, "1"), masked(opText, "2")))
		for i := range 4 {
			if s := within(t, "a message", r.got); s != strconv.Itoa(i+1) {
				t.Fatalf("message %d is %q", i+1, s)
			}
			c.Send(text("written"))
			p.expect("written")
			if n := len(r.got); n > 0 {
				t.Fatalf("%d messages came while paused", n)
			}
			c.Resume()
		}
	})
}

// Pause is for a connection whose messages come another way: a socket that is
// attached meanwhile is not read either.
func TestAPausedConnectionsSocketIsNotRead(t *testing.T) {
	kinds(t, func(t *testing.T, cfg wire.Config) {
		w, _ := start(t, cfg)
		r := newReader(10)
		c := w.Open(r.hand, false)
		c.Pause()
		server, client := pair(t)
		p := newPeer(t, client)
		c.Attach(server, masked(opText, "1"))
		p.send(opText, "2")
		c.Send(text("written"))
		p.expect("written")
		if n := len(r.got); n > 0 {
			t.Fatalf("%d messages came while paused", n)
		}
		c.Resume()
		for i := range 2 {
			if s := within(t, "a message", r.got); s != strconv.Itoa(i+1) {
				t.Fatalf("message %d is %q", i+1, s)
			}
		}
		c.Pause()
		p.send(opText, "3")
		c.Send(text("written"))
		p.expect("written")
		if n := len(r.got); n > 0 {
			t.Fatalf("%d messages came while paused", n)
		}
		c.Resume()
		if s := within(t, "a message", r.got); s != "3" {
			t.Fatalf("got %q", s)
		}
	})
}

// A peer that resets is gone, read or not. By a goroutine it is noticed when
// something is written, at the latest a ping.
func TestAPausedPeersDeathIsNoticed(t *testing.T) {
	kinds(t, func(t *testing.T, cfg wire.Config) {
		w, _ := start(t, fast(cfg))
		r := newReader(1)
		c, p := dial(t, w, r.hand)
		p.send(opText, "1")
		within(t, "a message", r.got)
		_ = p.nc.(*net.TCPConn).SetLinger(0)
		p.nc.Close()
		if cfg.Goroutines {
			eventually(t, "the end", func() bool {
				c.Send(text("ping"))
				return r.closes.Load() > 0
			})
		}
		r.ends(t, wire.ReasonGone)
		c.Resume()
	})
}

// What a paused peer sends stays where it is, and costs nothing meanwhile.
func TestAPausedPeerIsNotRead(t *testing.T) {
	kinds(t, func(t *testing.T, cfg wire.Config) {
		w, _ := start(t, cfg)
		r := newReader(1)
		_, p := dial(t, w, r.hand)
		p.send(opText, "1")
		within(t, "a message", r.got)
		before := processorTime(t)
		_ = p.nc.SetWriteDeadline(time.Now().Add(300 * time.Millisecond))
		n, err := p.nc.Write(make([]byte, 64<<20))
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("the peer could send %d bytes: %v", n, err)
		}
		if d := processorTime(t) - before; d > 150*time.Millisecond {
			t.Errorf("not reading took the processor %v", d)
		}
	})
}

func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
