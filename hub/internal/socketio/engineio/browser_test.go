package engineio_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

const polling = "EIO=4&transport=polling"

// dial opens a WebSocket until the test ends, probing the polling link sid if
// there is one.
func (h *hub) dial(t testing.TB, sid string) *websocket.Conn {
	t.Helper()
	c := h.connect(t, sid)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func (h *hub) connect(t testing.TB, sid string) *websocket.Conn {
	t.Helper()
	query := "/socket.io/?EIO=4&transport=websocket"
	if sid != "" {
		query += "&sid=" + sid
	}
	c, response, err := websocket.DefaultDialer.Dial("ws://"+h.address+query, nil)
	if err != nil {
		t.Fatalf("dial: %v (%v)", err, response)
	}
	_ = c.SetReadDeadline(time.Now().Add(patience))
	return c
}

func read(t testing.TB, c *websocket.Conn) string {
	t.Helper()
	_, data, err := c.ReadMessage()
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	return string(data)
}

func say(t testing.TB, c *websocket.Conn, messages ...string) {
	t.Helper()
	for _, m := range messages {
		if err := c.WriteMessage(websocket.TextMessage, []byte(m)); err != nil {
			t.Fatalf("write: %v", err)
		}
	}
}

// open dials a WebSocket-only link and reads its OPEN.
func (h *hub) open(t testing.TB) (*websocket.Conn, *peer) {
	t.Helper()
	c := h.dial(t, "")
	if m := read(t, c); !strings.HasPrefix(m, `0{`) {
		t.Fatalf("no OPEN but %q", m)
	}
	return c, h.next(t)
}

// poller is a browser that polls.
type poller struct {
	*peer

	sid string
}

// handshake is what OPEN tells.
type handshake struct {
	SID                                   string
	Upgrades                              []string
	PingInterval, PingTimeout, MaxPayload int
}

// poll opens a polling link.
func (h *hub) poll(t testing.TB) *poller {
	t.Helper()
	status, body := h.do(t, http.MethodGet, polling, "")
	if status != http.StatusOK || sidOf(body) == "" {
		t.Fatalf("handshake: %d %q", status, body)
	}
	return &poller{sid: sidOf(body), peer: h.next(t)}
}

// sidOf is the sid that an OPEN tells.
func sidOf(open string) string {
	var o handshake
	if !strings.HasPrefix(open, "0") || json.Unmarshal([]byte(open[1:]), &o) != nil {
		return ""
	}
	return o.SID
}

func (p *poller) query() string { return polling + "&sid=" + p.sid }

func (p *poller) get(t testing.TB) (int, string) {
	t.Helper()
	return p.hub.do(t, http.MethodGet, p.query(), "")
}

func (p *poller) post(t testing.TB, body string) (int, string) {
	t.Helper()
	return p.hub.do(t, http.MethodPost, p.query(), body)
}

// later is a request that waits.
func (p *poller) later(method, body string) <-chan string {
	got := make(chan string, 1)
	go func() {
		_, answer, err := p.hub.try(method, p.query(), body)
		if err != nil {
			answer = err.Error()
		}
		got <- answer
	}()
	return got
}

// waiting is a poll that the hub has begun to answer.
func (p *poller) waiting(t testing.TB) <-chan string {
	t.Helper()
	got := p.later(http.MethodGet, "")
	p.send("waits")
	if m := within(t, got); m != "4waits" {
		t.Fatalf("polled %q", m)
	}
	// Whether this one waits nobody tells: the tests hold with both.
	return p.later(http.MethodGet, "")
}

func (h *hub) do(t testing.TB, method, query, body string, header ...string) (int, string) {
	t.Helper()
	r, text, err := h.try(method, query, body, header...)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, text
}

func (h *hub) try(method, query, body string, header ...string) (*http.Response, string, error) {
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

// nothingKept waits until every link is forgotten.
func (h *hub) nothingKept(t testing.TB) {
	t.Helper()
	eventually(t, "empty", func() bool { sids, seats := h.Kept(); return sids == 0 && seats == 0 })
}

// smallBuffers has sockets take little.
func smallBuffers(h *hub) {
	h.http.ConnState = func(c net.Conn, state http.ConnState) {
		if tcp, ok := c.(*net.TCPConn); ok && state == http.StateNew {
			_ = tcp.SetWriteBuffer(1 << 12)
		}
	}
}

// raw is bare, until the test ends.
func (h *hub) raw(t testing.TB, text string) net.Conn {
	t.Helper()
	c := h.bare(t, text)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// bare is a connection with these bytes on their way.
func (h *hub) bare(t testing.TB, text string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", h.address)
	if err != nil {
		t.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	return c
}

// answer reads a response's status and body.
func answer(t testing.TB, r *bufio.Reader) (int, string) {
	t.Helper()
	response, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	return response.StatusCode, string(body)
}

// frame is a client's masked text frame of at most 125 bytes.
func frame(text string) string {
	f := []byte{0x81, 0x80 | byte(len(text)), 1, 2, 3, 4}
	for i := range len(text) {
		f = append(f, text[i]^f[2+i%4])
	}
	return string(f)
}

// upgradeRequest is a WebSocket handshake, raw.
func upgradeRequest(sid string) string {
	if sid != "" {
		sid = "&sid=" + sid
	}
	return fmt.Sprintf("GET /socket.io/?EIO=4&transport=websocket%s HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"+
		"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", sid)
}
