package wire

import (
	"math/bits"
	"unicode/utf8"
)

// wsOp is a frame's opcode, as RFC 6455 §5.2 numbers them.
type wsOp byte

const (
	wsContinuation wsOp = 0x0 // of a fragmented message; a sink never sees it
	wsText         wsOp = 0x1
	wsBinary       wsOp = 0x2
	wsClosing      wsOp = 0x8
	wsPing         wsOp = 0x9
	wsPong         wsOp = 0xA
)

// control tells the frames that may come between a message's fragments.
func (op wsOp) control() bool { return op&0x8 != 0 }

const (
	wsFin       = 0x80 // of the first byte: the message's last frame
	wsRsv       = 0x70 // of the first byte: extensions, of which none is agreed on
	wsOpMask    = 0x0F // of the first byte
	wsMasked    = 0x80 // of the second byte
	wsLenMask   = 0x7F // of the second byte
	wsLen16     = 126  // two bytes of length follow
	wsLen64     = 127  // eight bytes of length follow
	wsMaxHeader = 2 + 8 + 4
	// wsMaxControl is how much a control frame may carry, §5.5.
	wsMaxControl = 125
)

// Close codes of §7.4.1, those that a reader finds reasons for.
const (
	wsProtocolError uint16 = 1002
	wsNotUTF8       uint16 = 1007
	wsTooBig        uint16 = 1009
)

// wsError is why a connection must end: what its close frame says. It is not
// an error, so that a nil one cannot become an error that is not nil.
type wsError struct {
	code uint16
	text string
}

func broken(text string) *wsError { return &wsError{code: wsProtocolError, text: text} }

// wsSink takes what a reader has found.
type wsSink interface {
	// frame takes a whole message, a ping, a pong, or a closing, whose data is
	// nothing or two bytes of code and a reason. data is the sink's during the
	// call only. Without more the reader stops behind this frame.
	frame(op wsOp, data []byte) (more bool)
}

// wsReader takes a client's bytes apart, however they are cut. The zero value
// is ready. It is in every connection and most of them are at rest, so it is
// small, and between messages it holds no memory but its own.
type wsReader struct {
	part  *wsPart // what has begun; nil at rest
	ended bool    // nothing more is read
}

// wsPart is a frame, a fragmented message, or both, of which more must come.
type wsPart struct {
	// A header that is not whole.
	head    [wsMaxHeader]byte
	headLen int

	// A frame whose header is whole, and whose payload is not.
	frame   wsHeader
	inFrame bool
	left    int    // payload bytes to come
	control []byte // payload of a control frame; a data frame's goes to message

	// A message that is not whole.
	op      wsOp // its kind, once its first fragment is whole; before: continuation
	message []byte
}

// feed consumes b and gives sink what becomes whole, until b is used up or
// sink wants no more; rest is then what is left of b, to be fed again.
//
// A frame that is whole in b is unmasked there and not copied. Others are
// collected in buffers that grow with what has arrived, never with what was
// announced: an announcement costs the peer nothing. limit bounds a message,
// all its fragments together, in bytes; the header that goes beyond it is an
// error. Text is checked when the message is whole.
//
// After an error or a closing everything is discarded, and rest is empty.
func (r *wsReader) feed(b []byte, limit int, sink wsSink) (rest []byte, err *wsError) {
	for len(b) > 0 && !r.ended {
		var more bool
		if r.part != nil && r.part.inFrame {
			b, more, err = r.fill(b, sink)
		} else {
			b, more, err = r.begin(b, limit, sink)
		}
		if err != nil {
			r.part, r.ended = nil, true
			return nil, err
		}
		if !more && !r.ended {
			return b, nil
		}
	}
	return nil, nil
}

// begin reads a header, and the payload as far as it came.
func (r *wsReader) begin(b []byte, limit int, sink wsSink) (rest []byte, more bool, err *wsError) {
	h, n, err := r.header(b)
	if err != nil || h.size == 0 {
		return nil, true, err
	}
	if err := r.admit(h, limit); err != nil {
		return nil, false, err
	}
	b = b[n:]
	if h.fin && h.op != wsContinuation && len(b) >= h.length {
		data := b[:h.length:h.length] // a sink that appends must not write over the next frame
		unmask(data, h.key)
		r.settle()
		more, err = r.deliver(h.op, data, sink)
		return b[h.length:], more, err
	}
	p := r.begun()
	p.frame, p.inFrame, p.left = h, true, h.length
	return r.fill(b, sink)
}

// header reads the header that b starts with or goes on with, and tells how
// many of b's bytes it took. Its size is 0 as long as it is not whole.
func (r *wsReader) header(b []byte) (h wsHeader, n int, err *wsError) {
	if r.part == nil || r.part.headLen == 0 {
		h, err = parseHeader(b)
		if err == nil && h.size == 0 {
			p := r.begun()
			p.headLen = copy(p.head[:], b)
		}
		return h, h.size, err
	}
	p := r.part
	had := p.headLen
	p.headLen += copy(p.head[had:], b)
	h, err = parseHeader(p.head[:p.headLen])
	if err != nil || h.size == 0 {
		return h, 0, err
	}
	p.headLen = 0
	return h, h.size - had, nil
}

// admit tells whether a frame may come here, and may be that long.
func (r *wsReader) admit(h wsHeader, limit int) *wsError {
	if h.op.control() {
		return nil
	}
	fragmented, had := false, 0
	if r.part != nil {
		fragmented, had = r.part.op != wsContinuation, len(r.part.message)
	}
	switch {
	case h.op == wsContinuation && !fragmented:
		return broken("continuation of nothing")
	case h.op != wsContinuation && fragmented:
		return broken("message within a message")
	case h.length > limit-had:
		return &wsError{code: wsTooBig, text: "message too big"}
	default:
		return nil
	}
}

// fill collects the payload of the frame that has begun.
func (r *wsReader) fill(b []byte, sink wsSink) (rest []byte, more bool, err *wsError) {
	p := r.part
	n := min(len(b), p.left)
	to := &p.message
	if p.frame.op.control() {
		to = &p.control
	}
	had := len(*to)
	*to = append(*to, b[:n]...)
	unmask((*to)[had:], p.frame.key)
	p.frame.key = bits.RotateLeft32(p.frame.key, -8*(n%4))
	p.left -= n
	if p.left > 0 {
		return nil, true, nil
	}
	more, err = r.complete(sink)
	return b[n:], more, err
}

// complete ends the frame that has begun, and the message if it was the last.
func (r *wsReader) complete(sink wsSink) (more bool, err *wsError) {
	p := r.part
	p.inFrame = false
	op := p.frame.op
	switch {
	case op.control():
		data := p.control
		p.control = nil
		r.settle()
		return r.deliver(op, data, sink)
	case !p.frame.fin:
		if op != wsContinuation {
			p.op = op
		}
		return true, nil
	case op == wsContinuation:
		op = p.op
		fallthrough
	default:
		data := p.message
		r.part = nil
		return r.deliver(op, data, sink)
	}
}

// deliver checks what only a whole message can be checked for.
func (r *wsReader) deliver(op wsOp, data []byte, sink wsSink) (more bool, err *wsError) {
	switch op {
	case wsText:
		if !utf8.Valid(data) {
			return false, &wsError{code: wsNotUTF8, text: "text is not UTF-8"}
		}
	case wsClosing:
		if err := checkClosing(data); err != nil {
			return false, err
		}
		r.part, r.ended = nil, true
	default: // binary, ping and pong are any bytes
	}
	return sink.frame(op, data), nil
}

// begun is what has begun, from now on if nothing had.
func (r *wsReader) begun() *wsPart {
	if r.part == nil {
		r.part = new(wsPart)
	}
	return r.part
}

// settle is called when no frame has begun: without a message either, the
// reader is at rest.
func (r *wsReader) settle() {
	if r.part != nil && r.part.op == wsContinuation {
		r.part = nil
	}
}
