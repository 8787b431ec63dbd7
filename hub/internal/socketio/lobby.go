package socketio

import (
	"container/list"
	"sync"
	"time"
)

// lobby is the links that have no session yet. Each may stay for the same
// time, so they are in the order in which that ends: one look a second at the
// front instead of a timer for each.
type lobby struct {
	mu     sync.Mutex
	guests list.List // guarded by mu; of guest
}

type guest struct {
	conn  *conn
	until time.Time
}

func (l *lobby) len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.guests.Len()
}

func (l *lobby) enter(c *conn, until time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c.place = l.guests.PushBack(guest{conn: c, until: until})
}

// leave is called when a link got its session, and when it is gone.
func (l *lobby) leave(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.place != nil {
		l.guests.Remove(c.place)
		c.place = nil
	}
}

// overdue takes those whose time is over.
func (l *lobby) overdue(now time.Time) []*conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	var late []*conn
	for e := l.guests.Front(); e != nil; e = l.guests.Front() {
		g, _ := e.Value.(guest)
		if g.until.After(now) {
			break
		}
		l.guests.Remove(e)
		g.conn.place = nil
		late = append(late, g.conn)
	}
	return late
}
