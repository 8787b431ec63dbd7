package engineio

import (
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/realtime-hub/hub/hub/internal/socketio"
	"github.com/realtime-hub/hub/hub/internal/wire"
)

// maxAnswer is what one poll's answer carries, in bytes; a single message may
// be larger.
const maxAnswer = 256 << 10

// maxPackets is what python-engineio takes of one poll's answer; the protocol
// has no limit, and says nothing of clients that have.
const maxPackets = 16

// poll is what a link has while it polls.
type poll struct {
	sid  string        // static
	room chan struct{} // of one: a POST that waits may go on
	done chan struct{} // closed when the link polls no more

	mu      sync.Mutex
	getting bool     // guarded by mu; a GET is served
	posting bool     // guarded by mu; a POST is served
	testing bool     // guarded by mu; a WebSocket's probe is served
	atOnce  bool     // guarded by mu; the probe was answered: no poll waits
	parting string   // guarded by mu; what a poll is told that waits at an end of the client's making
	over    bool     // guarded by mu; done is closed, nothing more is handed over
	socket  net.Conn // guarded by mu; the probe's
}

func newPoll(sid string) *poll {
	return &poll{sid: sid, room: make(chan struct{}, 1), done: make(chan struct{})}
}

func (p *poll) signal() {
	select {
	case p.room <- struct{}{}:
	default:
	}
}

// end tells whoever waits that the link polls no more. What a POST brought is
// handed over before, or never.
func (p *poll) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over {
		return
	}
	p.over = true
	close(p.done)
	if p.socket != nil {
		_ = p.socket.SetDeadline(time.Unix(1, 0)) // the probe ends, if it has not
	}
}

// enter begins a request, of which there may be one of its kind at a time.
func (p *poll) enter(busy *bool) *socketio.Refusal {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.over: // since the sid was looked up
		return socketio.UnknownSID
	case *busy:
		return socketio.BadRequest
	}
	*busy = true
	return nil
}

func (p *poll) leave(busy *bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	*busy = false
}

// probing begins a probe.
func (p *poll) probing() *socketio.Refusal { return p.enter(&p.testing) }

// probed notes the probe's socket, and tells whether there is still a link for
// it; nil: the probe has failed, and polling goes on.
func (p *poll) probed(nc net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.socket, p.testing = nc, nc != nil
	if nc == nil {
		p.atOnce = false
	}
	return !p.over
}

// handOver ends a probe that has succeeded, and the polling with it: the socket
// is wire's. It tells whether that may be. A client waits for its POST before;
// one that does not could hand over two messages at once.
func (p *poll) handOver() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over || p.posting {
		return false
	}
	p.over, p.socket = true, nil
	close(p.done)
	return true
}

// answerAtOnce has no poll wait any more: the client waits for their end.
func (p *poll) answerAtOnce() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.atOnce = true
}

// lastWord is what a poll is told that waits when the link ends; empty: the
// hub has ended it.
func (p *poll) lastWord() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.parting
}

// violated ends a link whose client does not speak the protocol.
func (l *link) violated(p *poll, what string) {
	p.mu.Lock()
	p.parting = "1"
	p.mu.Unlock()
	l.conn.Fail(what)
}

func (p *poll) isAtOnce() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.atOnce
}

// batch is what a poll is answered with.
type batch struct {
	frames []*wire.Frame
	last   bool
}

// get is a poll: it waits for what there is to send.
func (l *link) get(p *poll, w http.ResponseWriter, r *http.Request) {
	if refused := p.enter(&p.getting); refused != nil {
		if refused == socketio.BadRequest {
			// The protocol has one poll at a time; which of two was to be
			// answered nobody could tell.
			l.violated(p, "two polls at once")
		}
		refused.Write(w)
		return
	}
	socketio.Unbound(w)
	got := make(chan batch, 1)
	l.conn.Take(wire.Taker{Max: maxAnswer, Frames: maxPackets, Give: func(frames []*wire.Frame, last bool) { got <- batch{frames, last} }})
	if p.isAtOnce() {
		l.conn.Release()
	}
	var b batch
	select {
	case b = <-got:
		// Before the answer: a quick client's next poll may be here before this
		// one has returned.
		p.leave(&p.getting)
	case <-r.Context().Done():
		// Whether its answer would have arrived nobody knows.
		l.conn.Abort(wire.ReasonGone)
		return
	}
	parts := payload(b.frames)
	if b.last {
		word := p.lastWord()
		if word == "" {
			// Not the close packet: to some clients it says that they are not
			// wanted any more, and they do not come back. An end that is final
			// is told by Socket.IO.
			socketio.UnknownSID.Write(w)
			return
		}
		parts = [][]byte{[]byte(word)}
	}
	if p.isAtOnce() {
		w.Header().Set("Connection", "close") // after the upgrade it would only wait, at 20 KiB
	}
	if err := l.server.respond(w, parts...); err != nil {
		l.conn.Abort(wire.ReasonGone)
	}
}

// payload is a poll's answer, in pieces.
func payload(frames []*wire.Frame) [][]byte {
	if len(frames) == 0 {
		return [][]byte{[]byte("6")} // a noop
	}
	parts := make([][]byte, 0, 2*len(frames)-1)
	for i, f := range frames {
		if i > 0 {
			parts = append(parts, []byte{socketio.Separator})
		}
		parts = append(parts, f.Payload())
	}
	return parts
}

// respond sends an answer, in pieces. Who does not read it holds nobody.
func (s *Server) respond(w http.ResponseWriter, parts ...[]byte) error {
	if h := w.Header(); h.Get("Content-Type") == "" {
		h.Set("Content-Type", "text/plain; charset=UTF-8")
	}
	return socketio.Answer(w, s.cfg.WriteTimeout, http.StatusOK, parts...)
}
