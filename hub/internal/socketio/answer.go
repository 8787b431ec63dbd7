package socketio

import (
	"errors"
	"net/http"
	"strconv"
	"time"
)

// Unbound takes a request's time limits away: from here on the browser waits
// for us. http.Server's own would end a poll, or reset a message's link.
func Unbound(w http.ResponseWriter) {
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{})
	_ = control.SetWriteDeadline(time.Time{})
}

// Answer sends an answer, in pieces, at once. Who does not read it within the
// time holds nobody: that is an error.
func Answer(w http.ResponseWriter, within time.Duration, status int, parts ...[]byte) error {
	control := http.NewResponseController(w)
	_ = control.SetWriteDeadline(time.Now().Add(within))
	size := 0
	for _, part := range parts {
		size += len(part)
	}
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Length", strconv.Itoa(size))
	w.WriteHeader(status)
	for _, part := range parts {
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	if err := control.Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	_ = control.SetWriteDeadline(time.Time{})
	return nil
}
