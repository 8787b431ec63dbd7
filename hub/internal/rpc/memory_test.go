package rpc_test

import (
	"context"
	"net"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/realtime-hub/hub/hub/internal/rpc"
)

// memory is a door on a listener in memory, for tests in a bubble of time.
type memory struct {
	*door

	listener *bufconn.Listener
	dials    atomic.Int32
}

func inMemory(t *testing.T, cfg rpc.Config) *memory {
	t.Helper()
	l := newPipe()
	return &memory{door: serveOn(t, l, cfg), listener: l}
}

func (m *memory) connect(ctx context.Context) (net.Conn, error) {
	m.dials.Add(1)
	return m.listener.DialContext(ctx)
}

func (m *memory) dial(t *testing.T, options ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	options = append(options,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return m.connect(ctx) }))
	c, err := grpc.NewClient("passthrough:///memory", options...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// end closes all inside of the bubble, which must be empty when the test ends.
func (m *memory) end(t *testing.T, clients ...*grpc.ClientConn) {
	t.Helper()
	for _, c := range clients {
		_ = c.Close()
	}
	if err := m.stop(); err != nil {
		t.Error(err)
	}
}

func pingEvery(d time.Duration) grpc.DialOption {
	return grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: d, PermitWithoutStream: true})
}

func fill(t *testing.T, m proto.Message, json string) {
	t.Helper()
	if json == "" {
		return
	}
	if err := protojson.Unmarshal([]byte(json), m); err != nil {
		t.Fatal(err)
	}
}

func newPipe() *bufconn.Listener { return bufconn.Listen(64 << 10) }

// raw connects and writes text.
func (m *memory) raw(t *testing.T, text string) net.Conn {
	t.Helper()
	c, err := m.connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return c
}

func length(s string) string { return strconv.Itoa(len(s)) }
