package socketio

import (
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Names of Engine.IO's transports and parameters.
const (
	Polling   = "polling"
	WebSocket = "websocket"

	transportParam = "transport"
	versionParam   = "EIO"
	sidParam       = "sid"
)

const allowedMethods = "GET, POST, OPTIONS"

// Front is what every Engine.IO request passes, whoever serves it then: the
// checks, from the cheapest to the dearest, and what other origins may know.
type Front struct {
	// Path is where Engine.IO answers, with a slash at both ends.
	Path string
	// CheckOrigin tells whether the page that a request comes from may use the
	// hub.
	CheckOrigin func(*http.Request) bool
	// BodyTimeout is how long a request's body may take to arrive.
	BodyTimeout time.Duration
	// Versions are Engine.IO's that are served, as "4".
	Versions string
}

// Visit is what a request asks for.
type Visit struct {
	Version   string // Engine.IO's
	Transport string
	SID       string // the link's; empty: a new one
}

// Enter checks a request. A request that needs nothing more is answered, and
// ok is false.
func (f *Front) Enter(w http.ResponseWriter, r *http.Request) (v Visit, ok bool) {
	// A body that trickles holds the request no longer than this. Whoever
	// waits on purpose takes the bound away again.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(f.BodyTimeout))

	if r.URL.Path != f.Path && r.URL.Path+"/" != f.Path {
		http.NotFound(w, r)
		return Visit{}, false
	}
	switch r.Method {
	case http.MethodGet, http.MethodPost, http.MethodOptions:
	default:
		w.Header().Set("Allow", allowedMethods)
		BadRequest.With(http.StatusMethodNotAllowed).Write(w)
		return Visit{}, false
	}
	if !f.CheckOrigin(r) {
		Forbidden.Write(w)
		return Visit{}, false
	}
	allowOrigin(w.Header(), r)
	if r.Method == http.MethodOptions {
		preflight(w, r)
		return Visit{}, false
	}
	v, refused := f.visit(r)
	if refused != nil {
		refused.Write(w)
		return Visit{}, false
	}
	return v, true
}

// visit reads the query and refuses what no client sends.
func (f *Front) visit(r *http.Request) (Visit, *Refusal) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return Visit{}, BadRequest
	}
	for _, name := range []string{transportParam, versionParam, sidParam} {
		if len(q[name]) > 1 { // whoever reads it next might take another one
			return Visit{}, BadRequest
		}
	}
	v := Visit{Version: q.Get(versionParam), Transport: q.Get(transportParam), SID: q.Get(sidParam)}
	switch {
	case v.Transport != Polling && v.Transport != WebSocket:
		return Visit{}, UnknownTransport
	case len(v.Version) != 1 || !strings.Contains(f.Versions, v.Version):
		return Visit{}, UnsupportedVersion
	case v.SID == "" && r.Method != http.MethodGet:
		return Visit{}, BadHandshakeMethod
	case r.Method == http.MethodGet && r.ContentLength != 0:
		// Nobody would read it, and the answer would wait for it.
		return Visit{}, BadRequest
	}
	return v, nil
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
