package socketio

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"
)

// MaxPackets bounds the packets of one POST: the smallest has two bytes, and
// each costs some hundred until it is handled.
const MaxPackets = 4096

// Separator stands between the packets of a polling payload.
const Separator = '\x1e'

// ReadBody reads a POST's body, as far as it may be.
func ReadBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, *Refusal) {
	// The protocol has no binary payloads since its version 4.
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	if strings.EqualFold(strings.TrimSpace(kind), "application/octet-stream") {
		return nil, BadRequest
	}
	if r.ContentLength > limit {
		return nil, TooLarge
	}
	// The answer's time does not begin before the body is here.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Time{})
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if over := (*http.MaxBytesError)(nil); errors.As(err, &over) {
		return nil, TooLarge
	}
	if err != nil {
		return nil, BadRequest.With(http.StatusRequestTimeout)
	}
	return body, nil
}

// ValidPayload tells whether each packet of a payload is one that a browser
// may send.
func ValidPayload(body []byte) bool {
	if bytes.Count(body, []byte{Separator}) >= MaxPackets {
		return false
	}
	for p := range bytes.SplitSeq(body, []byte{Separator}) {
		if !validPacket(p) {
			return false
		}
	}
	return true
}

func validPacket(p []byte) bool {
	if len(p) == 0 {
		return false
	}
	switch p[0] {
	case '1', '3', '4', '6': // close, pong, message, noop
		return true
	case 'b': // a binary message, in base64
		_, err := base64.StdEncoding.DecodeString(string(p[1:]))
		return err == nil
	default: // open and ping are the server's; an upgrade comes on a WebSocket
		return false
	}
}
