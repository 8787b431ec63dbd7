package wire_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/realtime-hub/hub/hub/internal/wire"
)

// descriptors is how many the process has open; 0 where nobody says.
func descriptors(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(all)
}

// Connections of every kind, in every state, while everybody is busy.
func TestTheEndOfRunClosesEverything(t *testing.T) {
	kinds(t, func(t *testing.T, cfg wire.Config) {
		for range 5 {
			before := descriptors(t)
			endsInUse(t, cfg)
			eventually(t, "the closing of descriptors", func() bool { return descriptors(t) <= before })
		}
	})
}

func endsInUse(t *testing.T, cfg wire.Config) {
	t.Helper()
	cfg.MaxBacklog = 64 << 20
	w, stop := start(t, cfg)
	var hands []*hand
	var clients []net.Conn
	conn := func() *wire.Conn {
		h := newHand()
		hands = append(hands, h)
		c := w.Open(h, true)
		c.Join("x.y")
		return c
	}
	attached := func(c *wire.Conn) {
		server, client := pair(t)
		clients = append(clients, client)
		c.Attach(server, nil)
	}
	for i := range 60 {
		c := conn()
		switch i % 6 {
		case 0: // polling, with nobody waiting
		case 1:
			taking(c, 100)
		case 2:
			attached(c)
		case 3:
			attached(c)
			c.Send(text(plug))
			c.End()
		case 4:
			server, client := secureBoth(t)
			clients = append(clients, client)
			c.Attach(server, nil)
			c.Send(text(plug))
		case 5:
			server, client := net.Pipe()
			clients = append(clients, client)
			c.Attach(server, nil)
		}
	}
	busy := make(chan struct{})
	var others sync.WaitGroup
	for range 2 {
		others.Go(func() {
			for {
				select {
				case <-busy:
					return
				default:
					w.Broadcast("x.y", wire.Message{Frame: text("1"), Slow: wire.SlowDrop})
					w.Open(newHand(), false).Abort(wire.ReasonGone)
					runtime.Gosched()
				}
			}
		})
	}
	stop()
	for i, h := range hands { // Run has returned: all have been told
		if n := h.closes.Load(); n != 1 {
			t.Errorf("connection %d was told of its end %d times", i, n)
		}
	}
	if n := w.Backlog(); n != 0 {
		t.Errorf("%d bytes wait for nobody", n)
	}
	close(busy)
	others.Wait()
	afterTheEnd(t, w)
	for _, c := range clients {
		c.Close()
	}
}

func secureBoth(t *testing.T) (*tls.Conn, *tls.Conn) {
	t.Helper()
	server, client := pair(t)
	return secure(t, server, client)
}

// afterTheEnd calls everything that may be called.
func afterTheEnd(t *testing.T, w *wire.Wire) {
	t.Helper()
	h := newHand()
	h.message = func([]byte, bool) bool { t.Error("a message after Closed"); return true }
	c := w.Open(h, true)
	h.ends(t, wire.ReasonShutdown)
	c.SetName("late")
	c.Send(text("1"))
	c.Join("x.y", text("1"))
	w.Broadcast("x.y", wire.Message{Frame: text("1")})
	wantGiven(t, "after the end", take(t, c), given{last: true})
	p := attach(t, c)
	p.end()
	p.nc.Close()
	server, client := pair(t)
	q := newPeer(t, client)
	c.Attach(server, masked(opText, "early"))
	q.end()
	q.nc.Close()
	secured, other := secureBoth(t)
	r := newPeer(t, other.NetConn())
	c.Attach(secured, nil)
	if _, err := io.Copy(io.Discard, r.r); err != nil {
		t.Errorf("TLS: %v", err)
	}
	r.nc.Close()
	c.Leave("x.y")
	c.Pong()
	c.Pause()
	c.Resume()
	c.End()
	c.Fail("late")
	c.Abort(wire.ReasonGone)
	if n := h.closes.Load(); n != 1 {
		t.Errorf("told of the end %d times", n)
	}
}

// Sockets that come while everything ends are closed, in whichever order.
func TestSocketsThatComeAtTheEndAreClosed(t *testing.T) {
	kinds(t, func(t *testing.T, cfg wire.Config) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		for range 20 {
			w, stop := start(t, cfg)
			var peers []*peer
			var hands []*hand
			var all sync.WaitGroup
			for range 10 {
				h := newHand()
				hands = append(hands, h)
				server, client := join(t, l)
				peers = append(peers, newPeer(t, client))
				all.Go(func() { w.Open(h, false).Attach(server, nil) })
			}
			stop()
			all.Wait()
			for i, p := range peers {
				p.end()
				hands[i].ends(t, wire.ReasonShutdown)
			}
		}
	})
}

// What is called before Run waits for it.
func TestCallsBeforeRunWait(t *testing.T) {
	kinds(t, func(t *testing.T, cfg wire.Config) {
		w, err := wire.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		c, p := dial(t, w, newHand())
		c.Join("x.y")
		w.Broadcast("x.y", wire.Message{Frame: text("1")})
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { w.Run(ctx) })
		p.expect("1")
		cancel()
		running.Wait()
		p.end()
	})
}

// 20,000 connections come and go: nothing of them stays.
func TestNothingStaysOfConnectionsThatWere(t *testing.T) {
	conns, lot := 20_000, 100
	if testing.Short() || raced {
		conns = 2000
	}
	for _, goroutines := range []bool{false, true} {
		t.Run(fmt.Sprint("goroutines=", goroutines), func(t *testing.T) {
			w, _ := start(t, fast(wire.Config{Goroutines: goroutines, Ping: text("ping")}))
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			comeAndGo(t, w, l, lot) // what is kept for the next ones
			heap, routines, fds := inUse(t)
			for range conns / 2 / lot {
				comeAndGo(t, w, l, lot)
			}
			eventually(t, "the goroutines' end", func() bool { return runtime.NumGoroutine() <= routines+2 })
			heapAfter, _, fdsAfter := inUse(t)
			if grown := heapAfter - heap; grown > 512<<10 {
				t.Errorf("%d KiB more than before: %d bytes for each", grown>>10, grown/int64(conns/2))
			}
			if fdsAfter > fds {
				t.Errorf("%d descriptors, there were %d", fdsAfter, fds)
			}
		})
	}
}

func inUse(t *testing.T) (heap int64, routines, fds int) {
	t.Helper()
	runtime.GC()
	runtime.GC() // pools are emptied by the second
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc), runtime.NumGoroutine(), descriptors(t)
}

// comeAndGo has connections of every kind come at once, and go.
func comeAndGo(t *testing.T, w *wire.Wire, l net.Listener, n int) {
	t.Helper()
	var all sync.WaitGroup
	for i := range n {
		server, client := join(t, l)
		all.Go(func() {
			defer client.Close()
			h := newHand()
			h.message = func([]byte, bool) bool { return i%5 != 0 || i%4 == 3 } // who is not read is gone later
			c := w.Open(h, true)
			c.Join("everybody", text("hi"))
			c.Join(fmt.Sprintf("own.%p", h))
			w.Broadcast("everybody", wire.Message{Frame: text("1"), Slow: wire.SlowDrop})
			if i%3 > 0 {
				taking(c, 100)
			}
			c.Attach(server, nil)
			_, _ = client.Write(masked(opText, "hi"))
			switch i % 4 {
			case 0:
				c.End()
				_, _ = client.Read(make([]byte, 1<<10))
			case 1:
				c.Abort(wire.ReasonGone)
			case 2:
				_, _ = client.Write([]byte("nonsense"))
			}
			client.Close()
			select {
			case <-h.closed:
			case <-time.After(patience):
				t.Error("a connection did not end")
			}
		})
	}
	all.Wait()
}
