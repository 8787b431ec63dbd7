package library

import (
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/zishang520/socket.io/parsers/engine/v3/packet"
	"github.com/zishang520/socket.io/servers/engine/v3"

	"github.com/realtime-hub/hub/hub/internal/socketio"
)

// link is one of the library's sockets, as the door has it.
//
// Batches do not go through the socket's own buffer, which sends the first
// message of a batch in one poll and the rest in the next, and mixes up its
// callbacks at an upgrade: the link offers each batch to the transport when
// that is ready for it, after the library had its turn with a ping.
type link struct {
	server   *Server           // static
	socket   engine.Socket     // static
	receiver socketio.Receiver // static after connection; nil where Accept failed

	upgrade   sync.Mutex // held by a WebSocket's handshake for this link
	receiving sync.Mutex // held while receiver is called

	mu      sync.Mutex
	carrier *carrier            // guarded by mu
	queue   []*batch            // guarded by mu; not sent yet
	flying  map[*batch]struct{} // guarded by mu; sent, not written yet
	visits  map[*visit]struct{} // guarded by mu; requests that may wait
	closing *time.Timer         // guarded by mu; set by the first Close
	closed  bool                // guarded by mu
}

var _ socketio.Link = (*link)(nil)

// connection is the library's event of a new socket. The library reads nothing
// from it and answers no request of it before this returns.
func (s *Server) connection(args ...any) {
	socket, ok := first[engine.Socket](args)
	if !ok {
		return
	}
	c, isCarrier := socket.Transport().(*carrier)
	v := visitOf(socket.Request())
	if !isCarrier || v == nil {
		s.cfg.Log.Error("a socket of unknown origin was closed")
		socket.Close(true)
		return
	}
	l := &link{
		server: s, socket: socket, carrier: c,
		flying: make(map[*batch]struct{}),
		visits: map[*visit]struct{}{v: {}},
	}
	v.link = l
	closing := s.add(l)
	_ = c.On("ready", func(...any) { l.pump() })
	_ = socket.On("message", l.message)
	_ = socket.On("upgrade", l.upgraded)
	_ = socket.Once("close", l.closeEvent)
	l.accept(v)
	if socket.ReadyState() == "closed" {
		l.ended("transport close") // before anybody listened
	}
	if closing {
		l.Close()
	}
}

// add makes the link known, and tells whether the server is closing.
func (s *Server) add(l *link) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.links[l.socket.Id()] = l
	s.busy++
	return s.closed
}

// accept asks the door. Closed cannot come before it has answered.
func (l *link) accept(v *visit) {
	l.receiving.Lock()
	defer l.receiving.Unlock()
	defer l.recovered("accepting a link")
	l.receiver = l.server.cfg.Acceptor.Accept(l, v.request())
	if l.receiver == nil {
		panic("the Acceptor gave no Receiver")
	}
}

// recovered makes a panic of the door's the end of this link and of nothing
// else. It is deferred.
func (l *link) recovered(doing string) {
	if p := recover(); p != nil {
		l.server.cfg.Log.Error("a link's callback panicked", "doing", doing, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		l.force()
	}
}

// message is the library's event of a message. It runs on the goroutine that
// reads the link: the WebSocket's own, or the POST's. Blocking it stops that
// reading and nothing else.
func (l *link) message(args ...any) {
	l.receiving.Lock()
	defer l.receiving.Unlock()
	if l.receiver == nil || l.ending() {
		return
	}
	defer l.recovered("receiving a message")
	if text, ok := first[*stringBuffer](args); ok {
		l.receiver.Message(text.Bytes())
		return
	}
	l.receiver.Binary()
}

// upgraded is the library's event of a new transport, which is empty.
func (l *link) upgraded(args ...any) {
	c, ok := first[*carrier](args)
	if !ok {
		l.force()
		return
	}
	l.mu.Lock()
	old := l.carrier
	l.carrier = c
	l.mu.Unlock()
	_ = c.On("ready", func(...any) { l.pump() })
	// The library does not answer a poll that still waits.
	old.settle(l.dismiss)
	l.pump()
}

// closeEvent is the library's event of the socket's end.
func (l *link) closeEvent(args ...any) {
	reason, _ := first[string](args)
	l.ended(reason)
}

// violated ends a link whose browser sent what no browser sends.
func (l *link) violated() {
	l.current().OnPacket(&packet.Packet{Type: packet.ERROR})
}

// Transport implements socketio.Link.
func (l *link) Transport() string { return l.current().Name() }

func (l *link) current() *carrier {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.carrier
}

// enter notes a request that may wait, if the link is still open.
func (l *link) enter(v *visit) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.visits[v] = struct{}{}
	return true
}

func (l *link) leave(v *visit) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.visits, v)
}

// dismiss ends every request that waits.
func (l *link) dismiss() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for v := range l.visits {
		v.cancel()
	}
}

// first is a callback's first argument, if it is of type T.
func first[T any](args []any) (T, bool) {
	if len(args) == 0 {
		var none T
		return none, false
	}
	v, ok := args[0].(T)
	return v, ok
}
