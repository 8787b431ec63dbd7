package socketio

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"google.golang.org/protobuf/proto"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/fault"
	"github.com/realtime-hub/hub/hub/internal/session"
	"github.com/realtime-hub/hub/hub/internal/wire"
)

// conn is one link, before, during and after the session it carries.
type conn struct {
	door    *Door          // static
	link    Link           // static
	req     *Request       // static
	inbox   *session.Inbox // static
	out     *wire.Conn     // static
	timeout *time.Timer    // static; closes a link that stays without a session

	session     *session.Session // owned by the inbox; nil before CONNECT
	attachments int              // owned by the inbox; binary messages of a refused packet still to come
	failures    failures         // owned by the inbox
	reminded    bool             // owned by the inbox; a timer will tell of failures
}

var (
	_ Receiver     = (*conn)(nil)
	_ session.Conn = (*conn)(nil)
)

func newConn(d *Door, link Link, req *Request) *conn {
	c := &conn{door: d, link: link, req: req, inbox: session.NewInbox(d.cfg.Pool)}
	c.out = d.cfg.Wire.Open(link, c.dropped)
	c.timeout = time.AfterFunc(d.cfg.ConnectTimeout, link.Close)
	return c
}

// Message implements Receiver.
func (c *conn) Message(data []byte) {
	c.inbox.Submit(len(data), func() { c.guarded(func() { c.packet(data) }) })
}

// Binary implements Receiver.
func (c *conn) Binary() { c.inbox.Submit(0, func() { c.guarded(c.binary) }) }

// Closed implements Receiver. Deliveries stop now; the session leaves when
// what it asked before has been handled.
func (c *conn) Closed(reason string) {
	c.timeout.Stop()
	c.out.Gone()
	c.inbox.Close(func() { c.leave(reason) })
}

// End implements session.Conn.
func (c *conn) End(why *fault.Error, again bool) {
	var frames []wire.Frame
	if why.Reason == fault.Draining {
		frames = append(frames, eventFrame("hub:draining", &hubv1.DrainingNotice{ReconnectInMs: reconnectIn()}))
	}
	frames = append(frames, eventFrame("hub:ended", &hubv1.Ended{Error: why.Proto()}))
	if !again {
		frames = append(frames, disconnectFrame)
	}
	c.out.End(frames...)
}

// dropped hears that wire ended a connection that did not take its frames.
// The browser cannot be told; the operator's metric and log can.
func (c *conn) dropped(reason wire.Reason) {
	c.door.cfg.Log.Info("a slow connection was ended", "reason", string(reason), "remote", c.req.RemoteAddr)
}

func (c *conn) leave(reason string) {
	defer c.door.forget(c)
	if c.session == nil {
		return
	}
	c.door.cfg.Subscriptions.LeaveAll(c.session)
	c.door.cfg.Sessions.Remove(c.session)
	c.door.cfg.Metrics.sessions.Dec()
	c.door.cfg.Log.Debug("session closed", "session", c.session.ID, "cause", reason)
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
		c.attachments += p.attachments
		c.refuseBinary(p)
	case binaryAck:
		c.attachments += p.attachments
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
