package e2e_test

import (
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// weather is a network between clients and the hub that is bad: it cuts
// connections, lets them stand still for a while, and closes them in one
// direction alone, at random, until it is calm.
type weather struct {
	t        *testing.T
	url      string
	listener net.Listener
	to       string
	dialer   net.Dialer
	mean     time.Duration // between two blows to a connection
	carrying sync.WaitGroup
	calmed   chan struct{} // closed when nothing happens any more
	calm     func()        // closes it

	refused, cuts, stalls, halves atomic.Int64

	mu     sync.Mutex
	routes map[*route]struct{} // guarded by mu; those that carry
	closed bool                // guarded by mu
}

// route is a connection of a client, and the one behind it to the hub.
type route struct {
	near, far net.Conn
	up, down  sync.RWMutex  // held while the direction stands still
	ended     chan struct{} // closed when the route is cut
	end       func()
}

// brew makes weather in front of an address, which the dialer reaches, until the
// test ends.
func brew(t *testing.T, to string, mean time.Duration, dialer net.Dialer) *weather {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &weather{t: t, url: "http://" + l.Addr().String(), listener: l, to: to, dialer: dialer, mean: mean, routes: make(map[*route]struct{}), calmed: make(chan struct{})}
	w.calm = sync.OnceFunc(func() { close(w.calmed) })
	w.carrying.Go(w.accept)
	t.Cleanup(func() {
		w.calm()
		_ = l.Close()
		w.mu.Lock()
		w.closed = true
		for l := range w.routes {
			l.end()
		}
		w.mu.Unlock()
		w.carrying.Wait()
	})
	return w
}

func (w *weather) accept() {
	for {
		near, err := w.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // out of descriptors, say: that is no weather
			w.t.Errorf("the network: %v", err)
			return
		}
		if !w.isCalm() && rand.IntN(10) == 0 {
			w.refused.Add(1)
			_ = near.Close()
			continue
		}
		far, err := w.dialer.Dial("tcp", w.to)
		if err != nil {
			w.t.Errorf("the network behind: %v", err)
			_ = near.Close()
			continue
		}
		w.add(near, far)
	}
}

func (w *weather) isCalm() bool {
	select {
	case <-w.calmed:
		return true
	default:
		return false
	}
}

func (w *weather) add(near, far net.Conn) {
	l := &route{near: near, far: far, ended: make(chan struct{})}
	l.end = sync.OnceFunc(func() {
		close(l.ended)
		_ = near.Close()
		_ = far.Close()
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		l.end()
		return
	}
	w.routes[l] = struct{}{}
	var passing sync.WaitGroup
	passing.Go(func() { pass(far, near, &l.up) })
	passing.Go(func() { pass(near, far, &l.down) })
	w.carrying.Go(func() {
		passing.Wait()
		l.end()
	})
	w.carrying.Go(func() {
		w.blow(l)
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.routes, l)
	})
}

// pass carries one direction. Its end is that direction's alone: a connection
// that is closed in both is so in two steps.
func pass(to, from net.Conn, still *sync.RWMutex) {
	buffer := make([]byte, 16<<10)
	for {
		n, err := from.Read(buffer)
		still.RLock()
		if n > 0 {
			if _, failed := to.Write(buffer[:n]); failed != nil {
				err = failed
			}
		}
		still.RUnlock()
		if err != nil {
			_ = to.(*net.TCPConn).CloseWrite()
			_ = from.(*net.TCPConn).CloseRead()
			return
		}
	}
}

// blow does to a route what happens to it, until it is cut. In calm weather that
// is nothing more: but what one direction lost ends with the other.
func (w *weather) blow(l *route) {
	defer l.end()
	for w.pause(l, w.mean/10+time.Duration(rand.ExpFloat64()*float64(w.mean))) {
		switch rand.IntN(4) {
		case 0:
			w.cuts.Add(1)
			if rand.IntN(2) == 0 { // a reset
				_ = l.near.(*net.TCPConn).SetLinger(0)
				_ = l.far.(*net.TCPConn).SetLinger(0)
			}
			return
		case 1:
			w.halves.Add(1)
			closing := l.near
			if rand.IntN(2) == 0 {
				closing = l.far
			}
			_ = closing.(*net.TCPConn).CloseWrite()
			w.pause(l, time.Duration(rand.Int64N(int64(w.mean))))
			return
		default:
			w.stalls.Add(1)
			if !w.stall(l) {
				return
			}
		}
	}
	if w.isCalm() {
		<-l.ended
	}
}

// stall lets a route stand still for a while, in one direction or both, and tells
// whether it goes on then.
func (w *weather) stall(l *route) bool {
	directions := rand.IntN(3) + 1
	if directions&1 != 0 {
		l.up.Lock()
		defer l.up.Unlock()
	}
	if directions&2 != 0 {
		l.down.Lock()
		defer l.down.Unlock()
	}
	w.pause(l, time.Duration(rand.Int64N(int64(w.mean))))
	return rand.IntN(2) == 0
}

// freeze lets nothing pass from the hub to its only client, until thaw.
func (w *weather) freeze(t *testing.T) (thaw func()) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.routes) != 1 {
		t.Fatalf("there are %d routes", len(w.routes))
	}
	for l := range w.routes {
		l.down.Lock()
		thaw = sync.OnceFunc(l.down.Unlock)
	}
	t.Cleanup(thaw)
	return thaw
}

// pause waits, unless the route is cut or the weather gets calm before.
func (w *weather) pause(l *route, d time.Duration) (waited bool) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-l.ended:
		return false
	case <-w.calmed:
		return false
	}
}
