package e2e_test

import (
	"net"
	"sync"
	"testing"
	"time"
)

// cable is the network between a client and the hub, which a test can cut.
type cable struct {
	url      string
	listener net.Listener
	to       string
	carrying sync.WaitGroup

	mu      sync.Mutex
	conns   map[net.Conn]struct{} // guarded by mu; both ends of what is carried
	asking  map[net.Conn]struct{} // guarded by mu; clients' ends whose last word was not answered
	changed sync.Cond             // signalled when asking changes
	broken  bool                  // guarded by mu; nobody gets through
	closed  bool                  // guarded by mu
}

// plug lays a cable to an address, until the test ends.
func plug(t *testing.T, to string) *cable {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cable{url: "http://" + l.Addr().String(), listener: l, to: to, conns: make(map[net.Conn]struct{}), asking: make(map[net.Conn]struct{})}
	c.changed.L = &c.mu
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
		c.carrying.Go(func() { c.carry(near, far, near, true) })
		c.carrying.Go(func() { c.carry(far, near, near, false) })
	}
}

// carry carries one direction, and notes whether the hub owes an answer.
func (c *cable) carry(from, to net.Conn, asks net.Conn, asking bool) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			c.note(asks, asking)
			_, err = to.Write(buffer[:n])
		}
		if err != nil {
			c.note(asks, false)
			_ = from.Close()
			_ = to.Close()
			return
		}
	}
}

func (c *cable) note(conn net.Conn, asking bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if asking {
		c.asking[conn] = struct{}{}
	} else {
		delete(c.asking, conn)
	}
	c.changed.Broadcast()
}

// awaitPoll waits until the hub owes an answer. A client that polls asks again
// as soon as it was told something; a hub cannot see that it vanished between.
func (c *cable) awaitPoll(t *testing.T) {
	t.Helper()
	late := false
	bound := time.AfterFunc(patience, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		late = true
		c.changed.Broadcast()
	})
	defer bound.Stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.asking) == 0 && !late {
		c.changed.Wait()
	}
	if late {
		t.Fatalf("a poll was awaited for %s; none came", patience)
	}
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
// client would not notice otherwise: it may be between two polls, and repeats a
// request whose kept connection was reset.
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
