package engineio

import (
	"bytes"
	"net/http"
	"time"
	"unicode/utf8"

	"github.com/realtime-hub/hub/hub/internal/socketio"
	"github.com/realtime-hub/hub/hub/internal/wire"
)

// post is packets from the browser.
func (l *link) post(p *poll, w http.ResponseWriter, r *http.Request) {
	if refused := p.enter(&p.posting); refused != nil {
		if refused == socketio.BadRequest {
			l.violated(p, "two posts at once")
		}
		refused.Write(w)
		return
	}
	refused := l.packets(p, w, r)
	p.leave(&p.posting) // before the answer, as in get
	if refused != nil {
		// The answer's time must have an end, so that it is the connection's last.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(l.server.cfg.WriteTimeout))
		w.Header().Set("Connection", "close")
		refused.Write(w)
		return
	}
	w.Header().Set("Content-Type", "text/html") // as clients have it since Engine.IO 1
	_ = l.server.respond(w, []byte("ok"))       // a POST whose sender left has nobody to tell
}

// packets handles those of a POST.
func (l *link) packets(p *poll, w http.ResponseWriter, r *http.Request) *socketio.Refusal {
	body, refused := socketio.ReadBody(w, r, int64(l.server.cfg.MaxPayload))
	if refused != nil {
		if refused == socketio.TooLarge {
			l.violated(p, "too large")
		}
		return refused
	}
	// What is not text would go on to other browsers, and end their WebSockets.
	if !utf8.Valid(body) || !socketio.ValidPayload(body) {
		l.violated(p, "not a payload that a browser sends")
		return socketio.BadRequest
	}
	socketio.Unbound(w)
	for packet := range bytes.SplitSeq(body, []byte{socketio.Separator}) {
		if !l.packet(p, packet) {
			break
		}
	}
	return nil
}

// packet handles one packet of a POST, and tells whether to go on.
func (l *link) packet(p *poll, packet []byte) bool {
	if !l.calm(p) {
		return false
	}
	more, ok := l.hand(p, packet)
	if more || !ok {
		return ok
	}
	l.conn.Pause() // its pong may be in the rest
	defer l.conn.Resume()
	select {
	case <-p.room:
		return true
	case <-p.done:
		return false
	}
}

// calm waits while the browser sends more than it may in a second, and tells
// whether the link still polls.
func (l *link) calm(p *poll) bool {
	if !l.conn.Hasty() {
		return true
	}
	l.conn.Pause() // its pong may be in the rest
	defer l.conn.Resume()
	for l.conn.Hasty() {
		const look = 100 * time.Millisecond
		select {
		case <-time.After(look):
		case <-p.done:
			return false
		}
	}
	return true
}

// hand hands a packet over while the link polls: its end waits for that, and
// so does an upgrade. A receiver that panics ends its link and not the server.
func (l *link) hand(p *poll, packet []byte) (more, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over {
		return false, false
	}
	defer func() {
		if r := recover(); r != nil {
			l.server.cfg.Log.Error("a packet panicked", recovered(r)...)
			l.conn.Abort(wire.ReasonInternal)
			more, ok = false, false
		}
	}()
	switch packet[0] {
	case socketio.Message:
		return l.receiver.Message(packet[1:]), true
	case 'b':
		return l.receiver.Binary(), true
	case '3':
		l.conn.Pong()
	case '1':
		p.parting = "6"               // a noop, as Node has it
		l.conn.Abort(wire.ReasonGone) // it polls no more
		return false, false
	}
	return true, true
}
