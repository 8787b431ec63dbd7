package socketio

import (
	"sync"
	"sync/atomic"
	"time"
)

// lobby is the links that have no session yet. Each may stay for the same
// time, so they leave in the order they came in: one look a second at the
// front instead of a timer for each.
type lobby struct {
	count atomic.Int64 // links that wait

	mu     sync.Mutex
	guests []guest // guarded by mu; in order of arrival, some of them joined or gone
}

type guest struct {
	conn  *conn
	until time.Time
}

func (l *lobby) enter(c *conn, until time.Time) {
	c.waits.Store(true)
	l.count.Add(1)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.guests = append(l.guests, guest{conn: c, until: until})
}

// leave is called when a link got its session, and when it is gone.
func (l *lobby) leave(c *conn) {
	if c.waits.Swap(false) {
		l.count.Add(-1)
	}
}

// overdue takes those whose time is over.
func (l *lobby) overdue(now time.Time) []*conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	var late []*conn
	n := 0
	for n < len(l.guests) && !l.guests[n].until.After(now) {
		if c := l.guests[n].conn; c.waits.Load() {
			late = append(late, c)
		}
		n++
	}
	left := copy(l.guests, l.guests[n:])
	clear(l.guests[left:])
	l.guests = l.guests[:left]
	if left == 0 {
		l.guests = nil
	}
	return late
}
