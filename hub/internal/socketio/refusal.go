package socketio

import (
	"encoding/json"
	"net/http"
)

// Refusal is an answer of Engine.IO's own error form. The codes are the
// protocol's.
type Refusal struct {
	status  int
	Code    int    `json:"code"`
	Message string `json:"message"`
}

// Why requests are refused.
var (
	UnknownTransport   = &Refusal{status: http.StatusBadRequest, Code: 0, Message: "Transport unknown"}
	UnknownSID         = &Refusal{status: http.StatusBadRequest, Code: 1, Message: "Session ID unknown"}
	BadHandshakeMethod = &Refusal{status: http.StatusBadRequest, Code: 2, Message: "Bad handshake method"}
	BadRequest         = &Refusal{status: http.StatusBadRequest, Code: 3, Message: "Bad request"}
	Forbidden          = &Refusal{status: http.StatusForbidden, Code: 4, Message: "Forbidden"}
	UnsupportedVersion = &Refusal{status: http.StatusBadRequest, Code: 5, Message: "Unsupported protocol version"}
	TooLarge           = &Refusal{status: http.StatusRequestEntityTooLarge, Code: 3, Message: "Payload too large"}
	Crowded            = &Refusal{status: http.StatusServiceUnavailable, Code: 3, Message: "Too many connections"}
	Broken             = &Refusal{status: http.StatusInternalServerError, Code: 3, Message: "Internal error"}
)

// With is the same refusal under another HTTP status.
func (e *Refusal) With(status int) *Refusal {
	return &Refusal{status: status, Code: e.Code, Message: e.Message}
}

// Write answers a request with it.
func (e *Refusal) Write(w http.ResponseWriter) {
	body, _ := json.Marshal(e) // an int and a string: cannot fail
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(e.status)
	_, _ = w.Write(body) // whoever is refused may have left
}
