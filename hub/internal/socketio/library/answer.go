package library

import (
	"bufio"
	"net"
	"net/http"
	"slices"
	"sync"
)

// answer is the ResponseWriter that the library sees. It buffers, because the
// library answers a poll from a goroutine of its own, and may answer a request
// from two at a time, or when its handler has returned.
type answer struct {
	visit *visit // static

	mu     sync.Mutex
	header http.Header // guarded by mu; the last one given out
	status int         // guarded by mu; 0: nothing was answered
	body   []byte      // guarded by mu
	conn   *guardConn  // guarded by mu; set by Hijack
}

var (
	_ http.ResponseWriter = (*answer)(nil)
	_ http.Hijacker       = (*answer)(nil)
)

// Header implements http.ResponseWriter, with a new map each time: the library
// keeps one behind a lock, and fills another without it just before it writes.
// Were they the same, a close that meets an answer would be a concurrent map
// write, which no recover catches.
func (a *answer) Header() http.Header {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.header = make(http.Header)
	return a.header
}

// WriteHeader implements http.ResponseWriter. The last answer counts: where
// the library answers a failed upgrade twice, the second one has the form.
func (a *answer) WriteHeader(status int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.status, a.body = status, nil
}

// Write implements http.ResponseWriter.
func (a *answer) Write(p []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.status == 0 {
		a.status = http.StatusOK
	}
	a.body = append(a.body, p...)
	return len(p), nil
}

// Hijack implements http.Hijacker.
func (a *answer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(a.visit.w).Hijack()
	if err != nil {
		return nil, nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.conn = newGuardConn(a.visit.server, conn)
	return a.conn, rw, nil
}

// hijacked is the connection that Hijack gave away, or nil.
func (a *answer) hijacked() *guardConn {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.conn
}

// given is what was answered; status 0: nothing.
func (a *answer) given() (status int, header http.Header, body []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.status, a.header, slices.Clip(a.body)
}
