package library

import (
	"fmt"
	"net/http"
	"runtime/debug"

	"github.com/realtime-hub/hub/hub/internal/socketio"
)

// ServeHTTP implements http.Handler: the guards, then the library.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.served.Begin()
	defer s.served.End()
	defer s.recovered(r)
	asked, ok := s.front.Enter(w, r)
	if !ok {
		return
	}
	if asked.SID == "" {
		s.handshake(w, r, asked) //nolint:contextcheck // a visit ends the library's context itself
		return
	}
	s.resume(w, r, asked) //nolint:contextcheck // as above
}

// recovered makes a panic the end of this request and of nothing else.
func (s *Server) recovered(r *http.Request) {
	p := recover()
	if p == nil {
		return
	}
	s.cfg.Log.Error("an Engine.IO request panicked", "panic", fmt.Sprint(p), "remote", r.RemoteAddr,
		"stack", string(debug.Stack()))
	panic(http.ErrAbortHandler) // ends the connection, and net/http logs it no second time
}

// handshake begins a link, if there is room for one.
func (s *Server) handshake(w http.ResponseWriter, r *http.Request, asked socketio.Visit) {
	if !s.seat() {
		w.Header().Set("Retry-After", "1")
		socketio.Crowded.Write(w)
		return
	}
	v := s.visit(w, r, asked)
	defer func() {
		if v.link == nil {
			s.leaveSeat() // the library made no link of it
			return
		}
		v.link.leave(v)
	}()
	if asked.Transport == socketio.WebSocket {
		v.upgrade()
		return
	}
	v.poll()
}

// resume is a request of a link that is open.
func (s *Server) resume(w http.ResponseWriter, r *http.Request, asked socketio.Visit) {
	l := s.lookup(asked.SID)
	if l == nil {
		socketio.UnknownSID.Write(w)
		return
	}
	if asked.Version != l.version {
		// What it sends would be checked as one version and read as the other.
		socketio.BadRequest.Write(w)
		return
	}
	v := s.visit(w, r, asked)
	v.link = l
	switch {
	case asked.Transport == socketio.WebSocket:
		// One at a time: the library looks and takes in two steps.
		l.upgrade.Lock()
		defer l.upgrade.Unlock()
		if l.current().Name() != socketio.Polling || l.socket.Upgrading() {
			socketio.BadRequest.Write(w)
			return
		}
		v.upgrade()
	case !l.enter(v):
		socketio.UnknownSID.Write(w)
	default:
		defer l.leave(v)
		if r.Method == http.MethodPost {
			v.post()
			return
		}
		v.poll()
	}
}
