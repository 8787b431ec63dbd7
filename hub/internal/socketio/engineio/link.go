package engineio

import (
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"

	"github.com/realtime-hub/hub/hub/internal/socketio"
	"github.com/realtime-hub/hub/hub/internal/wire"
)

// link is one Engine.IO connection. There are many thousands: a field costs.
type link struct {
	server   *Server           // static
	conn     *wire.Conn        // static after newLink
	receiver socketio.Receiver // static after newLink

	mu   sync.Mutex
	poll *poll // guarded by mu; nil where the transport is a WebSocket
}

var (
	_ socketio.Link = (*link)(nil)
	_ wire.Handler  = (*link)(nil)
)

// newLink begins a link in the seat that was reserved for it. p is nil for a
// WebSocket. An Acceptor that panics gets no link: this one is at its end.
func (s *Server) newLink(p *poll, req *socketio.Request) (l *link, accepted bool) {
	l = &link{server: s, poll: p, receiver: nobody{}}
	l.mu.Lock() // Closed waits for it
	defer l.mu.Unlock()
	if p != nil {
		s.register(p.sid, l) // before it can end: Closed forgets it
	}
	l.conn = s.cfg.Wire.Open(l, true)
	defer func() { // the results are what they are then: the link, and false
		if r := recover(); r != nil {
			s.cfg.Log.Error("a link could not be accepted", recovered(r)...)
			l.conn.Abort(wire.ReasonInternal)
		}
	}()
	l.receiver = s.cfg.Acceptor.Accept(l, req)
	return l, true
}

// recovered is what the log has of a panic. No sid is in a stack.
func recovered(r any) []any {
	return []any{slog.String("panic", fmt.Sprint(r)), slog.String("stack", string(debug.Stack()))}
}

// nobody receives what comes over a link that was not accepted.
type nobody struct{}

func (nobody) Message([]byte) bool { return true }
func (nobody) Binary() bool        { return true }
func (nobody) Violated(string)     {}
func (nobody) Closed(wire.Reason)  {}

// Conn implements socketio.Link.
func (l *link) Conn() *wire.Conn { return l.conn }

// Resume implements socketio.Link.
func (l *link) Resume() {
	if p := l.polled(); p != nil {
		p.signal()
	}
	l.conn.Resume()
}

// Transport implements socketio.Link.
func (l *link) Transport() string {
	if l.polled() != nil {
		return socketio.Polling
	}
	return socketio.WebSocket
}

// Message implements wire.Handler: a packet on a WebSocket.
func (l *link) Message(data []byte, binary bool) (more bool) {
	if binary {
		return l.receiver.Binary()
	}
	if len(data) == 0 {
		l.receiver.Violated("an empty packet")
		return false
	}
	switch data[0] {
	case socketio.Message:
		return l.receiver.Message(data[1:])
	case '3':
		l.conn.Pong()
	case '1':
		l.conn.End()
		return false // what comes behind it is not looked at
	case '6': // a noop
	default: // open and ping are the server's, an upgrade has happened already
		l.receiver.Violated("not a packet that a browser sends")
		return false
	}
	return true
}

// Malformed implements wire.Handler.
func (l *link) Malformed() { l.receiver.Violated("text that is not UTF-8") }

// Closed implements wire.Handler.
func (l *link) Closed(why wire.Reason) {
	if p := l.polled(); p != nil {
		l.server.forget(p.sid)
		p.end()
	}
	l.server.seats.Add(-1)
	l.receiver.Closed(why)
}

// polled is the link's polling, or nil.
func (l *link) polled() *poll {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.poll
}

// upgraded makes a WebSocket the link's transport: its sid is nobody's now.
func (l *link) upgraded() {
	l.mu.Lock()
	p := l.poll
	l.poll = nil
	l.mu.Unlock()
	l.server.forget(p.sid)
}
