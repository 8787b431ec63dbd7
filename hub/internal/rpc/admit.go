package rpc

import (
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"
)

// preface is how a connection shows that it speaks HTTP/2 with prior
// knowledge, which is gRPC. No HTTP/1 method starts like this.
const preface = "PRI "

// conn is a connection whose first bytes were looked at.
type conn struct {
	net.Conn

	head []byte // still to be read; owned by the reader
	open *connections
}

// secureConn is a conn with TLS. Its method makes net/http set Request.TLS,
// which it would set to an empty state for plain connections that had it.
type secureConn struct {
	*conn

	state tls.ConnectionState
}

// ConnectionState is the TLS state after the handshake.
func (c *secureConn) ConnectionState() tls.ConnectionState { return c.state }

// Read gives back the head first.
func (c *conn) Read(p []byte) (int, error) {
	if len(c.head) > 0 {
		n := copy(p, c.head)
		c.head = c.head[n:]
		return n, nil
	}
	return c.Conn.Read(p)
}

// Close closes it and forgets it.
func (c *conn) Close() error {
	c.open.remove(c)
	return c.Conn.Close()
}

// admit finds out what a connection speaks and hands it on. It runs in the
// connection's own goroutine and ends within admitTimeout, or with ctx.
func (s *Server) admit(ctx context.Context, raw net.Conn, native, web *handoff) {
	outcome, c, err := s.identify(ctx, raw)
	s.metrics.connections.WithLabelValues(outcome).Inc()
	switch outcome {
	case servedGRPC:
		native.give(c)
	case servedHTTP:
		web.give(c)
	default:
		// A stranger at the port is no event of ours: the metric has it.
		s.cfg.Log.LogAttrs(ctx, slog.LevelDebug, "connection not served",
			slog.String("outcome", outcome), slog.String("peer", raw.RemoteAddr().String()), slog.Any("error", err))
		_ = raw.Close()
	}
}

// identify does the TLS handshake and looks at the first bytes.
func (s *Server) identify(ctx context.Context, raw net.Conn) (outcome string, c net.Conn, err error) {
	defer context.AfterFunc(ctx, func() { _ = raw.Close() })()
	if err := raw.SetDeadline(time.Now().Add(admitTimeout)); err != nil {
		return failedPreface, nil, err
	}
	known := &conn{Conn: raw, open: &s.open}
	c = known
	var protocol string
	if s.tls != nil {
		secure := tls.Server(raw, s.tls)
		if err := secure.HandshakeContext(ctx); err != nil {
			return failedTLS, nil, err
		}
		known.Conn = secure
		state := secure.ConnectionState()
		protocol = state.NegotiatedProtocol
		c = &secureConn{conn: known, state: state}
	}
	native := protocol == protoHTTP2
	if protocol == "" {
		if native, err = known.speaksHTTP2(); err != nil {
			return failedPreface, nil, err
		}
	}
	if err := raw.SetDeadline(time.Time{}); err != nil {
		return failedPreface, nil, err
	}
	s.open.add(known)
	if native {
		return servedGRPC, c, nil
	}
	return servedHTTP, c, nil
}

// speaksHTTP2 reads as many bytes as the preface's start has. No HTTP/1
// request is as short.
func (c *conn) speaksHTTP2() (bool, error) {
	head := make([]byte, len(preface))
	if _, err := io.ReadFull(c.Conn, head); err != nil {
		return false, err
	}
	c.head = head
	return string(head) == preface, nil
}

// handoff is a listener whose connections are given to it.
type handoff struct {
	addr net.Addr
	// conns is unbuffered: a connection is with its giver or its server.
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

var _ net.Listener = (*handoff)(nil)

func newHandoff(addr net.Addr) *handoff {
	return &handoff{addr: addr, conns: make(chan net.Conn), closed: make(chan struct{})}
}

func (h *handoff) give(c net.Conn) {
	select {
	case h.conns <- c:
	case <-h.closed:
		_ = c.Close()
	}
}

// Accept waits for the next connection.
func (h *handoff) Accept() (net.Conn, error) {
	select {
	case c := <-h.conns:
		return c, nil
	case <-h.closed:
		return nil, net.ErrClosed
	}
}

// Close ends Accept. It is safe to repeat.
func (h *handoff) Close() error {
	h.once.Do(func() { close(h.closed) })
	return nil
}

// Addr is the real listener's.
func (h *handoff) Addr() net.Addr { return h.addr }
