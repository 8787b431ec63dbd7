package library

import (
	"errors"
	"time"

	"github.com/realtime-hub/hub/hub/internal/wire"
)

// closeTimeout bounds the flush of what the transport has when a link ends.
const closeTimeout = 5 * time.Second

// closeEvent is the library's event of the socket's end: why, and the error.
func (l *link) closeEvent(args ...any) {
	why, _ := first[string](args)
	err, _ := first[error](args[min(1, len(args)):])
	l.conn.Abort(reason(why, err))
	close(l.over)
}

// reason is why the library closed a socket.
func reason(why string, err error) wire.Reason {
	switch {
	case why == "ping timeout":
		return wire.ReasonPing
	case why == "parse error":
		return wire.ReasonProtocol
	case errors.Is(err, errStalled):
		return wire.ReasonStalled
	default: // transport close, transport error
		return wire.ReasonGone
	}
}

// gone tells whether the link is closed.
func (l *link) gone() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed
}

// Closed implements wire.Handler: whoever found the end, here everything is
// let go of, once.
func (l *link) Closed(why wire.Reason) {
	l.mu.Lock()
	l.closed = true
	if why != wire.ReasonClosed {
		l.batch, l.flying = nil, false
	}
	drained := l.batch == nil
	l.mu.Unlock()
	close(l.done)
	if drained {
		close(l.drained)
	}
	l.tell(why)
	l.server.leaveSeat()
	// Not here: the library's closing calls listeners, and waits for locks.
	l.server.run(func() { l.bury(why == wire.ReasonClosed) })
	l.server.served.End()
}

// tell has the receiver know, behind the last message.
func (l *link) tell(why wire.Reason) {
	l.receiving.Lock()
	defer l.receiving.Unlock()
	if l.receiver != nil {
		defer l.recovered("closing a link")
		l.receiver.Closed(why)
	}
}

// bury ends the library's socket, and the requests that wait for it.
func (l *link) bury(orderly bool) {
	if orderly {
		l.part()
	}
	l.socket.Close(true)
	l.server.drop(l)
	l.dismiss()
}

// part has the last batch written, and tells a WebSocket's browser, which then
// closes from its side, so that nothing it has not read yet is lost. Each has
// its bound. A polling browser has its answer.
func (l *link) part() {
	bound := time.After(closeTimeout)
	select {
	case <-l.drained:
	case <-l.over:
		return
	case <-bound:
		return
	}
	c := l.current()
	settled := make(chan struct{}) // the library's own packets are written too
	c.settle(func() { close(settled) })
	select {
	case <-settled:
	case <-l.over:
		return
	case <-bound:
		return
	}
	if c.sayGoodbye == nil || c.sayGoodbye() != nil {
		return
	}
	select {
	case <-l.over:
	case <-time.After(lingerTime):
	}
}

// drop makes the link unknown. The library's own list may keep a socket that
// closed while it was put there.
func (s *Server) drop(l *link) {
	s.engine.Clients().Delete(l.socket.Id())
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.links, l.socket.Id())
}

// run does something on a goroutine that Close waits for.
func (s *Server) run(f func()) {
	s.served.Begin()
	go func() {
		defer s.served.End()
		f()
	}()
}
