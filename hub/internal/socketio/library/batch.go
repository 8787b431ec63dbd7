package library

import (
	"github.com/zishang520/socket.io/parsers/engine/v3/packet"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/realtime-hub/hub/hub/internal/wire"
)

// maxBatch is what one batch carries, in bytes; a single message may be larger.
const maxBatch = 256 << 10

// maxPackets is what one batch has: some clients take no more of one poll.
const maxPackets = 16

// stringBuffer is how the library knows a text from binary data.
type stringBuffer = types.StringBuffer

// batch is the messages of one answer to a poll, or of one round of writes to
// a WebSocket.
type batch struct {
	link    *link
	packets []*packet.Packet
}

func newBatch(l *link, frames []*wire.Frame) *batch {
	b := &batch{link: l, packets: make([]*packet.Packet, len(frames))}
	packets := make([]packet.Packet, len(frames))
	for i, f := range frames {
		// The library adds the packet's type itself. The buffer reads the
		// message where it is, and never writes to it.
		packets[i] = packet.Packet{Type: packet.MESSAGE, Data: types.NewStringBuffer(f.Payload()[1:])}
		b.packets[i] = &packets[i]
	}
	return b
}

// pump offers the batch that waits to the transport, or asks wire for the next
// one when the transport could take it: what waits longer waits there, where
// it is counted.
func (l *link) pump() {
	if l.offer() {
		l.conn.Take(wire.Taker{Max: maxBatch, Frames: maxPackets, Give: l.give})
	}
}

// offer tells whether it is time for the next batch.
func (l *link) offer() (next bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.flying:
	case l.batch != nil:
		l.flying = true // before: the transport may be quicker than this goroutine
		l.flying = l.carrier.offer(l.batch)
	case !l.asked && !l.closed && l.carrier.Writable() && !l.carrier.Discarded():
		l.asked = true
		return true
	}
	return false
}

// give is what wire calls, on a loop of its own, with what it has. Without
// frames the link ends, which wire tells in Closed.
func (l *link) give(frames []*wire.Frame, _ bool) {
	l.mu.Lock()
	l.asked = false
	if len(frames) > 0 {
		l.batch = newBatch(l, frames)
	}
	waits := l.batch != nil
	l.mu.Unlock()
	if waits {
		l.pump()
	}
}

// flushed hears that a batch was written.
func (l *link) flushed(b *batch) {
	l.mu.Lock()
	if l.batch != b {
		l.mu.Unlock()
		return // it was given up
	}
	l.batch, l.flying = nil, false
	closed := l.closed
	l.mu.Unlock()
	if closed {
		close(l.drained)
		return
	}
	l.pump()
}
