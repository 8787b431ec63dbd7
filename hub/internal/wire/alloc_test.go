//go:build !race

package wire_test

import (
	"net"
	"runtime"
	"testing"

	"github.com/realtime-hub/hub/hub/internal/wire"
)

// A delivery costs a place in a queue that was there before, and a write of
// bytes that were there before.
func TestAllocsOfADelivery(t *testing.T) {
	kinds(t, func(t *testing.T, cfg wire.Config) {
		if cfg.Goroutines {
			t.Skip("a goroutine for each write, where there is no epoll")
		}
		const members, budget = 1000, 0.01
		w, _ := start(t, cfg)
		d := newDrain(t)
		for range members {
			c := w.Open(newHand(), false)
			c.Join("x.y")
			c.Attach(d.socket(t), nil)
		}
		frame := text("0123456789")
		size := int64(2 + 10)
		want := int64(0)
		broadcast := func() {
			want += members * size
			w.Broadcast("x.y", wire.Message{Frame: frame})
			d.received(t, want)
		}
		for range 20 {
			broadcast()
		}
		perBroadcast := testing.AllocsPerRun(50, broadcast)
		if perDelivery := perBroadcast / members; perDelivery > budget {
			t.Errorf("%.4f allocations a delivery, at most %v", perDelivery, budget)
		}
	})
}

// A message costs what its handler does with it.
func TestAllocsOfAMessage(t *testing.T) {
	kinds(t, func(t *testing.T, cfg wire.Config) {
		w, _ := start(t, cfg)
		got := make(chan struct{})
		h := newHand()
		h.message = func([]byte, bool) bool { got <- struct{}{}; return true }
		_, p := dial(t, w, h)
		for _, size := range []int{10, 1000, 10_000} {
			message := masked(opText, pattern(size))
			allocs := testing.AllocsPerRun(200, func() {
				_, _ = p.nc.Write(message)
				<-got
			})
			most := 0.0
			if cfg.Goroutines && size > 64 {
				most = 9 // what is longer than the reader's own buffer is put together
			}
			if allocs > most {
				t.Errorf("%v allocations for a message of %d bytes, at most %v", allocs, size, most)
			}
		}
	})
}

// deaf is a handler without memory.
type deaf struct{}

func (deaf) Malformed() {}

func (deaf) Message([]byte, bool) bool { return true }

func (deaf) Closed(wire.Reason) {}

// An idle connection with one channel is little more than its Conn.
func TestAllocsOfAnIdleConnection(t *testing.T) {
	// Its own are some 330 bytes; the shards keep the queues of the burst, 200
	// for each of so few.
	const conns, budget = 3000, 720
	w, _ := start(t, wire.Config{})
	if runtime.GOOS != "linux" {
		t.Skip("no epoll")
	}
	d := newDrain(t)
	hellos := int64(0)
	idle := func(n int) int64 {
		sockets := make([]net.Conn, n)
		for i := range sockets {
			sockets[i] = d.socket(t)
		}
		before, _, _ := inUse(t)
		for _, nc := range sockets {
			c := w.Open(deaf{}, true)
			c.Join("x.y")
			c.Attach(nc, nil)
			c.Send(text("hello"))
		}
		hellos += int64(n) * 7
		d.received(t, hellos)
		for range 8 {
			barrier(t, w) // the next rounds give a part of them back
		}
		after, _, _ := inUse(t)
		runtime.KeepAlive(sockets) // Go's own half of them is there in both
		return after - before
	}
	idle(100)
	each := idle(conns) / conns
	t.Log(each, "bytes for each idle connection")
	if each > budget {
		t.Errorf("%d bytes for each idle connection, at most %d", each, budget)
	}
}
