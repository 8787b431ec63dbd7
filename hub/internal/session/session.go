// Package session is who is here: the identity behind each browser
// connection, its life from CONNECT to its end, and the queue of what it asks.
//
// A session knows its connection only by Conn, never the transport. It is
// open from Table.Open to Table.Remove. Whatever a browser sends goes through
// the connection's Inbox, one item at a time and in order, its close last: so
// no request of a session outlives it, and a session that leaves while it
// joins is gone everywhere. Tables and sessions may be used concurrently.
package session

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/fault"
	"github.com/realtime-hub/hub/hub/internal/gate"
)

// Conn is a session's connection as the session sees it.
type Conn interface {
	// End tells the browser why and closes. With again the client comes back
	// by itself; without, it stays away. Must not block.
	End(why *fault.Error, again bool)
	// Expiring tells the browser when its identity ends. Must not block.
	Expiring(at time.Time)
	// Unsubscribe takes the session out of a channel and tells the browser why.
	// done hears once, later, whether the session was in it. Must not block.
	Unsubscribe(channel string, why *fault.Error, done func(was bool))
	// Status tells once, later, how the connection does. Must not block.
	Status(tell func(Status))
}

// Status is how a session's connection does.
type Status struct {
	// Transport is Engine.IO's: websocket or polling.
	Transport string
	// Backlog is how many bytes wait for the browser.
	Backlog int
	// LastDrop is why the browser did not get the latest message that it missed;
	// empty: it missed none.
	LastDrop string
}

// Session is one browser connection that passed gate 1.
type Session struct {
	// ID is the Socket.IO id, which the browser knows as socket.id.
	ID string
	// Since is when it connected.
	Since time.Time
	// Remote is the browser's address, as far as proxies are trusted.
	Remote string

	conn     Conn
	identity atomic.Pointer[gate.Identity]

	// The table's, guarded by its mu.

	due    int       // index in its heap of expiries, or -1
	next   time.Time // when to look at the identity again
	warned bool      // the browser was told that it ends
}

// Identity is who the session is now. Its user is so for the session's life, and
// the rest until Table.Refresh.
func (s *Session) Identity() *gate.Identity { return s.identity.Load() }

// Sender is the session as workers know it.
func (s *Session) Sender() *hubv1.Sender { return s.Identity().Sender() }

// End tells the browser why its session ends and closes it. With again the
// client reconnects by itself; without it stays away.
func (s *Session) End(why *fault.Error, again bool) { s.conn.End(why, again) }

// Unsubscribe takes the session out of a channel and tells the browser why, when
// what it asked before has been handled. done hears once whether it was in it.
func (s *Session) Unsubscribe(channel string, why *fault.Error, done func(was bool)) {
	s.conn.Unsubscribe(channel, why, done)
}

// Status tells once, later, how the connection does. tell must not block.
func (s *Session) Status(tell func(Status)) { s.conn.Status(tell) }

// Table holds the open sessions, by their ids. There is no index by user or role:
// operators ask for them, seldom, and a walk over 100,000 takes milliseconds.
type Table struct {
	now func() time.Time // static after NewTable

	mu       sync.Mutex
	open     map[string]*Session // guarded by mu
	expiries expiries            // guarded by mu
}

// NewTable makes an empty table. A nil now is time.Now.
func NewTable(now func() time.Time) *Table {
	if now == nil {
		now = time.Now
	}
	return &Table{now: now, open: make(map[string]*Session)}
}

// Open puts a session into the table. Its id must be new and unguessable.
func (t *Table) Open(id string, identity gate.Identity, remote string, conn Conn) *Session {
	identity.Session = id
	s := &Session{ID: id, Since: t.now(), Remote: remote, conn: conn, due: -1}
	s.identity.Store(&identity)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.open[id] = s
	t.schedule(s)
	return s
}

// Refresh gives an open session its user's newer identity.
func (t *Table) Refresh(s *Session, identity gate.Identity) {
	identity.Session = s.ID
	t.mu.Lock()
	defer t.mu.Unlock()
	s.identity.Store(&identity)
	t.expiries.remove(s)
	if t.open[s.ID] == s {
		t.schedule(s)
	}
}

// schedule has the session looked at before its identity ends. The caller holds mu.
func (t *Table) schedule(s *Session) {
	if ends := s.Identity().ExpiresAt; !ends.IsZero() {
		s.next, s.warned = ends.Add(-notice), false
		t.expiries.add(s)
	}
}

// Remove takes a session out of the table, once it left everywhere else.
func (t *Table) Remove(s *Session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.open, s.ID)
	t.expiries.remove(s)
}

// Len is how many sessions are open.
func (t *Table) Len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.open)
}

// All are the open sessions, the longest here first.
func (t *Table) All() []*Session {
	all := t.list()
	slices.SortFunc(all, func(a, b *Session) int {
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.ID, b.ID))
	})
	return all
}

func (t *Table) list() []*Session {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.AppendSeq(make([]*Session, 0, len(t.open)), maps.Values(t.open))
}

// notice is contract §2's: how long before its identity ends a session is told.
const notice = 60 * time.Second

// Expire tells every session whose identity ends within a minute, once, and ends
// those whose identity has. The client comes back by itself, with a new token if it
// has one.
func (t *Table) Expire() {
	for {
		s, ends := t.expiring()
		switch {
		case s == nil:
			return
		case !ends.IsZero():
			s.conn.Expiring(ends)
			continue
		}
		s.End(fault.New(fault.CredentialsExpired, "the session's credentials have expired; connect again with new ones"), true)
	}
}

// expiring is a session that is due, and when its identity ends: zero where it has.
func (t *Table) expiring() (s *Session, ends time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	if s = t.expiries.pop(now); s == nil {
		return nil, ends
	}
	ends = s.Identity().ExpiresAt
	if s.warned || !now.Before(ends) {
		return s, time.Time{}
	}
	s.warned, s.next = true, ends
	t.expiries.add(s)
	return s, ends
}
