package engineio_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/realtime-hub/hub/hub/internal/socketio/engineio"
)

// secure serves the hub over TLS, too.
func (h *hub) secure(t *testing.T) (*httptest.Server, *websocket.Dialer) {
	t.Helper()
	s := httptest.NewUnstartedServer(h.Server)
	s.StartTLS()
	t.Cleanup(s.Close)
	trust := s.Client().Transport.(*http.Transport).TLSClientConfig
	return s, &websocket.Dialer{TLSClientConfig: &tls.Config{RootCAs: trust.RootCAs, MinVersion: tls.VersionTLS12}}
}

func fetch(t *testing.T, s *httptest.Server, query, body string) string {
	t.Helper()
	method := http.MethodGet
	if body != "" {
		method = http.MethodPost
	}
	r, err := http.NewRequestWithContext(t.Context(), method, s.URL+"/socket.io/?"+query, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	response, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body)
	return string(text)
}

func TestTheSameOverTLS(t *testing.T) {
	h := start(t, engineio.Config{}, full)
	s, dialer := h.secure(t)
	dial := func(sid string) *websocket.Conn {
		t.Helper()
		c, r, err := dialer.Dial("wss"+strings.TrimPrefix(s.URL, "https")+"/socket.io/?EIO=4&transport=websocket"+sid, nil)
		if err != nil {
			t.Fatalf("%v %v", r, err)
		}
		_ = c.SetReadDeadline(time.Now().Add(patience))
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	c := dial("")
	if m := read(t, c); sidOf(m) == "" {
		t.Fatalf("no OPEN but %q", m)
	}
	p := h.next(t)
	say(t, c, "4hello")
	within(t, p.messages)
	p.send(strings.Repeat("x", 200_000))
	if m := read(t, c); len(m) != 200_001 {
		t.Errorf("%d bytes", len(m))
	}

	sid := sidOf(fetch(t, s, polling, ""))
	b := &poller{sid: sid, peer: h.next(t)}
	b.send("polled")
	if m := fetch(t, s, b.query(), ""); m != "4polled" {
		t.Errorf("polled %q", m)
	}
	if m := fetch(t, s, b.query(), "4posted"); m != "ok" {
		t.Errorf("posted: %q", m)
	}
	within(t, b.messages)
	const all = 500
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for i := range all {
			b.send(fmt.Sprint(i))
		}
	}()
	var got collector
	u := dial("&sid=" + sid)
	say(t, u, "2probe")
	if m := read(t, u); m != "3probe" {
		t.Fatalf("probe answered %q", m)
	}
	if err := got.take(fetch(t, s, b.query(), "")); err != nil {
		t.Error(err)
	}
	say(t, u, "5", "4after")
	for got.next < all {
		if err := got.take(read(t, u)); err != nil {
			t.Fatal(err)
		}
	}
	<-sent
	if m := within(t, b.messages); m != "after" {
		t.Errorf("received %q", m)
	}
	for _, l := range []*peer{p, b.peer} {
		l.Conn().End(message("bye"))
	}
	for _, c := range []*websocket.Conn{c, u} {
		if m := read(t, c); m != "4bye" {
			t.Errorf("got %q", m)
		}
		if _, _, err := c.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseNormalClosure) {
			t.Errorf("closed by %v", err)
		}
		_ = c.Close()
	}
	within(t, p.closed)
	within(t, b.closed)
}

// What came behind the request fills the receiver: what the socket brings
// waits, as it does without TLS.
func TestFullReceiverStopsAnUpgradeAtOnce(t *testing.T) {
	h := start(t, engineio.Config{}, full)
	s, _ := h.secure(t)
	h.fullAtOnce(t, h.raw(t, ""))
	c, err := tls.Dial("tcp", s.Listener.Addr().String(), s.Client().Transport.(*http.Transport).TLSClientConfig)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	h.fullAtOnce(t, c)
}

func (h *hub) fullAtOnce(t *testing.T, c io.Writer) {
	t.Helper()
	_, _ = io.WriteString(c, upgradeRequest("")+frame("4full")+frame("4second"))
	p := h.next(t)
	if m := within(t, p.messages); m != "full" {
		t.Fatalf("received %q", m)
	}
	for i := range 20 {
		_, _ = io.WriteString(c, frame(fmt.Sprint("4", i)))
		<-time.After(time.Millisecond) // the reader's chance
	}
	if n := len(p.messages); n != 0 {
		t.Errorf("%T: %d messages, the first %q, while the receiver was full", c, n, <-p.messages)
	}
	p.Resume()
	for _, want := range []string{"second", "0", "1", "2"} {
		if m := within(t, p.messages); m != want {
			t.Errorf("%T: received %q, not %q", c, m, want)
		}
	}
}
