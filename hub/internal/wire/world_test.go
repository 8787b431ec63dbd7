package wire_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/realtime-hub/hub/hub/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// kinds runs a test with both kinds of sockets.
func kinds(t *testing.T, run func(t *testing.T, cfg wire.Config)) {
	t.Helper()
	t.Run("epoll", func(t *testing.T) { run(t, wire.Config{}) })
	t.Run("goroutines", func(t *testing.T) { run(t, wire.Config{Goroutines: true}) })
}

// start makes a wire that runs until the test's end, or until stop.
func start(t testing.TB, cfg wire.Config) (*wire.Wire, func()) {
	t.Helper()
	w, err := wire.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		w.Run(ctx)
	}()
	stop := func() {
		cancel()
		within(t, "the end of Run", ended)
	}
	t.Cleanup(stop)
	return w, stop
}

// hand is a connection's handler. message may be nil; the others are counted.
type hand struct {
	conn    *wire.Conn // set by dial
	message func(data []byte, binary bool) bool
	closed  chan wire.Reason
	closes  atomic.Int32
}

func newHand() *hand { return &hand{closed: make(chan wire.Reason, 4)} }

func (h *hand) Message(data []byte, binary bool) bool {
	if h.message == nil {
		return true
	}
	if h.closes.Load() > 0 {
		panic("a message after Closed")
	}
	return h.message(data, binary)
}

// Malformed implements wire.Handler. The connection must be ended, and the
// close frame then says why.
func (h *hand) Malformed() { h.conn.End() }

func (h *hand) Closed(why wire.Reason) {
	h.closes.Add(1)
	h.closed <- why
}

// ends waits for a connection's end.
func (h *hand) ends(t testing.TB, want wire.Reason) {
	t.Helper()
	if got := within(t, "the connection's end", h.closed); got != want {
		t.Fatalf("ended because of %v, want %v", got, want)
	}
}

// dial opens a connection with a TCP socket.
func dial(t testing.TB, w *wire.Wire, h *hand) (*wire.Conn, *peer) {
	t.Helper()
	h.conn = w.Open(h, false)
	return h.conn, attach(t, h.conn)
}

func attach(t testing.TB, c *wire.Conn) *peer {
	t.Helper()
	server, client := pair(t)
	p := newPeer(t, client)
	c.Attach(server, nil)
	return p
}

// pair is both ends of a TCP connection. Their buffers are small, as those of
// a peer behind a slow line.
func pair(t testing.TB) (server, client net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return join(t, l)
}

// join makes another connection of a listener's.
func join(t testing.TB, l net.Listener) (server, client net.Conn) {
	t.Helper()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	_ = server.(*net.TCPConn).SetWriteBuffer(64 << 10)
	_ = client.(*net.TCPConn).SetReadBuffer(64 << 10)
	return server, client
}

// secure makes a pair TLS, with its handshake done.
func secure(t testing.TB, server, client net.Conn) (*tls.Conn, *tls.Conn) {
	t.Helper()
	a := tls.Server(server, &tls.Config{Certificates: []tls.Certificate{certificate()}, MinVersion: tls.VersionTLS13})
	b := tls.Client(client, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13})
	done := make(chan error, 1)
	go func() { done <- a.HandshakeContext(t.Context()) }()
	if err := b.HandshakeContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := within(t, "the handshake", done); err != nil {
		t.Fatal(err)
	}
	return a, b
}

var certificate = sync.OnceValue(func() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
})

func within[T any](t testing.TB, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("%s did not happen", what)
		panic("unreachable")
	}
}

// eventually waits until a condition holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !holds(); {
		if time.Now().After(end) {
			t.Fatalf("%s did not happen", what)
		}
		<-time.After(time.Millisecond)
	}
}

// barrier waits until everything that was called before is carried out and
// written. The wire has one shard.
func barrier(t testing.TB, w *wire.Wire) {
	t.Helper()
	h := newHand()
	c := w.Open(h, false)
	c.Send(text("barrier"))
	take(t, c)
	c.Abort(wire.ReasonClosed)
	h.ends(t, wire.ReasonClosed)
}

// given is one call of Taker.Give.
type given struct {
	texts []string
	last  bool
}

// take takes what waits for a connection without a socket.
func take(t testing.TB, c *wire.Conn) given {
	t.Helper()
	return within(t, "Give", taking(c, 1<<20))
}

func taking(c *wire.Conn, most int) <-chan given {
	got := make(chan given, 2) // two, so that a second call is seen and does not block
	c.Take(wire.Taker{Max: most, Give: func(frames []*wire.Frame, last bool) { got <- given{texts(frames), last} }})
	return got
}

// netPipe is net.Pipe with results that can become TLS.
func netPipe() (server, client net.Conn) { return net.Pipe() }

// tick is that of fast.
const tick = 10 * time.Millisecond

// fast gives a wire ticks that a test can wait for: 10 ms.
func fast(cfg wire.Config) wire.Config {
	cfg.PingInterval, cfg.PingTimeout = 25*tick, 20*tick
	if cfg.CloseTimeout == 0 {
		cfg.CloseTimeout = 10 * tick
	}
	return cfg
}
