package engineio_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/realtime-hub/hub/hub/internal/socketio/engineio"
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
	h := start(t, engineio.Config{CheckOrigin: onlyApp, MaxPayload: 1000})
	b := h.poll(t)
	_, ws := h.open(t)
	for _, c := range []struct {
		name, method, query, body string
		header                    []string
		status, code              int
	}{
		{"origin, polling", "GET", polling, "", []string{"Origin", evil}, 403, 4},
		{"origin, get", "GET", b.query(), "", []string{"Origin", evil}, 403, 4},
		{"origin, post", "POST", b.query(), "4x", []string{"Origin", evil}, 403, 4},
		{"origin, preflight", "OPTIONS", polling, "", []string{"Origin", evil}, 403, 4},
		{"origin, websocket", "GET", "EIO=4&transport=websocket", "", append([]string{"Origin", evil}, upgradeHeader...), 403, 4},
		{"origin, probe", "GET", "EIO=4&transport=websocket&sid=" + b.sid, "", append([]string{"Origin", evil}, upgradeHeader...), 403, 4},
		{"method PUT", "PUT", b.query(), "4x", nil, 405, 3},
		{"method DELETE", "DELETE", polling, "", nil, 405, 3},
		{"transport unknown", "GET", "EIO=4&transport=flash", "", nil, 400, 0},
		{"transport webtransport", "GET", "EIO=4&transport=webtransport", "", nil, 400, 0},
		{"transport missing", "GET", "EIO=4", "", nil, 400, 0},
		{"Engine.IO 3", "GET", "EIO=3&transport=polling", "", nil, 400, 5},
		{"Engine.IO 3, websocket", "GET", "EIO=3&transport=websocket", "", upgradeHeader, 400, 5},
		{"version missing", "GET", "transport=polling", "", nil, 400, 5},
		{"version twice", "GET", "EIO=4&EIO=3&transport=polling", "", nil, 400, 3},
		{"transport twice", "GET", polling + "&transport=websocket", "", nil, 400, 3},
		{"sid twice", "GET", b.query() + "&sid=other", "", nil, 400, 3},
		{"query malformed", "GET", polling + "&a=%zz", "", nil, 400, 3},
		{"sid unknown", "GET", polling + "&sid=AAAAAAAAAAAAAAAAAAAA", "", nil, 400, 1},
		{"sid unknown, post", "POST", polling + "&sid=AAAAAAAAAAAAAAAAAAAA", "4x", nil, 400, 1},
		{"sid unknown, websocket", "GET", "EIO=4&transport=websocket&sid=AAAAAAAAAAAAAAAAAAAA", "", upgradeHeader, 400, 1},
		{"handshake by post", "POST", polling, "4x", nil, 400, 2},
		{"octet-stream", "POST", b.query(), "4x", []string{"Content-Type", "Application/Octet-Stream; a=b"}, 400, 3},
		{"body of a get", "GET", b.query(), "4x", nil, 400, 3},
		{"websocket without upgrade", "GET", "EIO=4&transport=websocket", "", nil, 400, 3},
		{"websocket without key", "GET", "EIO=4&transport=websocket", "", upgradeHeader[:6], 400, 3},
		{"websocket of another version", "GET", "EIO=4&transport=websocket", "", upgradeHeader[:4], 426, 3},
		{"probe without upgrade", "GET", "EIO=4&transport=websocket&sid=" + b.sid, "", nil, 400, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, body := h.do(t, c.method, c.query, c.body, c.header...)
			e := struct {
				Code    int
				Message string
			}{Code: -1}
			if err := json.Unmarshal([]byte(body), &e); err != nil || e.Message == "" {
				t.Fatalf("%d %q", status, body)
			}
			if status != c.status || e.Code != c.code {
				t.Errorf("got %d, code %d; want %d, code %d", status, e.Code, c.status, c.code)
			}
		})
	}
	if n := len(b.messages) + len(b.closed) + len(ws.closed) + len(h.links); n != 0 {
		t.Errorf("a refused request did something: %d", n)
	}
	if r, err := http.Get("http://" + h.address + "/engine.io/?" + polling); err != nil || r.StatusCode != http.StatusNotFound {
		t.Errorf("another path: %v %v", r, err)
	} else {
		_ = r.Body.Close()
	}
}

func TestOpenTellsWhatHolds(t *testing.T) {
	h := start(t, engineio.Config{MaxPayload: 1234, PingInterval: 5 * time.Second, PingTimeout: 4 * time.Second})
	_, body := h.do(t, http.MethodGet, polling, "")
	c := h.dial(t, "")
	for name, open := range map[string]string{"polling": body, "websocket": read(t, c)} {
		var o handshake
		if err := json.Unmarshal([]byte(open[1:]), &o); err != nil || open[0] != '0' {
			t.Fatalf("%s: %q", name, open)
		}
		if o.PingInterval != 5000 || o.PingTimeout != 4000 || o.MaxPayload != 1234 || len(o.SID) != 20 || len(o.Upgrades) > 0 != (name == "polling") {
			t.Errorf("%s: %+v", name, o)
		}
	}
	if r := h.next(t).request; r.RemoteAddr == "" || r.Header.Get("User-Agent") == "" {
		t.Errorf("the door got %+v", r)
	}
}

func TestAllowedPageMayReadTheAnswers(t *testing.T) {
	h := start(t, engineio.Config{CheckOrigin: onlyApp})
	r, _, err := h.try(http.MethodOptions, polling, "",
		"Origin", app, "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization")
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
	b := h.poll(t)
	b.send("x")
	for _, c := range [][3]string{{"GET", polling}, {"GET", b.query()}, {"POST", b.query(), "4x"}, {"POST", b.query(), "bad"}} {
		r, _, err := h.try(c[0], c[1], c[2], "Origin", app)
		if err != nil || r.Header.Get("Access-Control-Allow-Origin") != app || r.Header.Get("Vary") != "Origin" {
			t.Errorf("%q: %v %v", c, r, err)
		}
	}
}

func TestNothingIsCompressedAndNoCookieSet(t *testing.T) {
	h := start(t, engineio.Config{})
	b := h.poll(t)
	b.send(strings.Repeat("x", 10_000))
	r, _, err := h.try(http.MethodGet, b.query(), "", "Accept-Encoding", "gzip, br")
	if err != nil || r.ContentLength != 10_001 || r.Header.Get("Content-Encoding") != "" || r.Header.Get("Set-Cookie") != "" {
		t.Errorf("%v %v", r, err)
	}
	d := websocket.Dialer{EnableCompression: true}
	c, r, err := d.Dial("ws://"+h.address+"/socket.io/?EIO=4&transport=websocket", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if e := r.Header.Get("Sec-WebSocket-Extensions"); e != "" || r.Header.Get("Set-Cookie") != "" {
		t.Errorf("extensions %q, cookie %q", e, r.Header.Get("Set-Cookie"))
	}
}

// refused tells whether a handshake of each transport is answered 503.
func (h *hub) refused(t *testing.T) {
	t.Helper()
	r, _, err := h.try(http.MethodGet, polling, "")
	if err != nil || r.StatusCode != http.StatusServiceUnavailable || r.Header.Get("Retry-After") == "" {
		t.Errorf("polling: %v %v", r, err)
	}
	_, r, err = websocket.DefaultDialer.Dial("ws://"+h.address+"/socket.io/?EIO=4&transport=websocket", nil)
	if err == nil || r.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("websocket: %v", err)
	}
}

func TestLinksBeyondTheLimitAreRefusedAndSeatsComeBack(t *testing.T) {
	h := start(t, engineio.Config{MaxConnections: 2})
	for range 3 {
		c, p := h.open(t)
		b := h.poll(t)
		h.refused(t)
		_ = c.Close()
		within(t, p.closed)
		other := h.poll(t)
		h.refused(t)
		b.Conn().End()
		within(t, b.closed)
		u := h.dial(t, other.sid) // an upgrade takes no seat, and gives none back
		say(t, u, "2probe", "5", "4x")
		within(t, other.messages)
		b = h.poll(t)
		h.refused(t)
		_ = u.Close()
		within(t, other.closed)
		b.Conn().Abort(wire.ReasonClosed)
		within(t, b.closed)
	}
	for range 3 { // those that fail keep none either
		h.do(t, http.MethodGet, "EIO=4&transport=websocket", "", upgradeHeader[:4]...)
	}
	h.poll(t)
	h.poll(t)
}

// What cannot be taken over (HTTP/2, a middleware in between) is answered, and
// keeps no seat.
func TestSocketThatCannotBeTakenOverKeepsNoSeat(t *testing.T) {
	h := start(t, engineio.Config{MaxConnections: 1})
	try := func(sid string) {
		t.Helper()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/socket.io/?EIO=4&transport=websocket"+sid, nil)
		for i := 0; i < len(upgradeHeader); i += 2 {
			r.Header.Set(upgradeHeader[i], upgradeHeader[i+1])
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != http.StatusInternalServerError {
			t.Errorf("answered %d", w.Code)
		}
	}
	try("")
	b := h.poll(t)
	try("&sid=" + b.sid)
	c := b.probe(t) // it may be tried again
	say(t, c, "5", "4x")
	within(t, b.messages)
}

func TestFullDoorTakesNoLink(t *testing.T) {
	h := start(t, engineio.Config{})
	b := h.poll(t)
	h.full.Store(true)
	h.refused(t)
	c := h.dial(t, b.sid) // a link that is there is not refused
	say(t, c, "2probe", "5", "4x")
	within(t, b.messages)
	h.full.Store(false)
	h.open(t)
}
