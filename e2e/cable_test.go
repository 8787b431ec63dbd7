package e2e_test

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// cable is the network between a client and the hub, which a test can cut.
type cable struct {
	url      string
	listener net.Listener
	to       string
	carrying sync.WaitGroup

	mu     sync.Mutex
	conns  map[net.Conn]struct{} // guarded by mu; both ends of what is carried
	broken bool                  // guarded by mu; nobody gets through
	mute   atomic.Bool           // what is sent arrives nowhere, and no end tells so
	closed bool                  // guarded by mu
}

// plug lays a cable to an address, until the test ends.
func plug(t *testing.T, to string) *cable {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cable{url: "http://" + l.Addr().String(), listener: l, to: to, conns: make(map[net.Conn]struct{})}
	c.carrying.Go(c.accept)
	t.Cleanup(func() {
		c.mu.Lock()
		c.closed = true
		c.mu.Unlock()
		_ = l.Close()
		c.cut()
		c.carrying.Wait()
	})
	return c
}

func (c *cable) accept() {
	for {
		near, err := c.listener.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", c.to)
		if err != nil {
			_ = near.Close()
			continue
		}
		if !c.add(near, far) {
			return
		}
		c.carrying.Go(func() { c.carry(near, far) })
		c.carrying.Go(func() { c.carry(far, near) })
	}
}

func (c *cable) carry(from, to net.Conn) {
	_, _ = io.Copy(mutable{to, &c.mute}, from)
	_ = from.Close()
	_ = to.Close()
}

// mutable loses what is written while it is mute.
type mutable struct {
	io.Writer

	mute *atomic.Bool
}

func (m mutable) Write(b []byte) (int, error) {
	if m.mute.Load() {
		return len(b), nil
	}
	return m.Writer.Write(b)
}

func (c *cable) add(conns ...net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range conns {
		if c.closed || c.broken {
			_ = conn.Close()
			continue
		}
		c.conns[conn] = struct{}{}
	}
	return !c.closed
}

// cut breaks what is connected, and lets nobody through until mend. A polling
// client would not notice otherwise: it may be between two polls, each of which
// has a connection of its own.
func (c *cable) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.broken = true
	for conn := range c.conns {
		_ = conn.Close()
	}
	clear(c.conns)
}

// mend lets everyone through again.
func (c *cable) mend() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.broken = false
}
