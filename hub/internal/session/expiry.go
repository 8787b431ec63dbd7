package session

import (
	"container/heap"
	"time"
)

// expiries is a heap of the sessions whose identity ends, the next to look at first:
// one look a second instead of a timer for each session.
type expiries []*Session

func (e *expiries) add(s *Session) { heap.Push(e, s) }

func (e *expiries) remove(s *Session) {
	if s.due >= 0 {
		heap.Remove(e, s.due)
	}
}

// pop is a session that is to be looked at by now, or nil.
func (e *expiries) pop(now time.Time) *Session {
	if len(*e) == 0 || (*e)[0].next.After(now) {
		return nil
	}
	return heap.Pop(e).(*Session) //nolint:forcetypeassert // only sessions are pushed
}

// Len, Less, Swap, Push and Pop are heap.Interface's.
func (e expiries) Len() int { return len(e) }

func (e expiries) Less(i, j int) bool {
	return e[i].next.Before(e[j].next)
}

func (e expiries) Swap(i, j int) {
	e[i], e[j] = e[j], e[i]
	e[i].due, e[j].due = i, j
}

func (e *expiries) Push(x any) {
	s := x.(*Session) //nolint:forcetypeassert // heap.Push is called with sessions alone
	s.due = len(*e)
	*e = append(*e, s)
}

func (e *expiries) Pop() any {
	old := *e
	last := len(old) - 1
	s := old[last]
	old[last] = nil
	*e = old[:last]
	s.due = -1
	return s
}
