package socketio

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"unicode/utf8"
)

// packetType is the first byte of a Socket.IO protocol 5 packet.
type packetType byte

const (
	connect      packetType = '0'
	disconnect   packetType = '1'
	event        packetType = '2'
	ack          packetType = '3'
	connectError packetType = '4'
	binaryEvent  packetType = '5'
	binaryAck    packetType = '6'
)

// Bounds of a packet's parts, before anything is allocated for them.
const (
	// maxAckDigits keeps ack ids in 53 bits: JavaScript counts them from 0.
	maxAckDigits = 15
	// maxAttachments is what a refused binary packet may announce.
	maxAttachments = 16
	// maxNamespace is long enough to be named in a refusal.
	maxNamespace = 128
)

// packet is one parsed packet. Its parts point into what was parsed.
type packet struct {
	kind        packetType
	attachments int
	namespace   string // "/" where none is named
	ack         string // the id's digits; empty where no ack is asked for
	data        []byte // JSON, as it came; empty where there is none
}

var errPacket = errors.New("not a Socket.IO packet")

// parsePacket takes apart
// <type>[<attachments>-][<namespace>,][<ack id>][JSON]. The JSON is checked
// where it is used: most packets' is looked at only once.
func parsePacket(b []byte) (packet, error) {
	if len(b) == 0 || b[0] < byte(connect) || b[0] > byte(binaryAck) || !utf8.Valid(b) {
		return packet{}, errPacket
	}
	p := packet{kind: packetType(b[0]), namespace: "/"}
	b = b[1:]
	if p.kind == binaryEvent || p.kind == binaryAck {
		digits := leadingDigits(b)
		if digits == 0 || digits == len(b) || b[digits] != '-' {
			return packet{}, errPacket
		}
		n, err := strconv.Atoi(string(b[:digits]))
		if err != nil || n > maxAttachments {
			return packet{}, errPacket
		}
		p.attachments, b = n, b[digits+1:]
	}
	if len(b) > 0 && b[0] == '/' {
		end := bytes.IndexByte(b, ',')
		if end < 0 {
			end = len(b)
		}
		// Socket.IO 2's clients put their query, with a token in it, behind a
		// namespace's name; it means nothing here.
		name, _, _ := bytes.Cut(b[:end], []byte("?"))
		if len(name) > maxNamespace {
			return packet{}, errPacket
		}
		p.namespace = string(name)
		b = b[min(end+1, len(b)):]
	}
	digits := leadingDigits(b)
	if digits > maxAckDigits {
		return packet{}, errPacket
	}
	p.ack, p.data = string(b[:digits]), b[digits:]
	return p, nil
}

func leadingDigits(b []byte) int {
	n := 0
	for n < len(b) && b[n] >= '0' && b[n] <= '9' {
		n++
	}
	return n
}

// call is an EVENT's JSON: a name and raw arguments. 64-bit integers survive,
// because nothing is decoded before the channel's message says how.
type call struct {
	name string
	args []json.RawMessage
}

// parseCall takes apart ["name", argument…]. The arguments are pieces of data.
func parseCall(data []byte) (call, error) {
	parts, ok := elements(data)
	if !ok || len(parts) == 0 || parts[0][0] != '"' {
		return call{}, errPacket
	}
	name := parts[0]
	if bytes.IndexByte(name, '\\') < 0 { // no channel's name needs it
		return call{name: string(name[1 : len(name)-1]), args: parts[1:]}, nil
	}
	var unescaped string
	if err := json.Unmarshal(name, &unescaped); err != nil {
		return call{}, errPacket
	}
	return call{name: unescaped, args: parts[1:]}, nil
}

// elements are those of a JSON array, as they are written. encoding/json would
// copy each; an event has few and they may be long.
func elements(data []byte) (parts []json.RawMessage, ok bool) {
	data = bytes.TrimSpace(data)
	if !json.Valid(data) || data[0] != '[' {
		return nil, false
	}
	parts = make([]json.RawMessage, 0, 3) // a name, a payload, and what qualifies it
	depth, quoted, begin := 0, false, 1
	for i := 0; i < len(data); i++ {
		switch b := data[i]; {
		case quoted && b == '\\':
			i++
		case b == '"':
			quoted = !quoted
		case quoted:
		case b == '[' || b == '{':
			depth++
		case b == ']' || b == '}':
			depth--
		}
		if end := depth == 0; end || depth == 1 && !quoted && data[i] == ',' {
			if part := bytes.TrimSpace(data[begin:i]); len(part) > 0 { // else the array is empty
				parts = append(parts, json.RawMessage(part))
			}
			begin = i + 1
		}
	}
	return parts, true
}
