package subscription

import (
	"sync"
	"time"

	"github.com/realtime-hub/hub/hub/internal/fault"
	"github.com/realtime-hub/hub/hub/internal/session"
	"github.com/realtime-hub/hub/hub/schema"
)

// Bounds of what is shown at once: contract §2's page, and the same for an event.
const (
	maxMembers = 1000
	// maxMemberBytes is of user ids, which have up to 256 bytes: a page or an event
	// stays well below a quarter of what may wait for a browser.
	maxMemberBytes = 64 << 10
)

// Member is one user in a channel, whatever the number of the user's sessions.
type Member struct {
	UserID string
	// Sessions are those that are subscribed; none where the user has left.
	Sessions int
	// Since is when the first of them joined; where the user has left, the last.
	Since time.Time
}

// Page is a part of a channel's members, by user id.
type Page struct {
	Members []Member
	// Anonymous is how many sessions without an identity are subscribed.
	Anonymous int
	// Next is the next page's cursor. Empty: this was the last.
	Next string
}

// Audience tells a channel's subscribers what became of its presence. Its calls
// for one channel come one after the other; they must not block.
type Audience interface {
	// Changed tells who joined and left, each list of at most a page.
	Changed(channel string, joined, left []Member)
	// Unsettled tells that more changed than is told.
	Unsettled(channel string)
}

// Members shows a page of who is in the channel to place: those after the cursor,
// which is a user id, present or not; limit is in members, 0 a hundred. place must
// not block. What it is shown is in order with the Audience's calls: what was told
// before, the page contains, and all that it does not contain is told later. Who may
// read it is the caller's to ask.
func (v *Service) Members(match schema.Match, cursor string, limit int, place func(Page)) error {
	if match.Options.GetPresence() == nil {
		return fault.New(fault.NotEnabled, "the channel's declaration has no presence", "channel", match.Name)
	}
	if limit <= 0 {
		limit = defaultPage
	}
	v.presence.show(match.Name, cursor, min(limit, maxMembers), place)
	return nil
}

// appear makes s one of those who are present, where the channel's declaration
// says so. The subscription keeps that it did: the declaration may change before
// the session leaves.
func (v *Service) appear(s *session.Session, match schema.Match) {
	if match.Options.GetPresence() == nil {
		return
	}
	now := time.Now().UnixMilli()
	if v.mark(s, match.Name, now) {
		v.presence.enter(match.Name, s.Identity().UserID, now)
	}
}

func (v *Service) declaresPresence(name string) bool {
	match, err := v.cfg.Schema.Snapshot().Match(name)
	return err == nil && match.Options.GetPresence() != nil
}

// mark notes since when the subscription is one of presence. It is false where
// it was one.
func (v *Service) mark(s *session.Session, name string, since int64) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	i := find(v.held[s], name)
	if i < 0 || v.held[s][i].present != 0 {
		return false
	}
	v.held[s][i].present = since
	return true
}

// vanish takes a subscription's part of presence back.
func (v *Service) vanish(s *session.Session, held subscription) {
	if held.present != 0 {
		v.presence.leave(held.channel, s.Identity().UserID, held.present)
	}
}

// presence is who is in the channels that declare it. A channel nobody is in has
// no memory. enter and leave are the only ways in: what another node has to
// say of its part will come by them too.
type presence struct {
	audience Audience               // static; nil: nobody is told
	declared func(name string) bool // static; whether the channel declares presence now
	metrics  *Metrics               // static

	mu     sync.Mutex
	crowds map[string]*crowd // guarded by mu; by concrete name
}

// lookup is the channel's crowd; nil where there is none and none is made.
func (p *presence) lookup(channel string, needed bool) *crowd {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.crowds[channel]
	if c == nil && needed {
		c = &crowd{of: p, channel: channel}
		p.crowds[channel] = c
	}
	return c
}

// enter adds a session of the user's; an empty user id is nobody's.
func (p *presence) enter(channel, user string, since int64) {
	for {
		if p.lookup(channel, true).enter(user, since) {
			return
		}
	}
}

// leave takes a session back that entered at since.
func (p *presence) leave(channel, user string, since int64) {
	if c := p.lookup(channel, false); c != nil { // which lives: the session is in it
		c.leave(user, since)
		p.tidy(c)
	}
}

// show has a page placed between two tellings. Pages are shown side by side.
func (p *presence) show(channel, after string, limit int, place func(Page)) {
	for {
		c := p.lookup(channel, false)
		if c == nil {
			place(Page{})
			return
		}
		if c.show(after, limit, place) {
			return
		}
	}
}

// tidy forgets a crowd that nobody is in, and that has nothing left to tell.
func (p *presence) tidy(c *crowd) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sessions == 0 && !c.armed && !c.dead {
		c.dead = true
		delete(p.crowds, c.channel)
	}
}
