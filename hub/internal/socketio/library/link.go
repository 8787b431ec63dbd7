package library

import (
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/zishang520/socket.io/parsers/engine/v3/packet"
	"github.com/zishang520/socket.io/servers/engine/v3"

	"github.com/realtime-hub/hub/hub/internal/socketio"
	"github.com/realtime-hub/hub/hub/internal/wire"
)

// link is one of the library's sockets, as the door has it. What goes to the
// browser waits in wire; what comes from it is read by the library.
//
// Batches do not go through the socket's own buffer, which sends the first
// message of a batch in one poll and the rest in the next, and mixes up its
// callbacks at an upgrade: the link offers each batch to the transport when
// that is ready for it, after the library had its turn with a ping.
type link struct {
	server   *Server           // static
	socket   engine.Socket     // static
	version  string            // static; Engine.IO's
	conn     *wire.Conn        // static after connection
	receiver socketio.Receiver // static after connection; nil where Accept failed
	room     chan struct{}     // static; of one: reading may go on
	done     chan struct{}     // static; closed when wire has ended the link
	drained  chan struct{}     // static; closed then, when the last batch is written
	over     chan struct{}     // static; closed when the library has ended the socket

	upgrade   sync.Mutex   // held by a WebSocket's handshake for this link
	receiving sync.Mutex   // held while receiver is called
	unsent    atomic.Int32 // the library's own packets that wait

	mu      sync.Mutex
	carrier *carrier            // guarded by mu
	asked   bool                // guarded by mu; wire is to give the next batch
	batch   *batch              // guarded by mu; taken, not written yet
	flying  bool                // guarded by mu; the transport has it
	visits  map[*visit]struct{} // guarded by mu; requests that may wait
	closed  bool                // guarded by mu; wire has ended the link
}

var (
	_ socketio.Link = (*link)(nil)
	_ wire.Handler  = (*link)(nil)
)

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
		server: s, socket: socket, version: v.asked.Version, carrier: c,
		room: make(chan struct{}, 1), done: make(chan struct{}),
		drained: make(chan struct{}), over: make(chan struct{}),
		visits: map[*visit]struct{}{v: {}},
	}
	v.link = l
	closing := s.add(l)
	_ = c.On("ready", func(...any) { l.pump() })
	_ = socket.On("message", l.message)
	_ = socket.On("packetCreate", l.created)
	_ = socket.On("flush", func(...any) { l.unsent.Store(0) })
	_ = socket.On("upgrade", l.upgraded)
	_ = socket.Once("close", l.closeEvent)
	l.accept(v)
	if socket.ReadyState() == "closed" {
		l.conn.Abort(wire.ReasonGone) // before anybody listened
	}
	if closing {
		l.conn.End()
	}
	l.pump()
}

// add makes the link known, and tells whether the server is closing.
func (s *Server) add(l *link) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.links[l.socket.Id()] = l
	s.served.Begin()
	l.conn = s.cfg.Wire.Open(l, false) // the library has a heartbeat; Closed waits for mu
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
		l.conn.Abort(wire.ReasonInternal)
	}
}

// maxUnsent is how many packets of the library's own may wait for a browser:
// its pongs, which Engine.IO 3's clients ask for, have no bound of their own.
const maxUnsent = 16

// created is the library's event of a packet that it is about to queue.
func (l *link) created(...any) {
	if l.unsent.Add(1) > maxUnsent {
		l.conn.Abort(wire.ReasonBacklog)
	}
}

// message is the library's event of a message. It runs on the goroutine that
// reads the link: the WebSocket's own, or the POST's. While the receiver wants
// no more, this link is not read, and no other one notices.
func (l *link) message(args ...any) {
	if l.receive(args) {
		return
	}
	select {
	case <-l.room:
	case <-l.done:
	}
}

func (l *link) receive(args []any) (more bool) {
	l.receiving.Lock()
	defer l.receiving.Unlock()
	if l.receiver == nil || l.gone() {
		return true
	}
	defer l.recovered("receiving a message")
	if text, ok := first[*stringBuffer](args); ok {
		return l.receiver.Message(text.Bytes())
	}
	return l.receiver.Binary()
}

// Message implements wire.Handler, which has no socket to read here.
func (l *link) Message([]byte, bool) bool { return true }

// Malformed implements wire.Handler, for the same reason.
func (l *link) Malformed() {}

// Conn implements socketio.Link.
func (l *link) Conn() *wire.Conn { return l.conn }

// Resume implements socketio.Link.
func (l *link) Resume() {
	select {
	case l.room <- struct{}{}:
	default:
	}
}

// Transport implements socketio.Link.
func (l *link) Transport() string { return l.current().Name() }

// upgraded is the library's event of a new transport, which is empty.
func (l *link) upgraded(args ...any) {
	c, ok := first[*carrier](args)
	if !ok {
		l.conn.Abort(wire.ReasonInternal)
		return
	}
	l.mu.Lock()
	old := l.carrier
	l.carrier = c
	l.mu.Unlock()
	_ = c.On("ready", func(...any) { l.pump() })
	// The library does not care any more what becomes of the last answer.
	_ = old.On("error", func(...any) {
		if !old.isSettled() {
			l.conn.Abort(wire.ReasonGone)
		}
	})
	// The library does not answer a poll that still waits.
	old.settle(l.dismiss)
	l.pump()
}

// violated ends a link whose browser sent what no browser sends.
func (l *link) violated() {
	l.current().OnPacket(&packet.Packet{Type: packet.ERROR})
}

func (l *link) current() *carrier {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.carrier
}

// enter notes a request that may wait, if there is still something for it.
func (l *link) enter(v *visit) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed && l.batch == nil {
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
