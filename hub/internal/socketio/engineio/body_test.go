package engineio_test

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/realtime-hub/hub/hub/internal/socketio/engineio"
	"github.com/realtime-hub/hub/hub/internal/wire"
)

func TestInvalidPollingPacketEndsTheLink(t *testing.T) {
	h := start(t, engineio.Config{})
	for _, body := range []string{
		"", "9", "4a\x1e", "4a\x1e\x1e4b", "2", "2probe", "5", "0{}", "b!", "4a\x1ex", "4\xff", "4a\x1e4\xed\xa0\x80", strings.Repeat("4\x1e", 5000) + "4",
	} {
		b := h.poll(t)
		poll := b.waiting(t)
		if status, answer := b.post(t, body); status != http.StatusBadRequest {
			t.Errorf("%.20q: %d %q", body, status, answer)
		}
		if got := within(t, poll); got != "1" && !strings.Contains(got, "Session ID unknown") {
			t.Errorf("%.20q: the waiting poll got %q", body, got)
		}
		if why := within(t, b.closed); why != wire.ReasonProtocol {
			t.Errorf("%.20q: closed by %v", body, why)
		}
		if len(b.messages) != 0 {
			t.Errorf("%.20q was processed", body)
		}
	}
}

func TestWhatComesOverAWebSocketAndIsNoPacketIsTold(t *testing.T) {
	h := start(t, engineio.Config{})
	for _, packet := range []string{"", "0{}", "2", "2probe", "5", "9", "x"} {
		c, p := h.open(t)
		say(t, c, packet)
		within(t, p.violated)
		if _, _, err := c.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseNormalClosure) {
			t.Errorf("%q: %v", packet, err)
		}
		_ = c.Close()
		within(t, p.closed)
	}
	c, p := h.open(t)
	_ = c.WriteMessage(websocket.TextMessage, []byte("4\xff"))
	within(t, p.violated)
	if _, _, err := c.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseInvalidFramePayloadData) {
		t.Errorf("not UTF-8: %v", err)
	}
	c, p = h.open(t)
	say(t, c, "6", "1")
	if _, _, err := c.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseNormalClosure) {
		t.Errorf("close packet: %v", err)
	}
	_ = c.Close()
	within(t, p.closed)
}

func TestBinaryIsTold(t *testing.T) {
	h := start(t, engineio.Config{})
	c, p := h.open(t)
	if err := c.WriteMessage(websocket.BinaryMessage, []byte{4, 1}); err != nil {
		t.Fatal(err)
	}
	within(t, p.binary)
	b := h.poll(t)
	b.post(t, "bAQID")
	within(t, b.binary)
}

func TestOversizedMessageClosesWith1009(t *testing.T) {
	h := start(t, engineio.Config{}, func(h *hub) { h.wired.MaxMessage = 1000 })
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
		_ = c.Close()
		within(t, p.closed)
		if len(p.messages) != 0 {
			t.Error("it was processed")
		}
	}
}

// tooLarge expects that a POST is answered 413 and ends its link.
func (p *poller) tooLarge(t *testing.T, body io.Reader, length int64) {
	t.Helper()
	request, _ := http.NewRequest(http.MethodPost, p.hub.url(p.query()), body)
	request.ContentLength = length
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("status %d", response.StatusCode)
	}
	if why := within(t, p.closed); why != wire.ReasonProtocol || len(p.messages) != 0 {
		t.Errorf("closed by %v, %d messages", why, len(p.messages))
	}
}

func TestBodyOverTheLimitIsAnswered413AndNotProcessed(t *testing.T) {
	h := start(t, engineio.Config{MaxPayload: 1000})
	whole := "4first\x1e4" + strings.Repeat("x", 1000)
	h.poll(t).tooLarge(t, strings.NewReader(whole), int64(len(whole)))
	chunked := io.MultiReader(strings.NewReader("4first\x1e4"), strings.NewReader(strings.Repeat("x", 2000)))
	h.poll(t).tooLarge(t, chunked, -1)
	// What says that it is too long is not waited for.
	b := h.poll(t)
	c := h.raw(t, "POST /socket.io/?"+b.query()+" HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n")
	if status, _ := answer(t, bufio.NewReader(c)); status != http.StatusRequestEntityTooLarge {
		t.Errorf("a long body was answered %d", status)
	}
	within(t, b.closed)
	b = h.poll(t)
	if status, body := b.post(t, "4"+strings.Repeat("x", 999)); status != http.StatusOK || body != "ok" {
		t.Errorf("at the limit: %d %q", status, body)
	}
}

// trickle announces a body that never comes whole, and waits for the answer.
func (p *poller) trickle(t *testing.T, end chan struct{}) {
	t.Helper()
	c := p.hub.raw(t, "POST /socket.io/?"+p.query()+" HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 100000\r\n\r\n4")
	go func() {
		for {
			select {
			case <-end:
				return
			case <-time.After(10 * time.Millisecond):
				_, _ = io.WriteString(c, "x")
			}
		}
	}()
	if status, _ := answer(t, bufio.NewReader(c)); status != http.StatusRequestTimeout {
		t.Errorf("a slow body was answered %d", status)
	}
}

func TestTricklingBodyIsNotWaitedFor(t *testing.T) {
	h := start(t, engineio.Config{BodyTimeout: 100 * time.Millisecond})
	b := h.poll(t)
	end := make(chan struct{})
	defer close(end)
	b.trickle(t, end)
	if status, _ := b.post(t, "4x"); status != http.StatusOK { // it counts as none
		t.Errorf("the next post: %d", status)
	}
	if m := within(t, b.messages); m != "x" {
		t.Errorf("received %q", m)
	}
}

// http.Server's time-outs are for requests; a poll waits longer.
func TestTimeoutsOfTheServerDoNotEndAPoll(t *testing.T) {
	const short = 50 * time.Millisecond
	h := start(t, engineio.Config{BodyTimeout: 5 * short}, func(h *hub) {
		h.http.ReadTimeout, h.http.WriteTimeout, h.http.IdleTimeout = short, short, patience
	})
	b := h.poll(t)
	got := b.waiting(t)
	end := make(chan struct{})
	defer close(end)
	b.trickle(t, end) // by its end every time-out has passed
	b.send("late")
	if body := within(t, got); body != "4late" {
		t.Errorf("poll: %q", body)
	}
}
