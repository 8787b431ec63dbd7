package library

import (
	"bytes"
	"encoding/base64"
	"strconv"
	"unicode/utf8"

	"github.com/realtime-hub/hub/hub/internal/socketio"
)

// validPayload tells whether each packet of a payload is one that a browser
// may send. The library skips what it cannot read, and answers "ok".
func validPayload(version string, body []byte) bool {
	if version == version3 {
		return validPayload3(body)
	}
	return socketio.ValidPayload(body)
}

// version3 is Engine.IO's, of Socket.IO 2.
const version3 = "3"

// validPayload3 is for Engine.IO 3, where each packet has its length before it:
// <length>:<packet>…, in UTF-16 units, as JavaScript counts.
func validPayload3(body []byte) bool {
	if len(body) == 0 || !utf8.Valid(body) {
		return false
	}
	for range socketio.MaxPackets {
		packet, rest, ok := cutPacket(body)
		if !ok || !validPacket3(packet) {
			return false
		}
		if body = rest; len(body) == 0 {
			return true
		}
	}
	return false
}

// cutPacket takes the first packet of a payload that is UTF-8.
func cutPacket(body []byte) (packet, rest []byte, ok bool) {
	const maxDigits = 9 // below what an int holds
	colon := bytes.IndexByte(body[:min(len(body), maxDigits+1)], ':')
	if colon < 1 {
		return nil, nil, false
	}
	units, err := strconv.ParseUint(string(body[:colon]), 10, 32) // takes no sign
	if err != nil || units == 0 {
		return nil, nil, false
	}
	body = body[colon+1:]
	n := 0
	for units > 0 && n < len(body) {
		r, size := utf8.DecodeRune(body[n:])
		n += size
		const pair = 2
		switch {
		case r < 0x10000:
			units--
		case units >= pair:
			units -= pair
		default:
			return nil, nil, false // a length that ends within a character
		}
	}
	return body[:n], body[n:], units == 0
}

func validPacket3(p []byte) bool {
	switch p[0] {
	case '1', '2', '4', '6': // close, ping, message, noop
		return true
	case 'b': // a packet with binary data: its type, then base64
		if len(p) < 2 || p[1] != socketio.Message {
			return false
		}
		_, err := base64.StdEncoding.DecodeString(string(p[2:]))
		return err == nil
	default: // open and pong are the server's; an upgrade comes on a WebSocket
		return false
	}
}
