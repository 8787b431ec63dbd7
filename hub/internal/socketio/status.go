package socketio

import (
	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/fault"
	"github.com/realtime-hub/hub/hub/internal/session"
	"github.com/realtime-hub/hub/hub/internal/wire"
)

// Status implements session.Conn.
func (c *conn) Status(tell func(session.Status)) {
	transport := c.link.Transport()
	c.out.Status(func(s wire.Status) {
		tell(session.Status{Transport: transport, Backlog: s.Backlog, LastDrop: s.Skipped})
	})
}

// Unsubscribe implements session.Conn. It waits its turn among what the browser
// asked: a subscription that was asked for before it ends too.
func (c *conn) Unsubscribe(channel string, why *fault.Error, done func(was bool)) {
	accepted := c.inbox.Do(session.Func(func() {
		was := false
		defer func() { done(was) }() // whatever happens: somebody waits for it
		c.guarded(func() { was = c.unsubscribe(channel, "ended by an operator", why) })
	}))
	if !accepted { // the session has left everywhere
		done(false)
	}
}

// unsubscribe ends a subscription that the hub does not want any more, and tells
// whether there was one. cause is what workers hear.
func (c *conn) unsubscribe(channel, cause string, why *fault.Error) (was bool) {
	if c.ended.Load() || !c.door.cfg.Subscriptions.Holds(c.session, channel) {
		return false
	}
	if err := c.door.cfg.Subscriptions.Leave(c.session, channel, func(*hubv1.UnsubscribeResult) {
		c.out.Leave(channel, eventFrame("hub:unsubscribed", &hubv1.Unsubscribed{Channel: channel, Error: why.Proto()}))
	}); err != nil {
		c.door.cfg.Log.Error("a subscription could not be ended", "session", c.session.ID, "channel", channel, "error", err)
		return false
	}
	c.tell(hubv1.SessionEventKind_SESSION_EVENT_KIND_UNSUBSCRIBED, channel, cause)
	return true
}
