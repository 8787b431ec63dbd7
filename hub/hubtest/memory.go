package hubtest

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"

	"google.golang.org/grpc/test/bufconn"
)

const (
	// free is a port of loopback that nobody has.
	free = "127.0.0.1:0"
	// bufferBytes is what one end may write before the other reads.
	bufferBytes = 64 << 10
)

var errEnded = errors.New("the hub has ended")

// memory is one of the hub's doors: its connections are memory, and those of a
// port of loopback from the time that one is asked for.
type memory struct {
	pipes  *bufconn.Listener
	taken  chan taken    // unbuffered: what Accept returns next
	closed chan struct{} // closed by Close
	pumps  sync.WaitGroup
	pipe   atomic.Uint32 // the number of the newest connection that is memory

	mu    sync.Mutex
	port  net.Listener // guarded by mu; nil: nobody asked
	ended bool         // guarded by mu
}

type taken struct {
	conn net.Conn
	err  error
}

var _ net.Listener = (*memory)(nil)

func newMemory() *memory {
	m := &memory{pipes: bufconn.Listen(bufferBytes), taken: make(chan taken), closed: make(chan struct{})}
	m.pumps.Go(func() { m.pump(m.pipes, m.local) })
	return m
}

// pump takes l's connections until the door is closed. Failures go to who
// accepts, as they would without it: they may pass.
func (m *memory) pump(l net.Listener, made func(net.Conn) net.Conn) {
	for {
		conn, err := l.Accept()
		if err == nil {
			conn = made(conn)
		}
		select {
		case m.taken <- taken{conn, err}:
		case <-m.closed:
			if err == nil {
				_ = conn.Close()
			}
			return
		}
	}
}

// open is the port's address; the first call binds it.
func (m *memory) open() (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.port != nil:
	case m.ended:
		return "", errEnded
	default:
		l, err := net.ListenTCP("tcp", loopback(0))
		if err != nil {
			return "", err
		}
		m.port = l
		m.pumps.Go(func() { m.pump(l, func(c net.Conn) net.Conn { return c }) })
	}
	return m.port.Addr().String(), nil
}

// dial connects by memory.
func (m *memory) dial(ctx context.Context) (net.Conn, error) {
	conn, err := m.pipes.DialContext(ctx)
	if err != nil && ctx.Err() == nil {
		err = errEnded
	}
	return conn, err
}

// Accept waits for the next connection of either kind.
func (m *memory) Accept() (net.Conn, error) {
	select {
	case t := <-m.taken:
		return t.conn, t.err
	case <-m.closed:
		return nil, net.ErrClosed
	}
}

// Close ends the door. Connections stay.
func (m *memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ended {
		return nil
	}
	m.ended = true
	close(m.closed)
	_ = m.pipes.Close() // it has nothing to fail with
	var err error
	if m.port != nil {
		err = m.port.Close()
	}
	m.pumps.Wait()
	return err
}

// Addr is loopback: a port is never bound elsewhere.
func (m *memory) Addr() net.Addr { return loopback(0) }

func loopback(port int) *net.TCPAddr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port} }

// local gives a connection that is memory an address of its peer, since the hub tells
// workers and operators where a session comes from, as IP:port.
func (m *memory) local(c net.Conn) net.Conn {
	const ports = 1 << 16
	number := m.pipe.Add(1)
	return &pipe{c, loopback(1 + int(number-1)%(ports-1))}
}

// pipe is the hub's end of a connection that is memory.
type pipe struct {
	net.Conn

	peer net.Addr
}

// RemoteAddr is made up: loopback, and a number that counts.
func (p *pipe) RemoteAddr() net.Addr { return p.peer }
