package socketio

import (
	"context"

	"github.com/realtime-hub/hub/hub/internal/gate"
	"github.com/realtime-hub/hub/hub/internal/session"
	"github.com/realtime-hub/hub/hub/internal/wire"
)

// The dialect of Socket.IO 2's clients: protocol 4 over Engine.IO 3. Events,
// acks and refusals read the same; the birth of a session does not. The server
// connects a link's client to / unasked, CONNECT has neither an auth object nor
// the session's id, and a refused client cannot ask again: its link ends when
// the time for CONNECT is over, and then it comes back by itself.

// engineOf2 is the Engine.IO version of Socket.IO 2.
const engineOf2 = "3"

// of2 tells whether the link's client is of Socket.IO 2.
func (r *Request) of2() bool { return r.Version == engineOf2 }

// greet begins a session where the client does not ask for it. It comes before
// everything that the browser sends.
func (c *conn) greet() {
	c.inbox.Submit(session.Func(func() {
		c.guarded(func() {
			if !c.ended.Load() {
				c.connect(context.Background(), packet{kind: connect, namespace: "/"})
			}
		})
	}), nil)
}

// accepted is the CONNECT that tells the client that it has its session.
func (r *Request) accepted(session string) *wire.Frame {
	if r.of2() {
		return bareConnectFrame
	}
	return connectFrame(session)
}

var bareConnectFrame = wire.NewFrame(begin(connect, 0)) //nolint:gochecknoglobals // a frame never changes

// present adds the token of the handshake's query, where the protocol has no
// other place for one that a page can reach.
func (r *Request) present(out *gate.Credentials) {
	if r.of2() && r.Token != "" {
		out.Token, out.HasToken = r.Token, true
	}
}
