package library

import (
	"encoding/json"
	"net/http"
)

// refusal is an answer of Engine.IO's own error form. The codes are the
// protocol's; 0, an unknown transport, is the library's to give, and it gives
// 4 where the version is wrong.
type refusal struct {
	status  int
	Code    int    `json:"code"`
	Message string `json:"message"`
}

var (
	unknownSid         = &refusal{status: http.StatusBadRequest, Code: 1, Message: "Session ID unknown"}
	badHandshakeMethod = &refusal{status: http.StatusBadRequest, Code: 2, Message: "Bad handshake method"}
	badRequest         = &refusal{status: http.StatusBadRequest, Code: 3, Message: "Bad request"}
	forbidden          = &refusal{status: http.StatusForbidden, Code: 4, Message: "Forbidden"}
	unsupportedVersion = &refusal{status: http.StatusBadRequest, Code: 5, Message: "Unsupported protocol version"}
	// The protocol has no code for these two.
	tooLarge = &refusal{status: http.StatusRequestEntityTooLarge, Code: 3, Message: "Payload too large"}
	full     = &refusal{status: http.StatusServiceUnavailable, Code: 3, Message: "Too many connections"}
)

// with is the same refusal under another HTTP status.
func (e *refusal) with(status int) *refusal {
	return &refusal{status: status, Code: e.Code, Message: e.Message}
}

func (e *refusal) write(w http.ResponseWriter) {
	body, _ := json.Marshal(e) // an int and a string: cannot fail
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(e.status)
	_, _ = w.Write(body) // whoever is refused may have left
}
