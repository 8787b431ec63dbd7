package subscription

import (
	"slices"
	"sync"
	"time"

	"github.com/tidwall/btree"
)

// crowd is who is present in one channel, and what its subscribers were not told
// yet. What they are told is the difference between two tellings: who joined and left
// in between is not worth a word, unless a page has shown it.
type crowd struct {
	of      *presence // static
	channel string    // static

	// order is held while something is told or shown, so that it reaches a
	// connection in the order in which it was read: a page of the past must not come
	// behind what was told since. It is locked before mu.
	order sync.RWMutex

	mu       sync.Mutex
	members  btree.Map[string, stay] // guarded by mu; by user id
	sessions int                     // guarded by mu; anonymous ones included
	nobodies int                     // guarded by mu; sessions without an identity
	changes  map[string]change       // guarded by mu; by user id, since the last telling; nil: none
	shown    uint64                  // guarded by mu; pages that were shown so far
	armed    bool                    // guarded by mu; a timer will tell
	quiet    time.Time               // guarded by mu; nothing is told before
	dead     bool                    // guarded by mu; presence does not know it any more
}

// change is that a user came or went since the last telling.
type change struct {
	was   bool   // the user was there then
	shown uint64 // the crowd's when the change began
	since int64  // when the user had joined; for those who are gone
}

// enter is false where the crowd is dead.
func (c *crowd) enter(user string, since int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dead {
		return false
	}
	c.sessions++
	if user == "" {
		c.nobodies++
		return true
	}
	s, here := c.members.Get(user)
	if here {
		s.add(since)
	} else {
		s = stay{since: since}
		c.of.metrics.members.Inc()
		c.note(user, true, since)
	}
	c.members.Set(user, s)
	return true
}

func (c *crowd) leave(user string, since int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sessions--
	if user == "" {
		c.nobodies--
		return
	}
	s, here := c.members.Get(user)
	switch {
	case !here:
	case s.more != nil:
		s.remove(since)
		c.members.Set(user, s)
	default:
		c.members.Delete(user)
		c.of.metrics.members.Dec()
		c.note(user, false, s.since)
	}
}

// note keeps that the user came or went, until it is told. One that is as before
// is not told, unless a page was shown meanwhile: it may have told otherwise. The
// caller holds mu.
func (c *crowd) note(user string, here bool, since int64) {
	before, changed := c.changes[user]
	switch {
	case !changed:
		if c.changes == nil {
			c.changes = make(map[string]change)
		}
		c.changes[user] = change{was: !here, shown: c.shown, since: since}
		c.arm()
	case before.was == here && before.shown == c.shown:
		delete(c.changes, user)
	default:
		before.since = since
		c.changes[user] = before
	}
}

// show is false where the crowd is dead.
func (c *crowd) show(after string, limit int, place func(Page)) bool {
	c.order.RLock()
	defer c.order.RUnlock()
	page, alive := c.page(after, limit)
	if alive {
		place(page)
	}
	return alive
}

func (c *crowd) page(after string, limit int) (page Page, alive bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.shown++
	page.Anonymous = c.nobodies
	page.Members = make([]Member, 0, min(limit, c.members.Len()))
	bytes, first := 0, true
	c.members.Ascend(after, func(user string, s stay) bool {
		if first {
			if first = false; user == after {
				return true
			}
		}
		if len(page.Members) == limit || bytes+len(user) > maxMemberBytes {
			page.Next = page.Members[len(page.Members)-1].UserID
			return false
		}
		bytes += len(user)
		page.Members = append(page.Members, s.member(user))
		return true
	})
	return page, !c.dead
}

// stay is how long a user has been here. Most have one session.
type stay struct {
	since int64    // when the first session joined, Unix ms
	more  *[]int64 // when the others did, in order; nil: there are none
}

func (s *stay) add(at int64) {
	if s.more == nil {
		s.more = new([]int64)
	}
	if at < s.since { // a clock was set
		at, s.since = s.since, at
	}
	i, _ := slices.BinarySearch(*s.more, at)
	*s.more = slices.Insert(*s.more, i, at)
}

// remove takes one of several sessions back.
func (s *stay) remove(at int64) {
	i := 0
	if at == s.since {
		s.since = (*s.more)[0]
	} else {
		i, _ = slices.BinarySearch(*s.more, at)
	}
	if *s.more = slices.Delete(*s.more, i, i+1); len(*s.more) == 0 {
		s.more = nil
	}
}

func (s *stay) member(user string) Member {
	m := Member{UserID: user, Sessions: 1, Since: time.UnixMilli(s.since)}
	if s.more != nil {
		m.Sessions += len(*s.more)
	}
	return m
}
