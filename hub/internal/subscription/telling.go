package subscription

import (
	"cmp"
	"slices"
	"time"
)

// Telling a channel's members of each other costs members times changes: a hub that
// tells all of 100,000 who reconnect of each other would tell ten billion. So tellings
// are paced by what they cost, and beyond a bound the members are told that it
// was too much.
const (
	// tellAfter is how long changes are gathered: below what is felt as a delay, and
	// a burst of joins is one event.
	tellAfter = 250 * time.Millisecond
	// tellRate is how many changes one channel's sessions are told in a second, all
	// together: some 300 MB of events.
	tellRate = 4_000_000
	// tellLeast is what an event costs, whatever is in it, in changes: as a write.
	tellLeast = 100
	// maxTold is how many changes all sessions are told at once, and maxChanges how
	// many one is, which must fit into its backlog. Beyond that they are told none.
	maxTold    = 10_000_000
	maxChanges = 10 * maxMembers
	// askRate is how many sessions a second may come to ask for a page, because
	// they were told none.
	askRate = 4_000
)

// arm has a timer tell what has changed: at once as far as people can see,
// later where the last telling was dear. The caller holds mu.
func (c *crowd) arm() {
	if !c.armed {
		c.armed = true
		time.AfterFunc(max(tellAfter, time.Until(c.quiet)), c.tell)
	}
}

// tell tells the subscribers what has changed.
func (c *crowd) tell() {
	c.tellInOrder()
	c.of.tidy(c)
}

func (c *crowd) tellInOrder() {
	c.order.Lock()
	defer c.order.Unlock()
	joined, left, settled := c.news()
	p := c.of
	switch {
	case p.audience == nil || !p.declared(c.channel):
	case !settled:
		p.metrics.told.WithLabelValues("gap").Inc()
		p.audience.Unsettled(c.channel)
	default:
		p.metrics.told.WithLabelValues("joined").Add(float64(len(joined)))
		p.metrics.told.WithLabelValues("left").Add(float64(len(left)))
		for len(joined)+len(left) > 0 {
			p.audience.Changed(c.channel, cut(&joined), cut(&left))
		}
	}
}

// news is what has changed since it was called last, by user id; it is not settled
// where that is more than is told.
func (c *crowd) news() (joined, left []Member, settled bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	changes := c.changes
	c.changes, c.armed = nil, false
	if len(changes) == 0 {
		return nil, nil, true
	}
	now := time.Now()
	if len(changes) > maxChanges || len(changes)*c.sessions > maxTold {
		c.quiet = now.Add(max(10*tellAfter, inSeconds(c.sessions, askRate)))
		return nil, nil, false
	}
	c.quiet = now.Add(inSeconds(max(len(changes), tellLeast)*c.sessions, tellRate))
	for user, ch := range changes {
		if s, here := c.members.Get(user); here {
			joined = append(joined, s.member(user))
		} else {
			left = append(left, Member{UserID: user, Since: time.UnixMilli(ch.since)})
		}
	}
	byUser := func(a, b Member) int { return cmp.Compare(a.UserID, b.UserID) }
	slices.SortFunc(joined, byUser)
	slices.SortFunc(left, byUser)
	return joined, left, true
}

// inSeconds is how long n take at a rate.
func inSeconds(n, rate int) time.Duration {
	return time.Duration(float64(n) / float64(rate) * float64(time.Second))
}

// cut takes a page off a list's beginning.
func cut(list *[]Member) (page []Member) {
	n, bytes := 0, 0
	for n < min(len(*list), maxMembers) {
		if bytes += len((*list)[n].UserID); bytes > maxMemberBytes {
			break
		}
		n++
	}
	page, *list = (*list)[:n], (*list)[n:]
	return page
}
