package library

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"
)

// maxPackets bounds the packets of one POST. The library allocates some 700
// bytes for each before the first is handled: a payload of two-byte packets
// would become 350 times its size.
const maxPackets = 4096

// separator stands between the packets of a payload.
const separator = '\x1e'

// body reads a POST's body, as far as it may be.
func (v *visit) body() ([]byte, *refusal) {
	// The protocol has no binary payloads since its version 4. The library
	// refuses them too, but stays with the request when its sender leaves.
	kind, _, _ := strings.Cut(v.r.Header.Get("Content-Type"), ";")
	if strings.EqualFold(strings.TrimSpace(kind), "application/octet-stream") {
		return nil, badRequest
	}
	limit := int64(v.server.cfg.MaxPayload)
	if v.r.ContentLength > limit {
		return nil, tooLarge
	}
	// The answer's time does not begin before the body is here.
	_ = http.NewResponseController(v.w).SetWriteDeadline(time.Time{})
	body, err := io.ReadAll(http.MaxBytesReader(v.w, v.r.Body, limit))
	if over := (*http.MaxBytesError)(nil); errors.As(err, &over) {
		return nil, tooLarge
	}
	if err != nil {
		return nil, badRequest.with(http.StatusRequestTimeout)
	}
	return body, nil
}

// withBody is r with a body that is already here.
func withBody(r *http.Request, body []byte) *http.Request {
	r = r.Clone(r.Context())
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.ContentLength = int64(len(body))
	r.TransferEncoding = nil
	return r
}

// validPayload tells whether each packet of a payload is one that a browser
// may send. The library skips what it cannot read and answers "ok".
func validPayload(body []byte) bool {
	if bytes.Count(body, []byte{separator}) >= maxPackets {
		return false
	}
	for p := range bytes.SplitSeq(body, []byte{separator}) {
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
