package rpc_test

import (
	"bufio"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/realtime-hub/hub/hub/internal/rpc"
)

// A stream over HTTP has no end that its caller did not ask for.
func TestAStreamOverHTTPLasts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &pipes{conns: make(chan net.Conn)}
		d := serveOn(t, l, rpc.Config{})
		d.SetServing(true)
		none := "\x00\x00\x00\x00\x00" // an empty message
		c := l.dial()
		_, err := c.Write([]byte("POST /grpc.health.v1.Health/Watch HTTP/1.1\r\nHost: x\r\nContent-Type: application/grpc-web+proto\r\nContent-Length: " + length(none) + "\r\n\r\n" + none))
		if err != nil {
			t.Fatal(err)
		}
		read := bufio.NewReader(c)
		status := func() byte {
			for {
				line, err := read.ReadString('\n')
				if err != nil {
					t.Fatal(err)
				}
				// A chunk of one message: the flag, its length 2, field 1 and the status.
				if strings.HasPrefix(line, "\x00\x00\x00\x00\x02\x08") {
					return line[6]
				}
			}
		}
		if got := status(); got != byte(healthpb.HealthCheckResponse_SERVING) {
			t.Fatalf("it begins with %d", got)
		}
		time.Sleep(time.Hour) // in the bubble
		d.SetServing(false)
		if got := status(); got != byte(healthpb.HealthCheckResponse_NOT_SERVING) {
			t.Errorf("after an hour it says %d", got)
		}
		_ = c.Close()
		if err := d.stop(); err != nil {
			t.Error(err)
		}
	})
}

// pipes is a listener whose connections keep to deadlines, which bufconn's do only
// where they wait.
type pipes struct {
	conns chan net.Conn
	close sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	if c, open := <-p.conns; open {
		return c, nil
	}
	return nil, net.ErrClosed
}

func (p *pipes) Close() error {
	p.close.Do(func() { close(p.conns) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes"} }

func (p *pipes) dial() net.Conn {
	near, far := net.Pipe()
	p.conns <- far
	return near
}
