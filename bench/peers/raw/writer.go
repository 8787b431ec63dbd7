package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"

	"golang.org/x/sys/unix"

	"github.com/realtime-hub/hub/bench/internal/control"
)

// roundMessages bounds what one write takes: 64 × 132 bytes.
const roundMessages = 64

// A conn is one client. Messages are all alike, so what waits for a slow one is a count.
type conn struct {
	fd      int
	pending int // messages not written
	offset  int // bytes written of the first of them
	armed   bool
}

// A writer is a single thread: it reads orders, and writes.
type writer struct {
	door      *door
	orders    int // descriptor of the control connection
	epoll     int
	coalesced bool
	frame     []byte // one message
	frames    []byte // roundMessages of it
	conns     []*conn
	byFD      map[int32]*conn
	line      []byte // an order that has not arrived whole
	due       int    // broadcasts ordered, and not begun
}

func newWriter(d *door, orders net.Conn, coalesced bool) (*writer, error) {
	message := `42["bench.feed",` + control.Payload(len(`42["bench.feed",]`)) + `]`
	frame := append(binary.BigEndian.AppendUint16([]byte{0x81, 126}, control.MessageBytes), message...)
	w := &writer{door: d, coalesced: coalesced, frame: frame, frames: bytes.Repeat(frame, roundMessages), byFD: map[int32]*conn{}}
	var err error
	if w.orders, err = duplicate(orders); err != nil {
		return nil, err
	}
	if w.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, err
	}
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(w.orders)} //nolint:gosec // a descriptor
	return w, unix.EpollCtl(w.epoll, unix.EPOLL_CTL_ADD, w.orders, &event)
}

// run returns when the control connection ends.
func (w *writer) run() error {
	events := make([]unix.EpollEvent, 256)
	for {
		timeout := -1
		if w.due > 0 {
			timeout = 0
		}
		n, err := unix.EpollWait(w.epoll, events, timeout)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
		for _, event := range events[:max(n, 0)] {
			if int(event.Fd) == w.orders {
				if open, err := w.read(); err != nil || !open {
					return err
				}
				continue
			}
			w.flush(w.byFD[event.Fd])
		}
		w.round()
	}
}

// read takes orders; open is false at the connection's end.
func (w *writer) read() (open bool, err error) {
	var buf [4096]byte
	n, err := unix.Read(w.orders, buf[:])
	if errors.Is(err, unix.EAGAIN) {
		return true, nil
	}
	if err != nil || n == 0 {
		return false, err
	}
	w.line = append(w.line, buf[:n]...)
	for {
		line, rest, found := bytes.Cut(w.line, []byte{'\n'})
		if !found {
			return true, nil
		}
		broadcasts, answer, err := control.Order(string(line))
		if err != nil {
			return false, err
		}
		w.due += broadcasts
		if answer != "" {
			if _, err := unix.Write(w.orders, []byte(answer)); err != nil {
				return false, fmt.Errorf("answering an order: %w", err)
			}
		}
		w.line = rest
	}
}

// round gives every connection what is due: one message, or all of them.
func (w *writer) round() {
	if w.due == 0 {
		return
	}
	for _, fd := range w.door.take() {
		c := &conn{fd: fd}
		w.conns = append(w.conns, c)
		w.byFD[int32(fd)] = c //nolint:gosec // a descriptor
	}
	n := 1
	if w.coalesced {
		n = min(w.due, roundMessages)
	}
	w.due -= n
	for _, c := range w.conns {
		c.pending += n
		if !c.armed { // else the epoll says when there is room
			w.flush(c)
		}
	}
}

// flush writes what is pending until the socket is full.
func (w *writer) flush(c *conn) {
	for c.pending > 0 {
		out := w.frame[c.offset:]
		if w.coalesced {
			out = w.frames[c.offset : min(c.pending, roundMessages)*len(w.frame)]
		}
		n, err := unix.Write(c.fd, out)
		if errors.Is(err, unix.EAGAIN) {
			w.arm(c, unix.EPOLLOUT)
			return
		}
		if err != nil { // gone: the generator says so
			c.pending = 0
			return
		}
		n += c.offset
		c.pending -= n / len(w.frame)
		c.offset = n % len(w.frame)
	}
	w.arm(c, 0)
}

// arm asks the epoll for room in a full socket, or no more.
func (w *writer) arm(c *conn, events uint32) {
	if c.armed == (events != 0) {
		return
	}
	c.armed = events != 0
	op := unix.EPOLL_CTL_DEL
	if c.armed {
		op = unix.EPOLL_CTL_ADD
	}
	_ = unix.EpollCtl(w.epoll, op, c.fd, &unix.EpollEvent{Events: events, Fd: int32(c.fd)}) //nolint:gosec // a descriptor
}
