package load

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// deliveryBytes tells a broadcast from what else a server says: broadcasts have
// 128 bytes, pings one or two, acks some forty. Only a length is looked at, so
// that a delivery costs the generator nanoseconds.
const deliveryBytes = 64

// maxFrameBytes is far above what any peer sends in one frame: more is a
// generator that has lost its place in the stream.
const maxFrameBytes = 1 << 20

// A walker finds the messages in what a server sends, by the headers of the
// WebSocket frames alone. Not safe for concurrent use.
type walker struct {
	// lines says that a frame may hold several messages, one a line, as
	// centrifuge's JSON protocol has them.
	lines bool
	// rest is a frame that has not arrived whole.
	rest []byte
}

// seen is what a walk found.
type seen struct {
	deliveries int
	bytes      int // of the deliveries' messages, without frame headers
}

// walk goes through what was read. Messages shorter than least go to short,
// the others are counted: least is deliveryBytes while broadcasts are
// measured, and more than any message has while a connection introduces
// itself. short must not keep the message.
func (w *walker) walk(read []byte, least int, short func([]byte) error) (found seen, err error) {
	for len(w.rest) > 0 && len(read) > 0 {
		_, size, known := measure(w.rest)
		missing := 1
		if known {
			if size > maxFrameBytes {
				return found, fmt.Errorf("a frame of %d bytes", size)
			}
			missing = size - len(w.rest)
		}
		n := min(missing, len(read))
		w.rest = append(w.rest, read[:n]...)
		read = read[n:]
		if header, size, known := measure(w.rest); known && len(w.rest) == size {
			if err := w.frame(w.rest[0], w.rest[header:size], least, &found, short); err != nil {
				return found, err
			}
			w.rest = w.rest[:0]
		}
	}
	for len(read) > 0 {
		header, size, known := measure(read)
		if !known || size > len(read) {
			w.rest = append(w.rest, read...)
			break
		}
		if err := w.frame(read[0], read[header:size], least, &found, short); err != nil {
			return found, err
		}
		read = read[size:]
	}
	return found, nil
}

// measure reads a frame's header: its length, and the whole frame's. Servers
// do not mask, so a frame that says it is masked is measured wrongly and ends
// in an error soon.
func measure(b []byte) (header, size int, known bool) {
	if len(b) < 2 {
		return 0, 0, false
	}
	switch length := b[1]; {
	case length < 126:
		return 2, 2 + int(length), true
	case length == 126 && len(b) >= 4:
		return 4, 4 + int(binary.BigEndian.Uint16(b[2:])), true
	case length == 127 && len(b) >= 10:
		return 10, 10 + int(binary.BigEndian.Uint64(b[2:])&(1<<40-1)), true
	}
	return 0, 0, false
}

// First bytes of the frames that servers send. Nothing measured is long
// enough to be fragmented, and no peer compresses unless asked to.
const (
	finalText   = 0x81
	finalBinary = 0x82
	finalClose  = 0x88
	finalPing   = 0x89
	finalPong   = 0x8A
)

func (w *walker) frame(first byte, payload []byte, least int, found *seen, short func([]byte) error) error {
	switch first {
	case finalText, finalBinary:
	case finalPing, finalPong: // no peer waits for the pong of a WebSocket ping
		return nil
	case finalClose:
		if len(payload) >= 2 {
			return fmt.Errorf("closed by the server: %d %s", binary.BigEndian.Uint16(payload), payload[2:])
		}
		return errors.New("closed by the server")
	default:
		return fmt.Errorf("a frame begins with %#x", first)
	}
	for w.lines {
		end := bytes.IndexByte(payload, '\n')
		if end < 0 {
			break
		}
		if err := message(payload[:end], least, found, short); err != nil {
			return err
		}
		payload = payload[end+1:]
	}
	if w.lines && len(payload) == 0 {
		return nil // what follows the last line's end
	}
	return message(payload, least, found, short)
}

func message(m []byte, least int, found *seen, short func([]byte) error) error {
	if len(m) < least {
		return short(m)
	}
	found.deliveries++
	found.bytes += len(m)
	return nil
}
