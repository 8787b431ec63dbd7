package engineio_test

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/realtime-hub/hub/hub/internal/socketio"
	"github.com/realtime-hub/hub/hub/internal/socketio/engineio"
	"github.com/realtime-hub/hub/hub/internal/wire"
)

// No leak is ignored.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// long tells whether there is time for the full counts: HUB_LONG=1.
var long = os.Getenv("HUB_LONG") != ""

// hub is a server on a real socket, and the door behind it.
type hub struct {
	*engineio.Server

	t       testing.TB
	wire    *wire.Wire
	address string
	log     *logBuffer
	links   chan *peer // every accepted link
	full    atomic.Bool
	door    socketio.Acceptor // takes the links; the hub itself, if nil

	accept  func(*peer)                            // called in Accept
	receive func(p *peer, data string) (more bool) // called in Message, instead of p.messages
	closing func(p *peer)                          // called in Closed, behind p.closed
	wrap    func(http.Handler) http.Handler
	serve   func(net.Listener) net.Listener
	wired   wire.Config
	http    http.Server
	stop    func() // ends wire, and with it every link
}

// start serves until the test ends.
func start(t testing.TB, cfg engineio.Config, options ...func(*hub)) *hub {
	t.Helper()
	h := &hub{t: t, log: &logBuffer{}, links: make(chan *peer, 1<<15)}
	h.wired = wire.Config{PingInterval: time.Second, PingTimeout: time.Second / 2} // without a ping: ticks of 40 ms
	for _, o := range options {
		o(h)
	}
	h.wired.Log = slog.New(slog.NewTextHandler(h.log, nil))
	var err error
	if h.wire, err = wire.New(h.wired); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var running sync.WaitGroup
	running.Go(func() { h.wire.Run(ctx) })
	h.stop = func() { cancel(); running.Wait() }
	cfg.Wire, cfg.Acceptor, cfg.Log = h.wire, h, h.wired.Log
	if h.door != nil {
		cfg.Acceptor = h.door
	}
	if cfg.CheckOrigin == nil {
		cfg.CheckOrigin = func(*http.Request) bool { return true }
	}
	if h.Server, err = engineio.New(cfg); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h.address = listener.Addr().String()
	if h.serve != nil {
		listener = h.serve(listener)
	}
	h.http.Handler = h.Server
	if h.wrap != nil {
		h.http.Handler = h.wrap(h.Server)
	}
	h.http.ErrorLog = slog.NewLogLogger(h.wired.Log.Handler(), slog.LevelError)
	running.Go(func() { _ = h.http.Serve(listener) })
	t.Cleanup(func() { h.end(&running, cancel) })
	return h
}

// end expects that everything ends with the links.
func (h *hub) end(running *sync.WaitGroup, cancel func()) {
	ctx, done := context.WithTimeout(context.WithoutCancel(h.t.Context()), patience)
	defer done()
	cancel()
	h.Close(ctx)
	http.DefaultClient.CloseIdleConnections() // Shutdown waits 5 s for those that were never used
	if err := h.http.Shutdown(ctx); err != nil {
		h.t.Errorf("a request did not end with the hub: %v", err)
	}
	running.Wait()
	if strings.Contains(h.log.String(), "panic serving") { // it is net/http that has recovered
		h.t.Errorf("a panic passed the server:\n%s", h.log)
	}
}

// full has a receiver want no more behind the message "full".
func full(h *hub) {
	h.receive = func(p *peer, data string) bool { p.messages <- data; return data != "full" }
}

// Full implements socketio.Acceptor.
func (h *hub) Full() bool { return h.full.Load() }

// Accept implements socketio.Acceptor.
func (h *hub) Accept(l socketio.Link, r *socketio.Request) socketio.Receiver {
	p := &peer{
		Link: l, hub: h, request: r,
		messages: make(chan string, 1<<10), binary: make(chan struct{}, 16),
		violated: make(chan string, 1<<10), closed: make(chan wire.Reason, 4),
	}
	if h.accept != nil {
		h.accept(p)
	}
	p.open.Store(true)
	h.links <- p
	return p
}

// next is the next link that was accepted.
func (h *hub) next(t testing.TB) *peer { t.Helper(); return within(t, h.links) }

func (h *hub) url(query string) string { return "http://" + h.address + "/socket.io/?" + query }

// peer is a link as the door has it.
type peer struct {
	socketio.Link

	hub      *hub
	request  *socketio.Request
	open     atomic.Bool // between Accept and Closed
	busy     atomic.Bool // in a call
	messages chan string
	binary   chan struct{}
	violated chan string
	closed   chan wire.Reason
}

// calls holds the hub to what Receiver says of its calls: one after the other,
// behind Accept and before Closed.
func (p *peer) calls(what string) (done func()) {
	if !p.open.Load() {
		p.hub.t.Errorf("%s outside the link's life", what)
	}
	if !p.busy.CompareAndSwap(false, true) {
		p.hub.t.Errorf("%s within another call", what)
	}
	return func() { p.busy.Store(false) }
}

// Message implements socketio.Receiver.
func (p *peer) Message(data []byte) bool {
	defer p.calls("Message")()
	if p.hub.receive != nil {
		return p.hub.receive(p, string(data))
	}
	p.messages <- string(data)
	return true
}

// Binary implements socketio.Receiver.
func (p *peer) Binary() bool {
	defer p.calls("Binary")()
	p.binary <- struct{}{}
	return true
}

// Violated implements socketio.Receiver, as the door does.
func (p *peer) Violated(what string) {
	defer p.calls("Violated")()
	p.violated <- what
	p.Conn().End()
}

// Closed implements socketio.Receiver.
func (p *peer) Closed(why wire.Reason) {
	defer p.calls("Closed")()
	p.open.Store(false)
	p.closed <- why
	if p.hub.closing != nil {
		p.hub.closing(p)
	}
}

// send queues messages.
func (p *peer) send(messages ...string) {
	frames := make([]*wire.Frame, len(messages))
	for i, m := range messages {
		frames[i] = message(m)
	}
	p.Conn().Send(frames...)
}

// message is the frame of an Engine.IO message.
func message(text string) *wire.Frame {
	return wire.NewFrame(append(append(make([]byte, wire.Headroom), socketio.Message), text...))
}

func within[T any](t testing.TB, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

// eventually waits for what no channel tells.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !is(); <-time.After(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it never was: " + what)
		}
	}
}

// logBuffer is a log that a test may read.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
