package library_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/realtime-hub/hub/hub/internal/socketio/library"
	"github.com/realtime-hub/hub/hub/internal/wire"
)

func TestCloseDeliversWhatWasWritten(t *testing.T) {
	h := start(t, library.Config{})
	for range 50 {
		c, p := h.open(t)
		for range 20 {
			say(t, c, "4unread") // unread input must not reset the connection
		}
		p.send(strings.Repeat("x", 100_000))
		p.end("last")
		p.end()
		if m := read(t, c); len(m) != 100_001 {
			t.Fatalf("%d bytes", len(m))
		}
		if m := read(t, c); m != "4last" {
			t.Fatalf("got %q", m)
		}
		if _, _, err := c.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseNormalClosure) {
			t.Fatalf("closed by %v", err)
		}
		if why := within(t, p.closed); why != wire.ReasonClosed {
			t.Fatalf("closed: %s", why)
		}

		b := h.poll(t)
		b.peer.end("last")
		if _, body := b.get(t); body != "4last" {
			t.Fatalf("got %q", body)
		}
		if _, body := b.get(t); !strings.Contains(body, "Session ID unknown") {
			t.Fatalf("the next poll got %q", body)
		}
		within(t, b.peer.closed)
	}
}

// A kick that answers a message finds the POST still open.
func TestCloseFromWithinMessage(t *testing.T) {
	h := start(t, library.Config{}, func(h *hub) {
		h.receive = func(p *peer, data string) bool {
			p.end("bye")
			p.messages <- data
			return true
		}
	})
	b := h.poll(t)
	poll := b.later(t)
	if status, body := b.post(t, "4a\x1e4b"); status != http.StatusOK || body != "ok" {
		t.Errorf("post: %d %q", status, body)
	}
	if body := within(t, poll); body != "4bye" {
		t.Errorf("poll: %q", body)
	}
	if _, body := b.get(t); !strings.Contains(body, "Session ID unknown") {
		t.Errorf("the next poll: %q", body)
	}
	within(t, b.peer.closed)
	c, p := h.open(t)
	say(t, c, "4x")
	if m := read(t, c); m != "4bye" {
		t.Errorf("got %q", m)
	}
	_, _, _ = c.ReadMessage()
	within(t, p.closed)
}

func TestServerCloseEndsEverything(t *testing.T) {
	h := start(t, library.Config{})
	c, p := h.open(t)
	b := h.poll(t)
	poll := b.later(t)
	for range 3 { // it waits: a second one would be refused as an overlap
		if status, _ := b.post(t, "4x"); status != http.StatusOK {
			t.Fatal(status)
		}
	}
	idle := h.poll(t)
	read := make(chan error, 1)
	go func() {
		_, _, err := c.ReadMessage()
		read <- err
	}()
	h.close(t)
	for _, l := range []*peer{p, b.peer, idle.peer} {
		if len(l.closed) != 1 {
			t.Errorf("%d times closed", len(l.closed))
		}
	}
	if body := within(t, poll); !strings.Contains(body, "Session ID unknown") {
		t.Errorf("the waiting poll got %q", body)
	}
	if err := within(t, read); !websocket.IsCloseError(err, websocket.CloseNormalClosure) {
		t.Errorf("websocket: %v", err)
	}
	if status, _ := h.do(t, http.MethodGet, "EIO=4&transport=polling", ""); status != http.StatusServiceUnavailable {
		t.Errorf("a handshake after Close: %d", status)
	}
	h.close(t)
}

func TestServerCloseIsBounded(t *testing.T) {
	h := start(t, library.Config{WriteTimeout: time.Hour}, soon)
	_, p := h.open(t)
	p.send(strings.Repeat("x", 64<<20)) // more than any socket buffer takes
	over, cancel := context.WithCancel(t.Context())
	cancel()
	h.Close(over) // does not wait at all
	h.close(t)
	if why := within(t, p.closed); why != wire.ReasonClosed {
		t.Errorf("closed: %s", why)
	}
	if len(p.closed) != 0 {
		t.Error("closed twice")
	}
}

// A browser that says goodbye waits for the server to end the connection.
func TestCloseFrameEndsTheConnection(t *testing.T) {
	h := start(t, library.Config{})
	c, p := h.open(t)
	if err := c.WriteControl(websocket.CloseMessage, nil, time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	within(t, p.closed)
	if _, _, err := c.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseNoStatusReceived) {
		t.Errorf("answered by %v", err)
	}
	if _, err := c.NetConn().Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("then %v", err)
	}
}

func TestPingTimeoutClosesTheLink(t *testing.T) {
	h := start(t, library.Config{PingInterval: 20 * time.Millisecond, PingTimeout: 20 * time.Millisecond})
	_, p := h.open(t)
	if why := within(t, p.closed); why != wire.ReasonPing {
		t.Errorf("closed: %s", why)
	}
	if why := within(t, h.poll(t).peer.closed); why != wire.ReasonPing {
		t.Errorf("closed: %s", why)
	}
}

func TestHeartbeatKeepsTheLink(t *testing.T) {
	h := start(t, library.Config{PingInterval: 5 * time.Millisecond, PingTimeout: time.Second})
	c, p := h.open(t)
	for range 10 {
		if m := read(t, c); m != "2" {
			t.Fatalf("got %q", m)
		}
		say(t, c, "3")
	}
	p.send("x")
	for read(t, c) != "4x" {
		say(t, c, "3")
	}
}

// Connections that come and go leave nothing behind.
func TestChurnLeavesNothing(t *testing.T) {
	h := start(t, library.Config{})
	churn := func(n int) {
		for i := range n {
			var b *poller
			if i%4 >= 2 {
				b = h.poll(t)
			}
			switch i % 4 {
			case 0: // a browser that leaves
				c := h.connect(t, "")
				_ = c.Close()
				within(t, h.next(t).closed)
			case 1: // one that is sent away
				c := h.connect(t, "")
				p := h.next(t)
				p.end()
				read(t, c)
				_, _, _ = c.ReadMessage()
				_ = c.Close()
				within(t, p.closed)
			case 2:
				b.post(t, "4x\x1e1")
				within(t, b.peer.closed)
			case 3:
				c := h.connect(t, b.sid)
				say(t, c, "2probe", "5", "4x")
				within(t, b.peer.messages)
				_ = c.Close()
				within(t, b.peer.closed)
			}
		}
	}
	heap := func() (uint64, int) {
		var m runtime.MemStats
		for range 3 {
			runtime.GC()
		}
		runtime.ReadMemStats(&m)
		return m.HeapAlloc, runtime.NumGoroutine()
	}
	churn(200)
	before, goroutines := heap()
	const n = 2000
	churn(n)
	after, left := heap()
	if grown := int64(after) - int64(before); grown > n*1024 {
		t.Errorf("%d bytes for each of %d connections", grown/n, n)
	}
	for end := time.Now().Add(patience); left > goroutines+10; left = runtime.NumGoroutine() {
		if time.Now().After(end) {
			t.Fatalf("%d goroutines before, %d after", goroutines, left)
		}
		runtime.Gosched() // the last sockets linger
	}
}
