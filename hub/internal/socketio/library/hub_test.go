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
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"github.com/realtime-hub/hub/hub/internal/socketio"
	"github.com/realtime-hub/hub/hub/internal/socketio/library"
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

	accept  func(*peer)                // called in Accept
	receive func(p *peer, data string) // called in Message, instead of p.messages
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
	var err error
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
		h.Close()
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

// Accept implements socketio.Acceptor.
func (h *hub) Accept(l socketio.Link, r *socketio.Request) socketio.Receiver {
	p := &peer{
		Link: l, hub: h, request: r,
		messages: make(chan string, 1<<14), binary: make(chan struct{}, 16), closed: make(chan string, 16),
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
	closed   chan string
}

func (p *peer) Message(data []byte) {
	if p.hub.receive != nil {
		p.hub.receive(p, string(data))
		return
	}
	p.messages <- string(data)
}
func (p *peer) Binary()              { p.binary <- struct{}{} }
func (p *peer) Closed(reason string) { p.closed <- reason }

// send writes one batch and waits until it is out.
func (p *peer) send(t *testing.T, messages ...string) {
	t.Helper()
	within(t, p.write(messages...))
}

// write writes one batch; the channel tells each call of done.
func (p *peer) write(messages ...string) <-chan struct{} {
	done := make(chan struct{}, 16)
	batch := make([][]byte, len(messages))
	for i, m := range messages {
		batch[i] = []byte(m)
	}
	p.Write(batch, func() { done <- struct{}{} })
	return done
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
