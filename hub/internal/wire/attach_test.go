package wire_test

import (
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/realtime-hub/hub/hub/internal/wire"
)

// poll takes until the connection has a socket.
func poll(t testing.TB, c *wire.Conn, got *[]string) {
	t.Helper()
	for {
		frames := make(chan []*wire.Frame, 1)
		c.Take(wire.Taker{Max: 500, Give: func(f []*wire.Frame, _ bool) { frames <- f }})
		f := within(t, "Give", frames)
		if len(f) == 0 {
			return
		}
		*got = append(*got, texts(f)...)
	}
}

// Connections move from polling to a socket while broadcasts run: nothing is
// lost, repeated or reordered.
func TestAttachingHandsOverWhileBroadcastsRun(t *testing.T) {
	kinds(t, func(t *testing.T, cfg wire.Config) {
		cfg.MaxBacklog = 64 << 20
		w, _ := start(t, cfg)
		conns, after := 300, 50
		if testing.Short() {
			conns = 60
		}
		stop := make(chan struct{})
		var broadcaster sync.WaitGroup
		broadcaster.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				w.Broadcast("x.y", wire.Message{Frame: text(strconv.Itoa(i))})
				if i%8 == 0 {
					barrier(t, w) // one round at a time
				}
			}
		})
		gate := make(chan struct{}, 8)
		var all sync.WaitGroup
		for range conns {
			gate <- struct{}{}
			all.Go(func() {
				defer func() { <-gate }()
				upgrade(t, w, after)
			})
		}
		all.Wait()
		close(stop)
		broadcaster.Wait()
	})
}

// upgrade polls for a while, attaches, and looks at what came on either way.
func upgrade(t *testing.T, w *wire.Wire, after int) {
	c := w.Open(newHand(), false)
	c.Join("x.y")
	var polled []string
	var poller sync.WaitGroup
	poller.Go(func() { poll(t, c, &polled) })
	p := attach(t, c)
	poller.Wait()
	var got []string
	for range after {
		op, payload, err := p.frame()
		if err != nil || op != opText {
			t.Errorf("got opcode %d, %v", op, err)
			return
		}
		got = append(got, string(payload))
	}
	c.Abort(wire.ReasonClosed)
	whole := slices.Concat(polled, got)
	first, _ := strconv.Atoi(whole[0])
	for i, s := range whole {
		if s != strconv.Itoa(first+i) {
			t.Errorf("message %d after %d is %s; %d were polled", i, first, s, len(polled))
			return
		}
	}
}

func TestWhatWaitedGoesToTheSocket(t *testing.T) {
	kinds(t, func(t *testing.T, cfg wire.Config) {
		w, c, h := open(t, cfg)
		var want []string
		for i := range 100 {
			want = append(want, fmt.Sprint(i))
			c.Send(text(want[i]))
		}
		taken := within(t, "Give", taking(c, 10))
		p := attach(t, c)
		p.expect(want[len(taken.texts):]...)
		eventually(t, "an empty backlog", func() bool { return w.Backlog() == 0 })
		p.nc.Close()
		h.ends(t, wire.ReasonGone)
	})
}

func TestASocketAttachedToWhatEndsIsClosed(t *testing.T) {
	kinds(t, func(t *testing.T, cfg wire.Config) {
		_, c, h := open(t, cfg)
		c.Send(text("1"))
		c.End(text("2"))
		p := attach(t, c)
		p.expect("1", "2")
		p.closing(normal)
		p.nc.Close()
		h.ends(t, wire.ReasonClosed)
		attach(t, c).end()

		_, c, _ = open(t, cfg)
		first, second := attach(t, c), attach(t, c)
		second.end()
		c.Send(text("the first lives on"))
		first.expect("the first lives on")
	})
}

// What came with the handshake is the first that the handler gets.
func TestWhatCameEarlyComesFirst(t *testing.T) {
	kinds(t, func(t *testing.T, cfg wire.Config) {
		_, c, h := open(t, cfg)
		got := make(chan string, 10)
		h.message = func(data []byte, binary bool) bool {
			got <- fmt.Sprint(string(data), binary)
			return true
		}
		server, client := pair(t)
		p := newPeer(t, client)
		last := masked(opText, "3")
		c.Attach(server, slices.Concat(masked(opText, "1"), masked(opBinary, "2"), last[:3]))
		if _, err := client.Write(last[3:]); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"1false", "2true", "3false"} {
			if s := within(t, "a message", got); s != want {
				t.Fatalf("got %s, want %s", s, want)
			}
		}
		p.send(opText, "4")
		if s := within(t, "a message", got); s != "4false" {
			t.Fatalf("got %s", s)
		}
	})
}
