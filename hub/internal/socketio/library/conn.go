package library

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// Bounds of a socket's end.
const (
	lingerTime  = time.Second
	lingerBytes = 16 << 20
)

// errStalled is a peer that did not read for WriteTimeout.
var errStalled = errors.New("the peer does not read")

// guardConn is the connection behind an upgrade, as the library has it.
//
// It yields no byte before open: the library starts to read before it listens.
// A write waits for WriteTimeout at most: the library sets no limit, and its
// heartbeat waits behind the write, so that a peer that does not read but
// sends pongs would stay for ever. And it lingers: closing a socket with
// unread input resets it, and a reset overtakes what was written, such as the
// reason of the close.
type guardConn struct {
	net.Conn
	server *Server       // static
	opened chan struct{} // closed by open

	opening sync.Once
	closing sync.Once
	reading sync.Mutex // held while the library reads

	mu     sync.Mutex
	closed bool // guarded by mu
}

func newGuardConn(s *Server, conn net.Conn) *guardConn {
	return &guardConn{Conn: conn, server: s, opened: make(chan struct{})}
}

// open lets the library read.
func (c *guardConn) open() { c.opening.Do(func() { close(c.opened) }) }

// Read implements net.Conn.
func (c *guardConn) Read(p []byte) (int, error) {
	<-c.opened
	c.reading.Lock()
	defer c.reading.Unlock()
	if c.ended() {
		return 0, net.ErrClosed
	}
	n, err := c.Conn.Read(p)
	if err != nil && c.ended() {
		err = net.ErrClosed // not the deadline that Close set
	}
	return n, err
}

// Write implements net.Conn.
func (c *guardConn) Write(p []byte) (int, error) {
	if err := c.Conn.SetWriteDeadline(time.Now().Add(c.server.cfg.WriteTimeout)); err != nil {
		return 0, err
	}
	n, err := c.Conn.Write(p)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = errStalled
	}
	return n, err
}

// SetReadDeadline implements net.Conn. The deadline at a close stays.
func (c *guardConn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return net.ErrClosed
	}
	return c.Conn.SetReadDeadline(t)
}

func (c *guardConn) ended() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// Close implements net.Conn. The library is done with the connection when it
// returns; the peer is told, and has lingerTime to take what was written.
func (c *guardConn) Close() error {
	c.closing.Do(func() {
		c.mu.Lock()
		c.closed = true
		_ = c.Conn.SetReadDeadline(time.Unix(1, 0)) // wakes the reader
		c.mu.Unlock()
		c.open()
		c.server.served.Begin()
		go c.linger()
	})
	return nil
}

func (c *guardConn) linger() {
	defer c.server.served.End()
	defer c.Conn.Close() //nolint:errcheck // nothing is left to lose
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if !ok {
		return
	}
	// A write in progress ends; the peer had its time.
	_ = c.Conn.SetWriteDeadline(time.Now().Add(lingerTime))
	if half.CloseWrite() != nil {
		return
	}
	c.reading.Lock() // the library's last read has returned
	defer c.reading.Unlock()
	_ = c.Conn.SetReadDeadline(time.Now().Add(lingerTime))
	_, _ = io.Copy(io.Discard, io.LimitReader(c.Conn, lingerBytes))
}
