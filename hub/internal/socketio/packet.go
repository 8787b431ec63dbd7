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
		if end > maxNamespace {
			return packet{}, errPacket
		}
		// Socket.IO clients put a query behind a namespace's name; it means nothing here.
		name, _, _ := bytes.Cut(b[:end], []byte("?"))
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

// parseCall takes apart ["name", argument…].
func parseCall(data []byte) (call, error) {
	var parts []json.RawMessage
	if err := json.Unmarshal(data, &parts); err != nil || len(parts) == 0 || len(parts[0]) == 0 || parts[0][0] != '"' {
		return call{}, errPacket
	}
	var c call
	if err := json.Unmarshal(parts[0], &c.name); err != nil {
		return call{}, errPacket
	}
	c.args = parts[1:]
	return c, nil
}
