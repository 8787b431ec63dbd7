package engineio_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/realtime-hub/hub/hub/internal/socketio/engineio"
	"github.com/realtime-hub/hub/hub/internal/wire"
)

func TestMessagesGoBothWays(t *testing.T) {
	h := start(t, engineio.Config{})
	b := h.poll(t)
	b.send("x", "y", "z")
	if status, body := b.get(t); status != http.StatusOK || body != "4x\x1e4y\x1e4z" {
		t.Errorf("poll: %d %q", status, body)
	}
	got := b.later(http.MethodGet, "") // and into a poll that waits
	b.send("1", "2")
	if body := within(t, got); body != "41\x1e42" {
		t.Errorf("poll: %q", body)
	}
	if status, body := b.post(t, "4a\x1e6\x1e4b"); status != http.StatusOK || body != "ok" {
		t.Errorf("post: %d %q", status, body)
	}
	c, p := h.open(t)
	say(t, c, "4a", "4b")
	p.send("x", "y")
	for _, l := range []*peer{b.peer, p} {
		if a, b := within(t, l.messages), within(t, l.messages); a != "a" || b != "b" {
			t.Errorf("messages %q, %q", a, b)
		}
	}
	if x, y := read(t, c), read(t, c); x != "4x" || y != "4y" {
		t.Errorf("received %q, %q", x, y)
	}
	got = b.waiting(t)
	if status, _ := b.post(t, "1\x1e4x"); status != http.StatusOK {
		t.Errorf("close: %d", status)
	}
	if why := within(t, b.closed); why != wire.ReasonGone || len(b.messages) != 0 {
		t.Errorf("closed by %v, %d messages", why, len(b.messages))
	}
	within(t, got)
	_ = c.Close()
	if why := within(t, p.closed); why != wire.ReasonGone {
		t.Errorf("closed by %v", why)
	}
}

// A browser may use its sid in the instant it gets it, and poll in the instant
// it is answered.
func TestRequestsRightBehindTheAnswerAreServed(t *testing.T) {
	h := start(t, engineio.Config{})
	for range 100 {
		b := h.poll(t)
		b.send(strings.Repeat("x", 100_000)) // an answer that is out before its handler is
		for range 3 {
			if status, _ := b.post(t, "4x"); status != http.StatusOK {
				t.Fatalf("post: %d", status)
			}
		}
		if status, body := b.get(t); status != http.StatusOK || len(body) != 100_001 {
			t.Fatalf("poll: %d, %d bytes", status, len(body))
		}
		b.send("y")
		if status, body := b.get(t); status != http.StatusOK || body != "4y" {
			t.Fatalf("poll: %d %q", status, body)
		}
		b.post(t, "1")
	}
}

// quick is a browser whose next request is here before the answer's handler has
// returned.
type quick struct {
	http.ResponseWriter

	next func()
}

func (w *quick) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *quick) FlushError() error {
	err := http.NewResponseController(w.ResponseWriter).Flush()
	w.next()
	return err
}

func TestNextRequestMayComeBeforeTheAnswersEnd(t *testing.T) {
	var next func(method string)
	done := make(chan struct{}, 2)
	h := start(t, engineio.Config{}, func(h *hub) {
		h.wrap = func(server http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Quick") != "" {
					w = &quick{ResponseWriter: w, next: func() { next(r.Method) }}
				}
				server.ServeHTTP(w, r)
			})
		}
	})
	b := h.poll(t)
	next = func(method string) {
		b.send("next")
		body := map[string]string{http.MethodPost: "4x"}[method]
		// On a connection of its own: this one is served until the handler returns.
		c := h.bare(t, fmt.Sprintf("%s /socket.io/?%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s",
			method, b.query(), len(body), body))
		defer c.Close()
		if status, text := answer(t, bufio.NewReader(c)); status != http.StatusOK {
			t.Errorf("%s: %d %q", method, status, text)
		}
		done <- struct{}{}
	}
	b.send("first")
	for method, body := range map[string]string{http.MethodGet: "", http.MethodPost: "4x"} {
		h.do(t, method, b.query(), body, "Quick", "yes")
		within(t, done)
	}
	if len(b.closed) > 0 {
		t.Errorf("closed by %v", <-b.closed)
	}
}

func TestSecondPollEndsTheLinkAndAnswersBoth(t *testing.T) {
	h := start(t, engineio.Config{})
	b := h.poll(t)
	first, second := b.later(http.MethodGet, ""), b.later(http.MethodGet, "")
	if why := within(t, b.closed); why != wire.ReasonProtocol {
		t.Errorf("closed by %v", why)
	}
	within(t, first)
	within(t, second)
}

func TestAbortedPollEndsTheLink(t *testing.T) {
	h := start(t, engineio.Config{})
	b := h.poll(t)
	request := fmt.Sprintf("GET /socket.io/?%s HTTP/1.1\r\nHost: x\r\n\r\n", b.query())
	c := h.raw(t, request)
	b.send("arrived")
	if _, body := answer(t, bufio.NewReader(c)); body != "4arrived" {
		t.Errorf("polled %q", body)
	}
	_, _ = c.Write([]byte(request))
	_ = c.Close()
	if why := within(t, b.closed); why != wire.ReasonGone {
		t.Errorf("closed by %v", why)
	}
}

// An answer that nobody reads is given up, and its link with it: what it
// carried may be lost.
func TestPollThatIsNotReadEndsTheLink(t *testing.T) {
	h := start(t, engineio.Config{WriteTimeout: 100 * time.Millisecond}, smallBuffers)
	b := h.poll(t)
	b.send(strings.Repeat("x", 32<<20))
	h.raw(t, fmt.Sprintf("GET /socket.io/?%s HTTP/1.1\r\nHost: x\r\n\r\n", b.query()))
	if why := within(t, b.closed); why != wire.ReasonGone {
		t.Errorf("closed by %v", why)
	}
}

// The end is told by a poll of its own: a browser that gets both at once may
// close before it has handled the messages.
func TestKickDeliversWhatWasQueuedAndThenCloses(t *testing.T) {
	h := start(t, engineio.Config{})
	for _, waits := range []bool{false, true} {
		b := h.poll(t)
		var got <-chan string
		if waits {
			got = b.waiting(t)
		}
		b.send("queued")
		b.Conn().End(message("last"))
		polled := ""
		if waits {
			polled = within(t, got)
		}
		for !strings.HasSuffix(polled, "4last") {
			_, body := b.get(t)
			polled += "\x1e" + body
		}
		if strings.Trim(polled, "\x1e") != "4queued\x1e4last" {
			t.Errorf("polled %q", polled)
		}
		if status, body := b.get(t); status != http.StatusBadRequest {
			t.Errorf("then %d %q", status, body)
		}
		if why := within(t, b.closed); why != wire.ReasonClosed {
			t.Errorf("closed by %v", why)
		}
		if status, _ := b.get(t); status != http.StatusBadRequest {
			t.Errorf("after the end: %d", status)
		}
	}
	c, p := h.open(t)
	for range 20 {
		say(t, c, "4unread") // unread input must not reset the connection
	}
	p.send(strings.Repeat("x", 500_000))
	p.Conn().End(message("last"))
	if m, last := read(t, c), read(t, c); len(m) != 500_001 || last != "4last" {
		t.Errorf("%d bytes, then %q", len(m), last)
	}
	if _, _, err := c.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseNormalClosure) {
		t.Errorf("closed by %v", err)
	}
	_ = c.Close()
	within(t, p.closed)
}

// A kick that nobody fetches ends in time.
func TestKickOfABrowserThatPollsNoMoreEnds(t *testing.T) {
	h := start(t, engineio.Config{}, func(h *hub) { h.wired.CloseTimeout = 50 * time.Millisecond })
	b := h.poll(t)
	b.Conn().End(message("last"))
	within(t, b.closed)
}

func TestShutdownAnswersPollsAndRefusesLinks(t *testing.T) {
	h := start(t, engineio.Config{}, full)
	b, idle := h.poll(t), h.poll(t)
	c, p := h.open(t)
	got := b.waiting(t)
	post := b.later(http.MethodPost, "4full")
	within(t, b.messages)
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		h.Close(context.WithoutCancel(t.Context()))
	}()
	eventually(t, "closed", func() bool {
		status, _ := h.do(t, http.MethodGet, polling, "")
		return status == http.StatusServiceUnavailable
	})
	h.refused(t)
	select {
	case <-closed:
		t.Error("a post waits, and Close has returned")
	default:
	}
	for _, l := range []*peer{b.peer, idle.peer, p} {
		l.Conn().End()
	}
	within(t, closed)
	within(t, post)
	if body := within(t, got); !strings.Contains(body, "Session ID unknown") {
		t.Errorf("the waiting poll got %q", body)
	}
	if _, _, err := c.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseNormalClosure) {
		t.Errorf("websocket: %v", err)
	}
	_ = c.Close()
	within(t, p.closed)
	late, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	stop()
	h.Close(late)
}

// The end of wire is the end of every link, and of whoever waits.
func TestEndOfWireAnswersPolls(t *testing.T) {
	h := start(t, engineio.Config{})
	b := h.poll(t)
	got := b.waiting(t)
	h.http.SetKeepAlivesEnabled(false)
	go h.stop()
	if why := within(t, b.closed); why != wire.ReasonShutdown {
		t.Errorf("closed by %v", why)
	}
	if body := within(t, got); body != "1" && !strings.Contains(body, "Session ID unknown") {
		t.Errorf("the waiting poll got %q", body)
	}
}
