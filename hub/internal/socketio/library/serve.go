package library

import (
	"fmt"
	"net/http"
	"net/url"
	"runtime/debug"
	"time"
)

// Names of Engine.IO's transports and parameters.
const (
	polling   = "polling"
	websocket = "websocket"

	transportParam = "transport"
	versionParam   = "EIO"
	sidParam       = "sid"
)

const allowedMethods = "GET, POST, OPTIONS"

// ServeHTTP implements http.Handler: the guards, from the cheapest to the
// dearest, then the library.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.begin()
	defer s.end()
	defer s.recovered(r)

	// A body that trickles holds the request no longer than this. Whoever
	// waits on purpose takes the bound away again.
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(s.cfg.BodyTimeout))

	if r.URL.Path != s.cfg.Path && r.URL.Path+"/" != s.cfg.Path {
		http.NotFound(w, r)
		return
	}
	switch r.Method {
	case http.MethodGet, http.MethodPost, http.MethodOptions:
	default:
		w.Header().Set("Allow", allowedMethods)
		badRequest.with(http.StatusMethodNotAllowed).write(w)
		return
	}
	if !s.cfg.CheckOrigin(r) {
		forbidden.write(w)
		return
	}
	allowOrigin(w.Header(), r)
	if r.Method == http.MethodOptions {
		preflight(w, r)
		return
	}
	params, refused := parameters(r)
	if refused != nil {
		refused.write(w)
		return
	}
	if params.sid == "" {
		s.handshake(w, r, params.transport) //nolint:contextcheck // a visit ends the library's context itself
		return
	}
	s.resume(w, r, params) //nolint:contextcheck // as above
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

// allowOrigin lets the page, which CheckOrigin let pass, read the answer and
// send its cookies.
func allowOrigin(h http.Header, r *http.Request) {
	h.Add("Vary", "Origin")
	if origin := r.Header.Get("Origin"); origin != "" {
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Allow-Credentials", "true")
	}
}

// preflight answers what a browser asks before a request of another origin.
func preflight(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Allow", allowedMethods)
	if r.Header.Get("Origin") != "" {
		h.Set("Access-Control-Allow-Methods", allowedMethods)
		h.Set("Access-Control-Max-Age", "7200") // what Chromium keeps at most
		// The page chooses its extra headers; what they may be is no secret.
		if asked := r.Header.Get("Access-Control-Request-Headers"); asked != "" {
			h.Set("Access-Control-Allow-Headers", asked)
			h.Add("Vary", "Access-Control-Request-Headers")
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

// request is what Engine.IO says in a request's query.
type request struct{ transport, sid string }

// parameters reads the query and refuses what no client sends. An unknown
// transport and a WebSocket without an upgrade are left to the library.
func parameters(r *http.Request) (request, *refusal) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return request{}, badRequest
	}
	for _, name := range []string{transportParam, versionParam, sidParam} {
		if len(q[name]) > 1 {
			return request{}, badRequest
		}
	}
	p := request{transport: q.Get(transportParam), sid: q.Get(sidParam)}
	switch {
	case q.Get(versionParam) != "4":
		return request{}, unsupportedVersion
	case p.sid == "" && r.Method != http.MethodGet:
		return request{}, badHandshakeMethod
	case r.Method == http.MethodGet && r.ContentLength != 0:
		// Nobody would read it, and the answer would wait for it.
		return request{}, badRequest
	}
	return p, nil
}

// handshake begins a link, if there is room for one.
func (s *Server) handshake(w http.ResponseWriter, r *http.Request, transport string) {
	if !s.seat() {
		full.write(w)
		return
	}
	v := s.visit(w, r)
	defer func() {
		if v.link == nil {
			s.leaveSeat() // the library made no link of it
			return
		}
		v.link.leave(v)
	}()
	if transport == websocket {
		v.upgrade()
		return
	}
	v.poll()
}

// resume is a request of a link that is open.
func (s *Server) resume(w http.ResponseWriter, r *http.Request, p request) {
	l := s.lookup(p.sid)
	if l == nil {
		unknownSid.write(w)
		return
	}
	v := s.visit(w, r)
	v.link = l
	switch {
	case p.transport == websocket:
		// One at a time: the library looks and takes in two steps.
		l.upgrade.Lock()
		defer l.upgrade.Unlock()
		if l.Transport() != polling || l.socket.Upgrading() {
			badRequest.write(w)
			return
		}
		v.upgrade()
	case !l.enter(v):
		unknownSid.write(w)
	default:
		defer l.leave(v)
		if r.Method == http.MethodPost {
			v.post()
			return
		}
		v.poll()
	}
}
