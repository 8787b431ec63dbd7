package socketio

import (
	"container/list"
	"context"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
	"google.golang.org/protobuf/proto"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/fault"
	"github.com/realtime-hub/hub/hub/internal/session"
	"github.com/realtime-hub/hub/hub/internal/wire"
)

// conn is one link, before, during and after the session it carries. There
// are many thousands: a field costs.
type conn struct {
	door  *Door      // static
	link  Link       // static
	out   *wire.Conn // static
	inbox session.Inbox

	place *list.Element // guarded by the lobby's mu; where it waits for CONNECT
	ended atomic.Bool   // the hub has ended it; what still comes is not looked at

	// The rest is owned by the inbox.

	req         *Request         // until the session is open: nobody looks at it any more
	session     *session.Session // nil before CONNECT
	failures    failures
	permits     map[string]time.Time     // until when subscriptions are permitted that are so for a time
	rates       map[string]*rate.Limiter // by declared name; nil: nothing was sent yet
	attachments int32                    // binary messages of a refused packet still to come
	reminded    bool                     // a timer will tell of failures
}

var (
	_ Receiver      = (*conn)(nil)
	_ session.Conn  = (*conn)(nil)
	_ session.Owner = (*conn)(nil)
)

func newConn(d *Door, link Link, req *Request) *conn {
	c := &conn{door: d, link: link, out: link.Conn(), req: req}
	c.inbox.Init(d.cfg.Pool, c)
	return c
}

// Tasks of a connection's inbox. Each is the connection itself under another
// name, so that queueing one allocates nothing.
type (
	packetTask conn
	binaryTask conn
)

// Do implements session.Task.
func (t *packetTask) Do(data []byte) { c := (*conn)(t); c.guarded(func() { c.packet(data) }) }

// Do implements session.Task.
func (t *binaryTask) Do([]byte) { c := (*conn)(t); c.guarded(c.binary) }

// Message implements Receiver.
func (c *conn) Message(data []byte) (more bool) {
	return c.inbox.Submit((*packetTask)(c), append([]byte(nil), data...))
}

// Binary implements Receiver.
func (c *conn) Binary() (more bool) { return c.inbox.Submit((*binaryTask)(c), nil) }

// Violated implements Receiver.
func (c *conn) Violated(what string) {
	c.inbox.Submit(session.Func(func() { c.guarded(func() { c.violate(what) }) }), nil)
}

// Room implements session.Owner.
func (c *conn) Room() { c.link.Resume() }

// Closed implements Receiver. Deliveries have stopped; the session leaves when
// what it asked before has been handled.
func (c *conn) Closed(why wire.Reason) {
	c.inbox.Close(session.Func(func() { c.leave(why) }))
}

// End implements session.Conn.
func (c *conn) End(why *fault.Error, again bool) {
	c.ended.Store(true)
	var frames []*wire.Frame
	if why.Reason == fault.Draining {
		frames = append(frames, eventFrame("hub:draining", &hubv1.DrainingNotice{ReconnectInMs: reconnectIn()}))
	}
	frames = append(frames, eventFrame("hub:ended", &hubv1.Ended{Error: why.Proto()}))
	if !again {
		frames = append(frames, disconnectFrame)
	}
	c.out.End(frames...)
}

func (c *conn) leave(why wire.Reason) {
	defer c.door.forget(c)
	if c.session == nil {
		return
	}
	if why.Dropped() { // the browser could not be told; the operator's metric and log are
		c.door.cfg.Log.Info("a slow session was ended", "session", c.session.ID, "reason", why.String(), "remote", c.session.Remote)
	}
	c.door.cfg.Subscriptions.LeaveAll(c.session)
	c.tell(hubv1.SessionEventKind_SESSION_EVENT_KIND_DISCONNECTED, "", why.String())
	c.door.cfg.Sessions.Remove(c.session)
	c.door.cfg.Metrics.sessions.Dec()
	c.door.cfg.Log.Debug("session closed", "session", c.session.ID, "cause", why.String())
}

// guarded makes a panic the end of this connection and of nothing else.
func (c *conn) guarded(run func()) {
	defer func() {
		if r := recover(); r != nil {
			c.door.cfg.Log.Error("a packet panicked", "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
			c.End(fault.New(fault.Internal, "internal error; the hub's log has the detail"), true)
		}
	}()
	run()
}

// packet handles one message of the link.
func (c *conn) packet(data []byte) {
	if c.ended.Load() {
		return
	}
	p, err := parsePacket(data)
	if err != nil {
		c.violate("not a Socket.IO packet")
		return
	}
	if p.kind == connect {
		c.connect(context.Background(), p)
		return
	}
	if c.session == nil || p.namespace != "/" {
		c.violate("a packet for a namespace that is not connected")
		return
	}
	switch p.kind {
	case event:
		c.event(context.Background(), p)
	case binaryEvent:
		c.attachments += int32(p.attachments) //nolint:gosec // at most maxAttachments
		c.refuseBinary(p)
	case binaryAck:
		c.attachments += int32(p.attachments) //nolint:gosec // as above
	case ack:
		// The hub asks for no acks, so there is nothing that this one answers.
	case disconnect:
		c.out.End()
	default:
		c.violate("a packet that only servers send")
	}
}

// binary handles a binary message: an attachment of a packet that was refused,
// or something that cannot be.
func (c *conn) binary() {
	if c.attachments == 0 {
		c.violate("binary data; the hub carries JSON")
		return
	}
	c.attachments--
}

// violate ends a connection that does not speak the protocol.
func (c *conn) violate(what string) {
	c.door.cfg.Metrics.violations.Inc()
	if c.session == nil {
		c.out.End()
		return
	}
	c.End(fault.New(fault.RequestInvalid, what), true)
}

func (c *conn) send(name string, m proto.Message) { c.out.Send(eventFrame(name, m)) }
