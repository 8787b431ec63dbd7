package library

import (
	"github.com/zishang520/socket.io/parsers/engine/v3/packet"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// stringBuffer is how the library knows a text from binary data.
type stringBuffer = types.StringBuffer

// batch is the messages of one Write.
type batch struct {
	link    *link
	packets []*packet.Packet
	done    func()
}

func newBatch(l *link, messages [][]byte, done func()) *batch {
	b := &batch{link: l, done: done, packets: make([]*packet.Packet, len(messages))}
	packets := make([]packet.Packet, len(messages))
	for i, m := range messages {
		// The buffer reads m where it is, and never writes to it.
		packets[i] = packet.Packet{Type: packet.MESSAGE, Data: types.NewStringBuffer(m)}
		b.packets[i] = &packets[i]
	}
	return b
}

// finish calls done. Who takes a batch out of its link does so, and nobody else.
func (b *batch) finish() {
	defer b.link.recovered("telling that a batch is written")
	b.done()
}

// Write implements socketio.Link.
func (l *link) Write(messages [][]byte, done func()) {
	b := newBatch(l, messages, done)
	l.mu.Lock()
	refused := l.closed || l.closing != nil || len(messages) == 0
	if !refused {
		l.queue = append(l.queue, b)
	}
	l.mu.Unlock()
	if refused {
		// Not here: done may write again, and the caller may hold its locks.
		l.server.run(b.finish)
		return
	}
	l.pump()
}

// pump offers what is queued to the transport.
func (l *link) pump() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.queue) > 0 && !l.closed {
		b := l.queue[0]
		// Noted before: the transport may be quicker than this goroutine.
		l.flying[b] = struct{}{}
		if !l.carrier.offer(b) {
			delete(l.flying, b)
			return
		}
		l.queue = l.queue[1:]
	}
}

// flushed hears that a batch was written.
func (l *link) flushed(b *batch) {
	l.mu.Lock()
	_, ours := l.flying[b]
	delete(l.flying, b)
	finished := l.closing != nil && l.drained()
	l.mu.Unlock()
	if !ours {
		return // the link was closed, and told so
	}
	b.finish()
	if finished {
		l.part()
	}
}

// drained tells whether nothing is on its way. The caller holds mu.
func (l *link) drained() bool { return len(l.queue)+len(l.flying) == 0 }
