package rpc

import (
	"errors"
	"io"
	"net/http"
	"time"
)

// stream is the answer of a stream over HTTP/1: what bounds a call's whole time
// bounds each piece of it instead, so that it may last, but not wait for a peer that
// does not read.
type stream struct {
	http.ResponseWriter

	control *http.ResponseController
}

// newStream lifts the connection's bounds for one request.
func newStream(w http.ResponseWriter, r *http.Request) *stream {
	s := &stream{w, http.NewResponseController(w)}
	r.Body = &question{r.Body, s.control}
	return s
}

// Unwrap is for http.ResponseController.
func (s *stream) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// Write writes a piece.
func (s *stream) Write(p []byte) (int, error) {
	_ = s.control.SetWriteDeadline(time.Now().Add(answerTimeout)) // net/http can
	return s.ResponseWriter.Write(p)
}

// Flush implements http.Flusher.
func (s *stream) Flush() { _ = s.control.Flush() } // the next Write fails too

// question is a stream's body. When it has been read nothing more is to come, and
// that is not waited for.
type question struct {
	io.ReadCloser

	control *http.ResponseController
}

// Read reads.
func (q *question) Read(p []byte) (int, error) {
	n, err := q.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		_ = q.control.SetReadDeadline(time.Time{}) // net/http can
	}
	return n, err
}
