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
}

// Session is one browser connection that passed gate 1.
type Session struct {
	// ID is the Socket.IO id, which the browser knows as socket.id.
	ID string
	// Identity is who the session is.
	Identity gate.Identity
	// Since is when it connected.
	Since time.Time
	// Remote is the browser's address, as far as proxies are trusted.
	Remote string

	conn Conn
	due  int // the table's, guarded by its mu: index in its heap of expiries, or -1
}

// Sender is the session as workers know it.
func (s *Session) Sender() *hubv1.Sender { return s.Identity.Sender() }

// End tells the browser why its session ends and closes it. With again the
// client reconnects by itself; without it stays away.
func (s *Session) End(why *fault.Error, again bool) { s.conn.End(why, again) }

// Table holds the open sessions. There is no index by id or user yet: nobody
// asks for them that way.
type Table struct {
	now func() time.Time // static after NewTable

	mu       sync.Mutex
	open     map[*Session]struct{} // guarded by mu
	expiries expiries              // guarded by mu
}

// NewTable makes an empty table. A nil now is time.Now.
func NewTable(now func() time.Time) *Table {
	if now == nil {
		now = time.Now
	}
	return &Table{now: now, open: make(map[*Session]struct{})}
}

// Open puts a session into the table. Its id must be new and unguessable.
func (t *Table) Open(id string, identity gate.Identity, remote string, conn Conn) *Session {
	identity.Session = id
	s := &Session{ID: id, Identity: identity, Since: t.now(), Remote: remote, conn: conn, due: -1}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.open[s] = struct{}{}
	if !identity.ExpiresAt.IsZero() {
		t.expiries.add(s)
	}
	return s
}

// Remove takes a session out of the table, once it left everywhere else.
func (t *Table) Remove(s *Session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.open, s)
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
	t.mu.Lock()
	all := slices.AppendSeq(make([]*Session, 0, len(t.open)), maps.Keys(t.open))
	t.mu.Unlock()
	slices.SortFunc(all, func(a, b *Session) int {
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.ID, b.ID))
	})
	return all
}

// Expire ends every session whose identity has ended by now. The client comes
// back by itself, with a new token if it has one.
func (t *Table) Expire() {
	for {
		t.mu.Lock()
		s := t.expiries.pop(t.now())
		t.mu.Unlock()
		if s == nil {
			return
		}
		s.End(fault.New(fault.CredentialsExpired, "the session's credentials have expired; connect again with new ones"), true)
	}
}
