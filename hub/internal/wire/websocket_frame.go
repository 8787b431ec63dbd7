package wire

import (
	"encoding/binary"
	"math"
	"unicode/utf8"
)

// wsHeader is a client's frame header, taken apart.
type wsHeader struct {
	fin    bool
	op     wsOp
	size   int // of the header itself; 0: more bytes are needed
	length int // of the payload
	key    uint32
}

// parseHeader reads a client's header at the start of b. What the first two
// bytes say wrong is told without waiting for the others.
func parseHeader(b []byte) (h wsHeader, err *wsError) {
	if len(b) < 2 {
		return h, nil
	}
	h.fin, h.op = b[0]&wsFin != 0, wsOp(b[0]&wsOpMask)
	short := int(b[1] & wsLenMask)
	switch {
	case b[0]&wsRsv != 0:
		return h, broken("reserved bits")
	case h.op > wsPong || h.op > wsBinary && !h.op.control():
		return h, broken("reserved opcode")
	case b[1]&wsMasked == 0:
		return h, broken("frame is not masked")
	case h.op.control() && (!h.fin || short > wsMaxControl):
		return h, broken("control frame is long or fragmented")
	}
	size := 2 + 4
	switch short {
	case wsLen16:
		size += 2
	case wsLen64:
		size += 8
	}
	if len(b) < size {
		return h, nil
	}
	if h.length, err = payloadLength(short, b[2:]); err != nil {
		return h, err
	}
	h.size, h.key = size, binary.LittleEndian.Uint32(b[size-4:])
	return h, nil
}

// payloadLength reads the length, which must be as short as it can be (§5.2):
// two ways to say one thing are one too many for whoever filters in between.
func payloadLength(short int, b []byte) (int, *wsError) {
	switch short {
	case wsLen16:
		n := int(binary.BigEndian.Uint16(b))
		if n < wsLen16 {
			return 0, broken("length is not minimal")
		}
		return n, nil
	case wsLen64:
		n := binary.BigEndian.Uint64(b)
		switch {
		case n > math.MaxInt64:
			return 0, broken("length has its top bit set")
		case n <= math.MaxUint16:
			return 0, broken("length is not minimal")
		}
		return int(min(n, math.MaxInt)), nil // on 32 bits too, it is beyond every limit
	default:
		return short, nil
	}
}

// checkClosing tells whether a peer may close like that (§7.4, and what was
// registered since, to 1013): 1004 to 1006
// and 1015 are for what no frame says, and who sends others below 3000 speaks
// of a protocol that is not this one.
func checkClosing(body []byte) *wsError {
	if len(body) == 0 {
		return nil
	}
	if len(body) == 1 {
		return broken("close code is cut")
	}
	code := binary.BigEndian.Uint16(body)
	switch {
	case code >= 1000 && code <= 1003, code >= 1007 && code <= 1013, code >= 3000 && code <= 4999:
	default:
		return broken("close code is not one")
	}
	if !utf8.Valid(body[2:]) {
		return &wsError{code: wsNotUTF8, text: "close reason is not UTF-8"}
	}
	return nil
}

// unmask undoes the mask (§5.3), eight bytes at a time. The key's first byte is
// its lowest.
func unmask(b []byte, key uint32) {
	wide := uint64(key)<<32 | uint64(key)
	for len(b) >= 8 {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^wide)
		b = b[8:]
	}
	for i := range b {
		b[i] ^= byte(wide)
		wide >>= 8
	}
}

// appendHeader appends a server's header: of a whole message, not masked.
func appendHeader(b []byte, op wsOp, n int) []byte {
	b = append(b, wsFin|byte(op))
	switch {
	case n < wsLen16:
		return append(b, byte(n&wsLenMask))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(b, wsLen16), uint16(n))
	default:
		return binary.BigEndian.AppendUint64(append(b, wsLen64), uint64(n))
	}
}

// closeFrame is a server's close frame. A reason that does not fit is cut
// between characters.
func closeFrame(code uint16, reason string) []byte {
	if room := wsMaxControl - 2; len(reason) > room {
		for room > 0 && !utf8.RuneStart(reason[room]) {
			room--
		}
		reason = reason[:room]
	}
	b := appendHeader(make([]byte, 0, 2+2+len(reason)), wsClosing, 2+len(reason))
	b = binary.BigEndian.AppendUint16(b, code)
	return append(b, reason...)
}
