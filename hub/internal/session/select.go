package session

import (
	"cmp"
	"slices"
)

// Selector tells which sessions are meant. The empty one means all.
type Selector struct {
	// ID is one session's.
	ID string
	// User is of all sessions of a user.
	User string
	// Role is of all sessions that have it.
	Role string
	// Also must hold as well. Default: nothing more is asked. It must not block.
	Also func(*Session) bool
}

func (w *Selector) means(s *Session) bool {
	return (w.ID == "" || w.ID == s.ID) &&
		(w.User == "" || w.User == s.Identity().UserID) &&
		(w.Role == "" || slices.Contains(s.Identity().Roles, w.Role)) &&
		(w.Also == nil || w.Also(s))
}

// Select are the open sessions that are meant, in no order.
func (t *Table) Select(which Selector) []*Session {
	if which.ID != "" { // one look instead of a walk
		t.mu.Lock()
		s := t.open[which.ID]
		t.mu.Unlock()
		if s == nil || !which.means(s) {
			return nil
		}
		return []*Session{s}
	}
	return slices.DeleteFunc(t.list(), func(s *Session) bool { return !which.means(s) })
}

// Page are the first sessions, by id, of those that are meant and come after the
// id; at most limit. more tells whether others follow.
func (t *Table) Page(which Selector, after string, limit int) (page []*Session, more bool) {
	found := slices.DeleteFunc(t.Select(which), func(s *Session) bool { return s.ID <= after })
	slices.SortFunc(found, func(a, b *Session) int { return cmp.Compare(a.ID, b.ID) })
	if len(found) > limit {
		return found[:limit], true
	}
	return found, false
}
