package engineio

import (
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/realtime-hub/hub/hub/internal/socketio"
	"github.com/realtime-hub/hub/hub/internal/wire"
)

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.served.Begin()
	defer s.served.End()
	v, ok := s.front.Enter(w, r)
	if !ok {
		return
	}
	if v.SID == "" {
		s.handshake(w, r, v)
		return
	}
	l := s.lookup(v.SID)
	var p *poll
	if l != nil {
		p = l.polled()
	}
	switch {
	case p == nil:
		socketio.UnknownSID.Write(w)
	case v.Transport == socketio.WebSocket:
		l.upgrade(p, w, r)
	case r.Method == http.MethodPost:
		l.post(p, w, r)
	default:
		l.get(p, w, r)
	}
}

// handshake begins a link, if there is room for one.
func (s *Server) handshake(w http.ResponseWriter, r *http.Request, v socketio.Visit) {
	if v.Transport == socketio.WebSocket && !checkHandshake(w, r) {
		return
	}
	if !s.seat() {
		w.Header().Set("Retry-After", "1")
		socketio.Crowded.Write(w)
		return
	}
	// A request's header belongs to it alone: net/http makes a new one each time.
	req := &socketio.Request{Header: r.Header, RemoteAddr: r.RemoteAddr, Version: v.Version}
	if v.Transport == socketio.WebSocket {
		s.handshakeWebSocket(w, r, req)
		return
	}
	sid := newSID()
	l, accepted := s.newLink(newPoll(sid), req)
	if !accepted {
		socketio.Broken.Write(w)
		return
	}
	if err := s.respond(w, []byte(`0{"sid":"`+sid+s.open[0])); err != nil {
		l.conn.Abort(wire.ReasonGone)
	}
}

func (s *Server) handshakeWebSocket(w http.ResponseWriter, r *http.Request, req *socketio.Request) {
	// The sid is of no use to anyone, and it is not kept.
	nc, early, err := wire.Upgrade(w, r, text(`0{"sid":"`+newSID()+s.open[1]))
	if err != nil {
		s.seats.Add(-1)
		return
	}
	l, _ := s.newLink(nil, req) // the socket of a link that was not accepted is closed by wire
	l.conn.Attach(nc, early)
}

// checkHandshake answers what is no WebSocket's.
func checkHandshake(w http.ResponseWriter, r *http.Request) bool {
	switch err := wire.CheckHandshake(r); {
	case err == nil:
		return true
	case errors.Is(err, wire.ErrVersion):
		w.Header().Set("Sec-WebSocket-Version", wire.Version)
		socketio.BadRequest.With(http.StatusUpgradeRequired).Write(w)
	default:
		socketio.BadRequest.Write(w)
	}
	return false
}

// upgrade has a WebSocket take a polling link over. Its goroutine is the
// request's, and lives no longer than UpgradeTimeout.
func (l *link) upgrade(p *poll, w http.ResponseWriter, r *http.Request) {
	if !checkHandshake(w, r) {
		return
	}
	if refused := p.probing(); refused != nil { // one at a time: who knows a sid must not take a link over
		refused.Write(w)
		return
	}
	nc, early, err := wire.Upgrade(w, r)
	if err != nil {
		p.probed(nil)
		return
	}
	// Before the link knows the socket: its end sets a limit that this one
	// would lift.
	_ = nc.SetDeadline(time.Now().Add(l.server.cfg.UpgradeTimeout))
	if !p.probed(nc) {
		_ = nc.Close()
		return
	}
	rest, ok := l.probe(p, nc, early)
	if !ok {
		p.probed(nil)
		_ = nc.Close()
		return
	}
	if !p.handOver() {
		l.conn.Fail("an upgrade within a post") // or it is closed
		_ = nc.Close()
		return
	}
	_ = nc.SetDeadline(time.Time{})
	l.upgraded()
	l.conn.Attach(nc, rest)
}

// probe is what a client and a server say before the WebSocket is the link's:
// after the answer the client sends nothing by polling any more, and waits for
// its poll to be answered.
func (l *link) probe(p *poll, nc net.Conn, early []byte) (rest []byte, ok bool) {
	probe := wire.NewProbe(nc, early, l.server.cfg.MaxPayload)
	if m, err := probe.Next(); err != nil || string(m) != "2probe" {
		return nil, false
	}
	if probe.Write(text("3probe")) != nil {
		return nil, false
	}
	p.answerAtOnce()
	l.conn.Release()
	if m, err := probe.Next(); err != nil || string(m) != "5" {
		return nil, false
	}
	return probe.Rest(), true
}
