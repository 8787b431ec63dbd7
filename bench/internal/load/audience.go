package load

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// A Way is how a client comes to its session.
type Way string

// The ways.
const (
	// WebSocket from the first byte.
	WebSocket Way = "websocket"
	// Upgraded begins with long-polling and moves to a WebSocket, as
	// socket.io-client does unless told otherwise.
	Upgraded Way = "upgraded"
	// Polling stays with long-polling.
	Polling Way = "polling"
	// TLS is a WebSocket in TLS that the server ends itself.
	TLS Way = "tls"
)

// An Audience is clients who only have to be there, in any way. It answers
// pings; nothing may be broadcast to it.
type Audience struct {
	crowd  *Crowd // for plain WebSockets; nil: the listeners
	cancel context.CancelCauseFunc
	ctx    context.Context //nolint:containedctx // the listeners' life, which is the audience's
	ended  sync.WaitGroup
}

var errLeaves = errors.New("the audience leaves")

// Attend connects and subscribes n clients, width of them at the same time.
func Attend(ctx context.Context, address string, p Protocol, way Way, n, width int, credential func(i int) string) (*Audience, error) {
	if way == WebSocket {
		crowd, _, err := Gather(ctx, address, p, n, width, credential)
		if err != nil {
			return nil, err
		}
		return &Audience{crowd: crowd}, nil
	}
	life, cancel := context.WithCancelCause(ctx)
	a := &Audience{ctx: life, cancel: cancel}
	entrance := make(chan struct{}, width) // as many as connect now
	seated := make(chan struct{}, n)       // one for each who is subscribed
	for i := range n {
		select {
		case entrance <- struct{}{}:
		case <-life.Done():
			a.Close()
			return nil, context.Cause(life)
		}
		l := &listener{ctx: life, address: address, protocol: &p}
		if credential != nil {
			l.credential = credential(i)
		}
		a.ended.Go(func() {
			err := l.attend(way, func() { seated <- struct{}{}; <-entrance })
			if life.Err() == nil { // it ended before the audience did
				cancel(fmt.Errorf("%s session %d of %d: %w", way, i+1, n, err))
			}
		})
	}
	for range n {
		select {
		case <-seated:
		case <-life.Done():
			a.Close()
			return nil, context.Cause(life)
		}
	}
	return a, nil
}

// Wait returns when a session is lost, or ctx ends, which is no error.
func (a *Audience) Wait(ctx context.Context) error {
	if a.crowd != nil {
		select {
		case <-a.crowd.ended:
			return a.crowd.Err()
		case <-ctx.Done():
			return nil
		}
	}
	select {
	case <-a.ctx.Done():
		if ctx.Err() == nil {
			return context.Cause(a.ctx) //nolint:contextcheck // it holds why, ctx does not
		}
	case <-ctx.Done():
	}
	return nil
}

// Close ends all sessions, and returns when they have.
func (a *Audience) Close() {
	if a.crowd != nil {
		a.crowd.Close()
		return
	}
	a.cancel(errLeaves)
	a.ended.Wait()
}

// A listener is one of the audience. Owned by its goroutine.
type listener struct {
	ctx        context.Context //nolint:containedctx // as the audience's
	address    string
	protocol   *Protocol
	credential string
	step       int // of the protocol's script
}

// attend is the listener's whole life; it returns how that ended, never nil.
func (l *listener) attend(way Way, seated func()) error {
	seated = sync.OnceFunc(seated)
	switch way {
	case Polling:
		return l.poll(seated)
	case Upgraded:
		return l.upgrade(seated)
	case TLS:
		return l.secure(seated)
	case WebSocket: // the crowd's
	}
	return fmt.Errorf("no way is called %q", way)
}

// dial connects; the connection ends with the audience.
func (l *listener) dial() (net.Conn, error) {
	conn, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(l.ctx, "tcp4", l.address)
	if err != nil {
		return nil, err
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // as in open
	}
	context.AfterFunc(l.ctx, func() { _ = conn.Close() })
	return conn, nil
}

func (l *listener) secure(seated func()) error {
	plain, err := l.dial()
	if err != nil {
		return err
	}
	// The certificate was made a minute ago by the one who asks.
	conn := tls.Client(plain, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // see above
	w, err := l.openWebSocket(conn, l.protocol.Path)
	if err != nil {
		return err
	}
	return w.run(seated)
}
