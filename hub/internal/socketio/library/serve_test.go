package library_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/realtime-hub/hub/hub/internal/socketio/library"
	"github.com/realtime-hub/hub/hub/internal/wire"
)

const (
	app  = "https://app.example"
	evil = "https://evil.example"
)

var upgradeHeader = []string{
	"Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==",
}

func onlyApp(r *http.Request) bool { return r.Header.Get("Origin") != evil }

func TestRequestsThatNoClientSendsAreRefused(t *testing.T) {
	h := start(t, library.Config{CheckOrigin: onlyApp, MaxPayload: 1000})
	b := h.poll(t)
	_, ws := h.open(t)
	open := "EIO=4&transport=polling"
	for _, c := range []struct {
		name, method, query, body string
		header                    []string
		status, code              int
	}{
		{"origin, polling", "GET", open, "", []string{"Origin", evil}, 403, 4},
		{"origin, post", "POST", b.query(), "4x", []string{"Origin", evil}, 403, 4},
		{"origin, preflight", "OPTIONS", open, "", []string{"Origin", evil}, 403, 4},
		{"origin, websocket", "GET", "EIO=4&transport=websocket", "", append([]string{"Origin", evil}, upgradeHeader...), 403, 4},
		{"method PUT", "PUT", b.query(), "4x", nil, 405, 3},
		{"method DELETE", "DELETE", open, "", nil, 405, 3},
		{"transport unknown", "GET", "EIO=4&transport=flash", "", nil, 400, 0},
		{"transport webtransport", "GET", "EIO=4&transport=webtransport", "", nil, 400, 0},
		{"transport missing", "GET", "EIO=4", "", nil, 400, 0},
		{"Engine.IO 2", "GET", "EIO=2&transport=polling", "", nil, 400, 5},
		{"Engine.IO 5, websocket", "GET", "EIO=5&transport=websocket", "", upgradeHeader, 400, 5},
		{"Engine.IO 34", "GET", "EIO=34&transport=polling", "", nil, 400, 5},
		{"another version than the link's", "POST", strings.Replace(b.query(), "=4", "=3", 1), "2:4x", nil, 400, 3},
		{"another version, websocket", "GET", "EIO=3&transport=websocket&sid=" + b.sid, "", upgradeHeader, 400, 3},
		{"version missing", "GET", "transport=polling", "", nil, 400, 5},
		{"version twice", "GET", "EIO=4&EIO=3&transport=polling", "", nil, 400, 3},
		{"sid twice", "GET", b.query() + "&sid=other", "", nil, 400, 3},
		{"query malformed", "GET", open + "&a=%zz", "", nil, 400, 3},
		{"sid unknown", "GET", open + "&sid=AAAAAAAAAAAAAAAAAAAA", "", nil, 400, 1},
		{"sid unknown, post", "POST", open + "&sid=AAAAAAAAAAAAAAAAAAAA", "4x", nil, 400, 1},
		{"sid unknown, websocket", "GET", "EIO=4&transport=websocket&sid=AAAAAAAAAAAAAAAAAAAA", "", upgradeHeader, 400, 1},
		{"handshake by post", "POST", open, "4x", nil, 400, 2},
		{"websocket without upgrade", "GET", "EIO=4&transport=websocket", "", nil, 400, 3},
		{"websocket without key", "GET", "EIO=4&transport=websocket", "", upgradeHeader[:6], 400, 3},
		{"octet-stream", "POST", b.query(), "4x", []string{"Content-Type", "Application/Octet-Stream; a=b"}, 400, 3},
		{"body of a get", "GET", b.query(), "4x", nil, 400, 3},
		{"too large", "POST", b.query(), "4" + strings.Repeat("x", 1000), nil, 413, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, body := h.do(t, c.method, c.query, c.body, c.header...)
			var e struct {
				Code    *int
				Message string
			}
			if err := json.Unmarshal([]byte(body), &e); err != nil || e.Code == nil || e.Message == "" {
				t.Fatalf("%d %q", status, body)
			}
			if status != c.status || *e.Code != c.code {
				t.Errorf("got %d, code %d; want %d, code %d", status, *e.Code, c.status, c.code)
			}
		})
	}
	if n := len(b.peer.messages) + len(b.peer.closed) + len(ws.closed) + len(h.links); n != 0 {
		t.Errorf("a refused request did something: %d", n)
	}
	if r, err := http.Get("http://" + h.address + "/engine.io/?" + open); err != nil || r.StatusCode != http.StatusNotFound {
		t.Errorf("another path: %v %v", r, err)
	} else {
		_ = r.Body.Close()
	}
}

func TestChunkedBodyOverTheLimitIsNotProcessed(t *testing.T) {
	h := start(t, library.Config{MaxPayload: 1000})
	b := h.poll(t)
	request, _ := http.NewRequest(http.MethodPost, h.url(b.query()), io.MultiReader(strings.NewReader("4first\x1e4"), strings.NewReader(strings.Repeat("x", 2000))))
	request.ContentLength = -1
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("status %d", response.StatusCode)
	}
	// What says that it is too long is not read at all.
	conn, err := net.Dial("tcp", h.address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST /socket.io/?%s HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n", b.query())
	if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.Contains(line, " 413 ") {
		t.Errorf("a long body was answered %q %v", line, err)
	}
	if status, _ := b.post(t, "4second"); status != http.StatusOK {
		t.Errorf("the link is gone: %d", status)
	}
	if m := within(t, b.peer.messages); m != "second" {
		t.Errorf("received %q", m)
	}
}

func TestInvalidPollingPacketEndsTheLink(t *testing.T) {
	h := start(t, library.Config{})
	for _, body := range []string{"", "9", "4a\x1e", "4a\x1e\x1e4b", "2", "2probe", "5", "0{}", "b!", "4a\x1ex", strings.Repeat("4\x1e", 5000) + "4"} {
		b := h.poll(t)
		poll := b.later(t)
		if status, answer := b.post(t, body); status != http.StatusBadRequest {
			t.Errorf("%.20q: %d %q", body, status, answer)
		}
		if why := within(t, b.peer.closed); why != wire.ReasonProtocol {
			t.Errorf("%.20q: closed: %s", body, why)
		}
		if got := within(t, poll); !strings.Contains(got, "Session ID unknown") {
			t.Errorf("%.20q: the waiting poll got %q", body, got)
		}
		if len(b.peer.messages) != 0 {
			t.Errorf("%.20q was processed", body)
		}
	}
}

func TestSecondPollEndsTheLinkAndAnswersBoth(t *testing.T) {
	h := start(t, library.Config{})
	b := h.poll(t)
	first, second := b.later(t), b.later(t)
	within(t, b.peer.closed)
	within(t, first)
	within(t, second)
}

func TestOversizedMessageClosesWith1009(t *testing.T) {
	h := start(t, library.Config{MaxPayload: 1000})
	for _, size := range []int{1000, 1 << 20} {
		c, p := h.open(t)
		c.SetCloseHandler(func(int, string) error { return nil }) // no answer, which would swallow a reset
		_ = c.WriteMessage(websocket.TextMessage, []byte("4"+strings.Repeat("x", size)))
		if _, _, err := c.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseMessageTooBig) {
			t.Errorf("%d bytes: %v", size, err)
		}
		// An orderly end, not a reset that may overtake the close frame.
		if _, err := c.NetConn().Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("%d bytes: then %v", size, err)
		}
		within(t, p.closed)
		if len(p.messages) != 0 {
			t.Error("it was processed")
		}
	}
}

func TestNothingIsCompressedAndNoCookieSet(t *testing.T) {
	h := start(t, library.Config{})
	b := h.poll(t)
	b.peer.send(strings.Repeat("x", 10_000))
	answer, _, err := h.try(http.MethodGet, b.query(), "", []string{"Accept-Encoding", "gzip, br"})
	if err != nil || answer.ContentLength != 10_001 || answer.Header.Get("Content-Encoding") != "" || answer.Header.Get("Set-Cookie") != "" {
		t.Errorf("%v %v", answer, err)
	}
	d := websocket.Dialer{EnableCompression: true}
	c, r, err := d.Dial("ws://"+h.address+"/socket.io/?EIO=4&transport=websocket", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if e := r.Header.Get("Sec-WebSocket-Extensions"); e != "" {
		t.Errorf("extensions %q", e)
	}
	if r.Header.Get("Set-Cookie") != "" {
		t.Error("a cookie")
	}
}

func TestAllowedPageMayReadTheAnswers(t *testing.T) {
	h := start(t, library.Config{CheckOrigin: onlyApp})
	r, _, err := h.try(http.MethodOptions, "EIO=4&transport=polling", "",
		[]string{"Origin", app, "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization"})
	if err != nil || r.StatusCode != http.StatusNoContent {
		t.Fatalf("preflight: %v %v", r, err)
	}
	for name, want := range map[string]string{
		"Access-Control-Allow-Origin": app, "Access-Control-Allow-Credentials": "true",
		"Access-Control-Allow-Methods": "GET, POST, OPTIONS", "Access-Control-Allow-Headers": "authorization",
	} {
		if got := r.Header.Get(name); got != want {
			t.Errorf("preflight %s: %q", name, got)
		}
	}
	r, _, err = h.try(http.MethodGet, "EIO=4&transport=polling", "", []string{"Origin", app})
	if err != nil || r.StatusCode != http.StatusOK || r.Header.Get("Access-Control-Allow-Origin") != app || r.Header.Get("Vary") != "Origin" {
		t.Errorf("poll: %v %v", r, err)
	}
	if got := h.next(t).request; got.Header.Get("Origin") != app || got.RemoteAddr == "" {
		t.Errorf("the door got %+v", got)
	}
	c, _, err := websocket.DefaultDialer.Dial("ws://"+h.address+"/socket.io/?EIO=4&transport=websocket", http.Header{"Origin": {app}})
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
}

func TestConnectionsBeyondTheLimitAreRefused(t *testing.T) {
	h := start(t, library.Config{MaxConnections: 2})
	c, p := h.open(t)
	h.poll(t)
	for range 3 {
		if status, _ := h.do(t, http.MethodGet, "EIO=4&transport=polling", ""); status != http.StatusServiceUnavailable {
			t.Errorf("polling: %d", status)
		}
		_, r, err := websocket.DefaultDialer.Dial("ws://"+h.address+"/socket.io/?EIO=4&transport=websocket", nil)
		if err == nil || r.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("websocket: %v", err)
		}
	}
	_ = c.Close()
	within(t, p.closed)
	h.untilSeated(t)
	if status, _ := h.do(t, http.MethodGet, "EIO=4&transport=polling", ""); status != http.StatusServiceUnavailable {
		t.Errorf("a seat too many: %d", status)
	}
}

// A door that takes no more is not asked for a link.
func TestFullDoorRefusesBeforeALinkBegins(t *testing.T) {
	h := start(t, library.Config{})
	h.full.Store(true)
	for _, header := range [][]string{nil, upgradeHeader} {
		transport := "polling"
		if header != nil {
			transport = "websocket"
		}
		if status, _ := h.do(t, http.MethodGet, "EIO=4&transport="+transport, "", header...); status != http.StatusServiceUnavailable {
			t.Errorf("%s: %d", transport, status)
		}
	}
	if len(h.links) != 0 {
		t.Error("a link began")
	}
	h.full.Store(false)
	h.poll(t)
}

// untilSeated opens a polling link. A seat is free a moment after its last
// owner has heard of the end.
func (h *hub) untilSeated(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(patience); ; {
		status, _ := h.do(t, http.MethodGet, "EIO=4&transport=polling", "")
		if status == http.StatusOK {
			return
		}
		if status != http.StatusServiceUnavailable || time.Now().After(end) {
			t.Fatalf("no seat: %d", status)
		}
	}
}

func TestFailedHandshakeKeepsNoSeat(t *testing.T) {
	h := start(t, library.Config{MaxConnections: 1})
	h.do(t, http.MethodGet, "EIO=4&transport=websocket", "", "Connection", "Upgrade", "Upgrade", "websocket")
	h.untilSeated(t)
}

// http.Server's time-outs are for requests; a poll waits longer.
func TestTimeoutsOfTheServerDoNotEndAPoll(t *testing.T) {
	const short = 50 * time.Millisecond
	h := start(t, library.Config{BodyTimeout: 5 * short}, func(h *hub) {
		h.server.ReadTimeout, h.server.WriteTimeout, h.server.IdleTimeout = short, short, patience
	})
	b := h.poll(t)
	got := b.later(t)
	h.slowBody(t, b) // by its end every time-out has passed
	b.peer.send("late")
	if body := within(t, got); body != "4late" {
		t.Errorf("poll: %q", body)
	}
}

func TestSlowBodyIsNotWaitedFor(t *testing.T) {
	h := start(t, library.Config{BodyTimeout: 50 * time.Millisecond})
	h.slowBody(t, h.poll(t))
}

// slowBody announces a body that never comes, and waits for the answer.
func (h *hub) slowBody(t *testing.T, b *poller) {
	t.Helper()
	conn, err := net.Dial("tcp", h.address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST /socket.io/?%s HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 10\r\n\r\n4", b.query())
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	r, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || r.StatusCode != http.StatusRequestTimeout {
		t.Errorf("slow body: %v %v", r, err)
	}
}
