package socketio

import (
	"time"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
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
	if c.ended.Load() || !c.door.cfg.Subscriptions.Holds(c.session, channel) {
		return
	}
	why := fault.New(fault.ScopeDenied, "the permission for the channel has ended; subscribe again")
	if err := c.door.cfg.Subscriptions.Leave(c.session, channel, func(*hubv1.UnsubscribeResult) {
		c.out.Leave(channel, eventFrame("hub:unsubscribed", &hubv1.Unsubscribed{Channel: channel, Error: why.Proto()}))
	}); err != nil {
		c.door.cfg.Log.Error("a permission could not be ended", "session", c.session.ID, "channel", channel, "error", err)
		return
	}
	c.tell(hubv1.SessionEventKind_SESSION_EVENT_KIND_UNSUBSCRIBED, channel, "permission ended")
}
