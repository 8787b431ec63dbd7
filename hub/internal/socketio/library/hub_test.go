package library_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"github.com/realtime-hub/hub/hub/internal/socketio"
	"github.com/realtime-hub/hub/hub/internal/socketio/library"
	"github.com/realtime-hub/hub/hub/internal/wire"
)

// No leak of the library's is ignored: none is left.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// hub is a server on a real socket, and the door behind it.
type hub struct {
	*library.Server
	address string
	log     *logBuffer
	links   chan *peer // every accepted link, if the test looks at it
	full    atomic.Bool

	accept  func(*peer)                     // called in Accept
	receive func(p *peer, data string) bool // called in Message, instead of p.messages
	wire    wire.Config
	wrap    func(http.Handler) http.Handler
	server  http.Server
}

// start serves until the test ends, with time-outs that no poll may feel.
func start(t *testing.T, cfg library.Config, options ...func(*hub)) *hub {
	t.Helper()
	h := &hub{log: &logBuffer{}, links: make(chan *peer, 1<<16)}
	for _, o := range options {
		o(h)
	}
	cfg.Acceptor = h
	cfg.Log = slog.New(slog.NewTextHandler(h.log, nil))
	if cfg.CheckOrigin == nil {
		cfg.CheckOrigin = func(*http.Request) bool { return true }
	}
	h.wire.Log = cfg.Log
	h.wire.PingInterval, h.wire.PingTimeout = 250*time.Millisecond, 100*time.Millisecond // wire looks at its bounds 100 times a second
	h.wire.Ping = wire.NewFrame(append(make([]byte, wire.Headroom), "2"...))             // never for a link of the library's
	var err error
	if cfg.Wire, err = wire.New(h.wire); err != nil {
		t.Fatal(err)
	}
	moving, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	var moved sync.WaitGroup
	moved.Go(func() { cfg.Wire.Run(moving) })
	if h.Server, err = library.New(cfg); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h.address = listener.Addr().String()
	var handler http.Handler = h.Server
	if h.wrap != nil {
		handler = h.wrap(handler)
	}
	server := &h.server
	server.Handler = handler
	server.ErrorLog = slog.NewLogLogger(slog.NewTextHandler(h.log, nil), slog.LevelError)
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener)
	}()
	t.Cleanup(func() {
		stop() // the links that are left end with wire
		h.close(t)
		moved.Wait()
		http.DefaultClient.CloseIdleConnections() // Shutdown waits 5 s for those that were never used
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			t.Errorf("a request did not end with the hub: %v", err)
		}
		<-served
	})
	return h
}

// close ends the server, within patience.
func (h *hub) close(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
	defer cancel()
	h.Close(ctx)
	if ctx.Err() != nil {
		t.Error("the server did not end")
	}
}

// Full implements socketio.Acceptor.
func (h *hub) Full() bool { return h.full.Load() }

// Accept implements socketio.Acceptor.
func (h *hub) Accept(l socketio.Link, r *socketio.Request) socketio.Receiver {
	p := &peer{
		Link: l, hub: h, request: r,
		messages: make(chan string, 1<<14), binary: make(chan struct{}, 16), closed: make(chan wire.Reason, 16),
	}
	if h.accept != nil {
		h.accept(p)
	}
	h.links <- p
	return p
}

func (h *hub) next(t *testing.T) *peer { t.Helper(); return within(t, h.links) }

func (h *hub) url(query string) string { return "http://" + h.address + "/socket.io/?" + query }

// peer is a link as the door has it.
type peer struct {
	socketio.Link
	hub      *hub
	request  *socketio.Request
	messages chan string
	binary   chan struct{}
	closed   chan wire.Reason
}

func (p *peer) Message(data []byte) bool {
	if p.hub.receive != nil {
		return p.hub.receive(p, string(data))
	}
	p.messages <- string(data)
	return true
}

func (p *peer) Binary() bool {
	p.binary <- struct{}{}
	return true
}

func (p *peer) Violated(string) { p.Conn().Abort(wire.ReasonProtocol) }

func (p *peer) Closed(why wire.Reason) { p.closed <- why }

// send sends messages in one step.
func (p *peer) send(messages ...string) { p.Conn().Send(frames(messages)...) }

// end sends its last messages.
func (p *peer) end(messages ...string) { p.Conn().End(frames(messages)...) }

func frames(messages []string) []*wire.Frame {
	out := make([]*wire.Frame, len(messages))
	for i, m := range messages {
		out[i] = wire.NewFrame(append(append(make([]byte, wire.Headroom), socketio.Message), m...))
	}
	return out
}

func within[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

// dial opens a WebSocket until the test ends, upgrading the polling link sid
// if there is one.
func (h *hub) dial(t *testing.T, sid string) *websocket.Conn {
	t.Helper()
	conn := h.connect(t, sid)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func (h *hub) connect(t *testing.T, sid string) *websocket.Conn {
	t.Helper()
	query := "/socket.io/?EIO=4&transport=websocket"
	if sid != "" {
		query += "&sid=" + sid
	}
	conn, response, err := websocket.DefaultDialer.Dial("ws://"+h.address+query, nil)
	if err != nil {
		t.Fatalf("dial: %v (%v)", err, response)
	}
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	return conn
}

func read(t *testing.T, c *websocket.Conn) string {
	t.Helper()
	_, data, err := c.ReadMessage()
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	return string(data)
}

// open dials a WebSocket-only link and reads its OPEN.
func (h *hub) open(t *testing.T) (*websocket.Conn, *peer) {
	t.Helper()
	c := h.dial(t, "")
	if m := read(t, c); !strings.HasPrefix(m, `0{`) {
		t.Fatalf("no OPEN but %q", m)
	}
	return c, h.next(t)
}

func say(t *testing.T, c *websocket.Conn, messages ...string) {
	t.Helper()
	for _, m := range messages {
		if err := c.WriteMessage(websocket.TextMessage, []byte(m)); err != nil {
			t.Fatalf("write: %v", err)
		}
	}
}

// poller is a browser that polls.
type poller struct {
	hub  *hub
	sid  string
	peer *peer
}

// poll opens a polling link.
func (h *hub) poll(t *testing.T) *poller {
	t.Helper()
	status, body := h.do(t, http.MethodGet, "EIO=4&transport=polling", "")
	var o struct {
		Sid      string
		Upgrades []string
	}
	if status != http.StatusOK || json.Unmarshal([]byte(strings.TrimPrefix(body, "0")), &o) != nil || o.Sid == "" {
		t.Fatalf("handshake: %d %q", status, body)
	}
	return &poller{hub: h, sid: o.Sid, peer: h.next(t)}
}

func (p *poller) query() string { return "EIO=4&transport=polling&sid=" + p.sid }

func (p *poller) get(t *testing.T) (int, string) {
	t.Helper()
	return p.hub.do(t, http.MethodGet, p.query(), "")
}

func (p *poller) post(t *testing.T, body string) (int, string) {
	t.Helper()
	return p.hub.do(t, http.MethodPost, p.query(), body)
}

// later is a poll that waits.
func (p *poller) later(t *testing.T) <-chan string {
	t.Helper()
	got := make(chan string, 1)
	go func() {
		_, body, err := p.hub.try(http.MethodGet, p.query(), "", nil)
		if err != nil {
			body = err.Error()
		}
		got <- body
	}()
	return got
}

func (h *hub) do(t *testing.T, method, query, body string, header ...string) (int, string) {
	t.Helper()
	r, text, err := h.try(method, query, body, header)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, text
}

func (h *hub) try(method, query, body string, header []string) (*http.Response, string, error) {
	r, err := http.NewRequest(method, h.url(query), strings.NewReader(body))
	if err != nil {
		return nil, "", err
	}
	r.Header.Set("Content-Type", "text/plain;charset=UTF-8")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return response, string(text), err
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
