package rpc

import (
	"bufio"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"strings"

	"github.com/realtime-hub/hub/hub/internal/fault"
)

const (
	typeJSON = "application/json"
	// typeForm is what `curl -d` says without -H. Nobody sends forms here.
	typeForm = "application/x-www-form-urlencoded"
)

func (s *Server) newHTTPServer() *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true) // HTTP/2 is gRPC's, and never comes here
	return &http.Server{
		Handler:           s.handler,
		Protocols:         protocols,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       bodyTimeout,
		WriteTimeout:      answerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		// What it says is about strangers' bytes.
		ErrorLog: slog.NewLogLogger(s.cfg.Log.Handler(), slog.LevelDebug),
		ConnState: func(_ net.Conn, state http.ConnState) {
			switch state { //nolint:exhaustive // between the two the connection stays ours
			case http.StateNew:
				s.httpConns.Add(1)
			case http.StateClosed:
				s.httpConns.Done()
			}
		},
	}
}

// newHandler answers HTTP/1: JSON for backends without gRPC, and gRPC-Web.
func (s *Server) newHandler() (http.Handler, error) {
	transcoder, err := newTranscoder(s.web, s.maxRead, s.cfg.Schema)
	if err != nil {
		return nil, err
	}
	unary := map[string]bool{}
	for _, service := range services {
		for _, m := range service.Methods {
			unary["/"+service.ServiceName+"/"+m.MethodName] = true
		}
		for _, m := range service.Streams {
			unary["/"+service.ServiceName+"/"+m.StreamName] = false
		}
	}
	// A hub on a developer's machine has no tokens, and the form type needs no
	// preflight: without this any page in the developer's browser could broadcast.
	same := http.NewCrossOriginProtection()
	same.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		writeFault(w, http.StatusForbidden, fault.New(fault.ScopeDenied, "requests of other origins' pages are refused"))
	}))
	return same.Handler(&requests{server: s, unary: unary, next: transcoder}), nil
}

// requests refuses what is no call and makes the rest explicit for the transcoder.
type requests struct {
	server *Server
	unary  map[string]bool // by path; false: a stream
	next   http.Handler
}

// ServeHTTP answers one request.
func (q *requests) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	unary, known := q.unary[r.URL.Path]
	switch {
	case !known:
		writeFault(w, http.StatusNotFound, fault.New(fault.NotFound,
			"there is no such method; paths are like /hub.v1.BroadcastService/Broadcast"))
		return
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", http.MethodPost)
		writeFault(w, http.StatusMethodNotAllowed, fault.New(fault.RequestInvalid, "calls are POST requests"))
		return
	}
	if q.rebound(r) {
		writeFault(w, http.StatusForbidden, fault.New(fault.ScopeDenied,
			"the Host header names another machine; call an open hub as localhost or by its IP address, or give it grpc.tokens"))
		return
	}
	json, ok := isJSON(r.Header)
	if !ok || (json && !unary) {
		writeFault(w, http.StatusUnsupportedMediaType, fault.New(fault.RequestInvalid, unsupported(r, ok)))
		return
	}
	// A copy: net/http looks at its own request's body, when it answers, to
	// tell whether the peer waits for a 100 before it sends one.
	r = r.WithContext(r.Context())
	if !q.known(r) {
		// The interceptors will refuse it, and count it; its body would be
		// read before they do.
		r.Body, r.ContentLength = http.NoBody, 0
	}
	if limit := q.server.maxRead; r.ContentLength > int64(limit) {
		writeFault(w, http.StatusTooManyRequests, tooLarge(nil, limit))
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, int64(q.server.maxRead))
	if !unary {
		w = newStream(w, r)
	}
	if json {
		if r.Body = orEmpty(r.Body); r.ContentLength == 0 {
			r.ContentLength = -1
		}
		r.Header.Set("Content-Type", typeJSON)
		// Without it the transcoder looks for a REST route.
		r.Header.Set("Connect-Protocol-Version", "1")
	}
	q.next.ServeHTTP(w, r)
}

// orEmpty makes an empty message of no body: `curl -X POST` sends none where a
// method has nothing to ask.
func orEmpty(body io.ReadCloser) io.ReadCloser {
	r := bufio.NewReaderSize(body, 4<<10)
	type reader struct {
		io.Reader
		io.Closer
	}
	if _, err := r.Peek(1); errors.Is(err, io.EOF) {
		return reader{strings.NewReader("{}"), body}
	}
	return reader{r, body}
}

// rebound tells whether a page may have made its own name mean this machine
// (DNS rebinding), which makes it the hub's own origin. It needs a hub on
// loopback that lets everyone in, and a name that is not this machine's.
func (q *requests) rebound(r *http.Request) bool {
	at, _ := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	if at == nil || !at.IP.IsLoopback() || !q.server.cfg.Gate.Open() {
		return false
	}
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return !strings.EqualFold(host, "localhost") && net.ParseIP(strings.Trim(host, "[]")) == nil
}

// known tells whether the request's body may be read at all.
func (q *requests) known(r *http.Request) bool {
	if open(r.URL.Path) {
		return true
	}
	_, err := q.server.caller(r.Header.Values("Authorization"), r.TLS)
	return err == nil
}

// isJSON tells whether a request is to be read as JSON; not ok is a type that
// nothing here reads. No type at all is JSON too.
func isJSON(h http.Header) (json, ok bool) {
	types := h.Values("Content-Type")
	if len(types) == 0 {
		return true, true
	}
	media, params, err := mime.ParseMediaType(types[0])
	if err != nil || len(types) > 1 {
		return false, false
	}
	switch {
	case media == typeJSON, media == typeForm:
		charset, set := params["charset"]
		return true, !set || strings.EqualFold(charset, "utf-8")
	case media == "application/proto",
		strings.HasPrefix(media, "application/connect+"),
		media == "application/grpc-web", strings.HasPrefix(media, "application/grpc-web+"):
		return false, true
	}
	return false, false
}

func unsupported(r *http.Request, ok bool) string {
	if ok {
		return r.URL.Path + " is a stream: call it with gRPC"
	}
	return "this Content-Type is not read here; send JSON with -H 'Content-Type: application/json'"
}
