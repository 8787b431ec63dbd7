package library_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/realtime-hub/hub/hub/internal/socketio/library"
	"github.com/realtime-hub/hub/hub/internal/wire"
)

// frame is a client's masked text frame of at most 125 bytes.
func frame(text string) []byte {
	f := []byte{0x81, 0x80 | byte(len(text)), 1, 2, 3, 4}
	for i := range len(text) {
		f = append(f, text[i]^f[2+i%4])
	}
	return f
}

func upgradeRequest(query string) string {
	return "GET /socket.io/?EIO=4&transport=websocket" + query + " HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n" +
		"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
}

// eager is a connection whose browser wrote before it was asked to: its bytes
// can be read at once, and nothing may until the handler has returned.
type eager struct {
	net.Conn
	early    io.Reader
	returned *atomic.Bool
	tooEarly *atomic.Int64
}

func (c *eager) Read(p []byte) (int, error) {
	if !c.returned.Load() {
		c.tooEarly.Add(1)
	}
	if n, _ := c.early.Read(p); n > 0 {
		return n, nil
	}
	return c.Conn.Read(p)
}

type eagerWriter struct {
	http.ResponseWriter
	conn eager
}

func (w *eagerWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(w.ResponseWriter).Hijack()
	w.conn.Conn = conn
	return &w.conn, rw, err
}

func TestNothingBehindAnUpgradeIsReadBeforeItIsListenedTo(t *testing.T) {
	var tooEarly atomic.Int64
	h := start(t, library.Config{}, func(h *hub) {
		h.accept = func(*peer) {
			for range 1000 { // the reader's chance
				runtime.Gosched()
			}
		}
		h.wrap = func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				e := &eagerWriter{ResponseWriter: w, conn: eager{
					early: bytes.NewReader(append(frame("3"), frame("40")...)), returned: &atomic.Bool{}, tooEarly: &tooEarly,
				}}
				next.ServeHTTP(e, r)
				e.conn.returned.Store(true)
			})
		}
	})
	for range 200 {
		c, p := h.open(t)
		if m := within(t, p.messages); m != "0" {
			t.Fatalf("received %q", m)
		}
		_ = c.Close()
		within(t, p.closed)
	}
	// The guard opens a moment before the handler of this test returns, so a
	// few reads may look early; without the guard all 200 are.
	if n := tooEarly.Load(); n > 100 {
		t.Errorf("%d connections were read too early", n)
	}
}

// Nobody who writes too early ends the process, or anything but himself.
func TestEarlyPongsDoNoHarm(t *testing.T) {
	h := start(t, library.Config{})
	attack := func(pieces ...[]byte) {
		conn, err := net.Dial("tcp", h.address)
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		for _, p := range pieces {
			if _, err := conn.Write(p); err != nil {
				return
			}
		}
		_ = conn.SetReadDeadline(time.Now().Add(patience))
		_, _ = conn.Read(make([]byte, 256))
	}
	request, pong := []byte(upgradeRequest("")), frame("3")
	var attackers sync.WaitGroup
	for range 4 {
		attackers.Go(func() {
			for range 250 {
				attack(append(bytes.Clone(request), pong...)) // in one write
				attack(request, pong, pong)                   // right behind it
			}
		})
	}
	attackers.Wait()
	for len(h.links) > 0 {
		within(t, h.next(t).closed)
	}
	c, p := h.open(t)
	say(t, c, "4hello")
	if m := within(t, p.messages); m != "hello" {
		t.Errorf("received %q", m)
	}
	if strings.Contains(h.log.String(), "panic") {
		t.Error(h.log.String())
	}
}

func TestConnectRightBehindTheUpgradeIsNeverLost(t *testing.T) {
	h := start(t, library.Config{})
	for range 500 {
		c := h.dial(t, "")
		say(t, c, "40") // without waiting for OPEN
		p := h.next(t)
		if m := within(t, p.messages); m != "0" {
			t.Fatalf("received %q", m)
		}
		_ = c.Close()
	}
}

// A browser may use its sid in the instant it gets it.
func TestPollRightBehindTheHandshakeIsNeverUnknown(t *testing.T) {
	h := start(t, library.Config{})
	for range 300 {
		b := h.poll(t)
		b.peer.send(strings.Repeat("x", 100_000)) // an answer that is out before its handler is
		for range 3 {
			if status, _ := b.post(t, "4x"); status != http.StatusOK {
				t.Fatalf("post: %d", status)
			}
		}
		if status, body := b.get(t); status != http.StatusOK || len(body) != 100_001 {
			t.Fatalf("poll: %d, %d bytes", status, len(body))
		}
		b.peer.send("y")
		if status, body := b.get(t); status != http.StatusOK || body != "4y" {
			t.Fatalf("poll: %d %q", status, body)
		}
		b.post(t, "1")
	}
}

func TestPanicInTheDoorEndsThatLinkOnly(t *testing.T) {
	h := start(t, library.Config{}, func(h *hub) {
		h.accept = func(p *peer) {
			if p.request.Header.Get("X-Panic") != "" {
				panic("in Accept")
			}
		}
		h.receive = func(p *peer, data string) bool {
			if data == "panic" {
				panic("in Message")
			}
			p.messages <- data
			return true
		}
	})
	good, q := h.open(t)
	bad, p := h.open(t)
	b := h.poll(t)
	say(t, bad, "4panic")
	within(t, p.closed)
	if status, _ := b.post(t, "4panic"); status != http.StatusOK {
		t.Errorf("post: %d", status)
	}
	within(t, b.peer.closed)
	for _, transport := range []string{"polling", "websocket"} {
		r, _, err := h.try(http.MethodGet, "EIO=4&transport="+transport, "", append([]string{"X-Panic", "1"}, upgradeHeader...))
		if err != nil && transport == "polling" {
			t.Errorf("%s: %v %v", transport, r, err)
		}
	}
	say(t, good, "4hello")
	if m := within(t, q.messages); m != "hello" {
		t.Errorf("received %q", m)
	}
	log := h.log.String()
	for _, where := range []string{"in Accept", "in Message"} {
		if !strings.Contains(log, where) {
			t.Errorf("%q is not in the log", where)
		}
	}
	if strings.Contains(log, b.sid) {
		t.Error("a sid is in the log")
	}
}

// Who knows the sid of a WebSocket link cannot take it over with another.
func TestWebSocketLinkCannotBeTakenOver(t *testing.T) {
	h := start(t, library.Config{})
	victim := h.dial(t, "")
	open := read(t, victim)
	p := h.next(t)
	var o struct{ Sid string }
	if err := json.Unmarshal([]byte(open[1:]), &o); err != nil {
		t.Fatal(err)
	}
	status, body := h.do(t, http.MethodGet, "EIO=4&transport=websocket&sid="+o.Sid, "", upgradeHeader...)
	if status != http.StatusBadRequest || !strings.Contains(body, "Bad request") {
		t.Errorf("%d %q", status, body)
	}
	p.send("still mine")
	if m := read(t, victim); m != "4still mine" {
		t.Errorf("got %q", m)
	}
}

// A browser that never reads but sends pongs is closed by the write's time.
func TestPeerThatDoesNotReadIsClosed(t *testing.T) {
	h := start(t, library.Config{WriteTimeout: 100 * time.Millisecond})
	_, p := h.open(t)
	p.send(strings.Repeat("x", 64<<20)) // more than any socket buffer takes
	if why := within(t, p.closed); why != wire.ReasonStalled {
		t.Errorf("closed: %s", why)
	}
}

func TestAbortedPollEndsTheLink(t *testing.T) {
	h := start(t, library.Config{})
	b := h.poll(t)
	conn, err := net.Dial("tcp", h.address)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "GET /socket.io/?%s HTTP/1.1\r\nHost: x\r\n\r\n", b.query())
	b.peer.send("arrived")
	if _, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "GET /socket.io/?%s HTTP/1.1\r\nHost: x\r\n\r\n", b.query())
	_ = conn.Close()
	if why := within(t, b.peer.closed); why != wire.ReasonGone {
		t.Errorf("closed: %s", why)
	}
}
