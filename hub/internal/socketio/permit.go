package socketio

import (
	"time"

	"github.com/realtime-hub/hub/hub/internal/fault"
	"github.com/realtime-hub/hub/hub/internal/session"
)

// permit notes until when a worker lets the session be in a channel; zero: it
// did not say. Asking again renews it.
func (c *conn) permit(channel string, until time.Time) {
	if until.IsZero() {
		delete(c.permits, channel)
		return
	}
	if c.permits == nil {
		c.permits = make(map[string]time.Time)
	}
	c.permits[channel] = until
	// One timer for a decision: they are few, and a closed inbox takes nothing.
	time.AfterFunc(time.Until(until), func() {
		c.inbox.Submit(session.Func(func() { c.guarded(func() { c.lapse(channel) }) }), nil)
	})
}

// lapse ends a subscription whose permission has ended.
func (c *conn) lapse(channel string) {
	until, limited := c.permits[channel]
	if !limited || time.Now().Before(until) { // renewed meanwhile, or given without an end
		return
	}
	delete(c.permits, channel)
	c.unsubscribe(channel, "permission ended", fault.New(fault.ScopeDenied, "the permission for the channel has ended; subscribe again"))
}
