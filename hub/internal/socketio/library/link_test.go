package library_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/realtime-hub/hub/hub/internal/socketio/library"
)

func TestWebSocketCarriesMessagesBothWays(t *testing.T) {
	h := start(t, library.Config{})
	c, p := h.open(t)
	if p.Transport() != "websocket" {
		t.Errorf("transport %q", p.Transport())
	}
	say(t, c, "4a", "4b", "4")
	for _, want := range []string{"a", "b", ""} {
		if got := within(t, p.messages); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	p.send(t, "x", "y")
	p.send(t, "z")
	for _, want := range []string{"4x", "4y", "4z"} {
		if got := read(t, c); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	_ = c.Close()
	if reason := within(t, p.closed); reason != "transport close" {
		t.Errorf("closed by %q", reason)
	}
}

func TestPollingSendsABatchInOneAnswer(t *testing.T) {
	h := start(t, library.Config{})
	b := h.poll(t)
	done := b.peer.write("x", "y", "z")
	if status, body := b.get(t); status != http.StatusOK || body != "4x\x1e4y\x1e4z" {
		t.Errorf("poll: %d %q", status, body)
	}
	within(t, done)
	// And into a poll that waits.
	got := b.later(t)
	b.peer.send(t, "1", "2")
	if body := within(t, got); body != "41\x1e42" {
		t.Errorf("poll: %q", body)
	}
	if status, body := b.post(t, "4a\x1e4b"); status != http.StatusOK || body != "ok" {
		t.Errorf("post: %d %q", status, body)
	}
	if a, b := within(t, b.peer.messages), within(t, b.peer.messages); a != "a" || b != "b" {
		t.Errorf("messages %q, %q", a, b)
	}
	if status, _ := b.post(t, "1"); status != http.StatusOK {
		t.Errorf("close: %d", status)
	}
	within(t, b.peer.closed)
}

func TestBinaryIsTold(t *testing.T) {
	h := start(t, library.Config{})
	c, p := h.open(t)
	if err := c.WriteMessage(websocket.BinaryMessage, []byte{4, 1}); err != nil {
		t.Fatal(err)
	}
	within(t, p.binary)
	b := h.poll(t)
	b.post(t, "bAQID")
	within(t, b.peer.binary)
}

// upgrade moves the polling link to a WebSocket as socket.io-client does:
// while the probe is out a poll waits, which the server must end.
func (p *poller) upgrade(t *testing.T) *websocket.Conn {
	t.Helper()
	poll := p.later(t)
	c := p.hub.dial(t, p.sid)
	say(t, c, "2probe")
	if m := read(t, c); m != "3probe" {
		t.Fatalf("probe answered %q", m)
	}
	if body := within(t, poll); body != "6" {
		t.Fatalf("the waiting poll got %q", body)
	}
	say(t, c, "5")
	return c
}

func TestUpgradeLosesAndReordersNothing(t *testing.T) {
	h := start(t, library.Config{})
	const rounds, messages = 20, 200
	for range rounds {
		b := h.poll(t)
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			for i := range messages {
				<-b.peer.write(fmt.Sprint(i))
			}
		}()
		var got []string
		collect := func(payload string) {
			for p := range strings.SplitSeq(payload, "\x1e") {
				if p[0] == '4' {
					got = append(got, p[1:])
				}
			}
		}
		c := h.dial(t, b.sid)
		say(t, c, "2probe")
		if m := read(t, c); m != "3probe" {
			t.Fatalf("probe answered %q", m)
		}
		for range 5 { // the browser's polls go on until it pauses
			_, body := b.get(t)
			collect(body)
		}
		b.post(t, "4before")
		say(t, c, "5", "4after")
		for len(got) < messages {
			collect(read(t, c))
		}
		within(t, sent)
		for i, m := range got {
			if m != fmt.Sprint(i) {
				t.Fatalf("message %d is %q of %q", i, m, got)
			}
		}
		if first, second := within(t, b.peer.messages), within(t, b.peer.messages); first != "before" || second != "after" {
			t.Fatalf("received %q, %q", first, second)
		}
		if b.peer.Transport() != "websocket" {
			t.Errorf("transport %q", b.peer.Transport())
		}
		_ = c.Close()
		within(t, b.peer.closed)
	}
}

func TestUpgradeWithAPollThatWaitsAnswersIt(t *testing.T) {
	h := start(t, library.Config{})
	b := h.poll(t)
	c := h.dial(t, b.sid)
	say(t, c, "2probe")
	read(t, c)
	// This client does not pause: one poll more than it should. It waits, or
	// it meets the upgrade and is refused; it does not hang.
	b.get(t)
	poll := b.later(t)
	say(t, c, "5", "4hello")
	within(t, b.peer.messages)
	if body := within(t, poll); body != "6" && !strings.Contains(body, "Bad request") {
		t.Errorf("the waiting poll got %q", body)
	}
	b.peer.send(t, "still here")
	if m := read(t, c); m != "4still here" {
		t.Errorf("got %q", m)
	}
}

func TestDoneComesOnceForEveryBatch(t *testing.T) {
	h := start(t, library.Config{CloseTimeout: 50 * time.Millisecond})
	b := h.poll(t)
	var all []<-chan struct{}
	for i := range 5 { // nobody polls: they wait, and the link is closed
		all = append(all, b.peer.write(fmt.Sprint(i)))
	}
	b.peer.Close()
	within(t, b.peer.closed)
	all = append(all, b.peer.write("late"), b.peer.write())
	for i, done := range all {
		within(t, done)
		select {
		case <-done:
			t.Errorf("batch %d was done twice", i)
		default:
		}
	}
}

func TestDoneMayWriteAgain(t *testing.T) {
	h := start(t, library.Config{})
	c, p := h.open(t)
	b, u := h.poll(t), h.poll(t)
	upgraded := u.upgrade(t)
	const rounds = 100
	for _, l := range []*peer{p, b.peer, u.peer} {
		var next func()
		n := 0
		next = func() {
			if n++; n <= rounds {
				l.Write([][]byte{fmt.Appendf(nil, "%d", n)}, next)
			}
		}
		next()
	}
	var polled []string
	for n := 1; n <= rounds; n++ {
		for _, c := range []*websocket.Conn{c, upgraded} {
			if m := read(t, c); m != fmt.Sprintf("4%d", n) {
				t.Fatalf("got %q as number %d", m, n)
			}
		}
		_, body := b.get(t)
		polled = append(polled, body)
	}
	if !slices.Contains(polled, fmt.Sprintf("4%d", rounds)) {
		t.Errorf("polled %q", polled)
	}
}

// A Message that blocks stops its own link, and not another.
func TestBlockedReceiverStopsOnlyItsLink(t *testing.T) {
	gate := make(chan struct{})
	h := start(t, library.Config{}, func(h *hub) {
		h.receive = func(p *peer, data string) {
			if data == "block" {
				<-gate
			}
			p.messages <- data
		}
	})
	blocked, p := h.open(t)
	polled := h.poll(t)
	free, q := h.open(t)
	say(t, blocked, "4block", "4behind")
	answered := make(chan int, 1)
	go func() {
		r, _, err := h.try(http.MethodPost, polled.query(), "4block", nil)
		if err != nil {
			answered <- 0
			return
		}
		answered <- r.StatusCode
	}()
	say(t, free, "4free")
	if m := within(t, q.messages); m != "free" {
		t.Errorf("got %q", m)
	}
	p.send(t, "writing goes on")
	if m := read(t, blocked); m != "4writing goes on" {
		t.Errorf("got %q", m)
	}
	if n := len(p.messages) + len(polled.peer.messages) + len(answered); n != 0 {
		t.Errorf("%d came through", n)
	}
	close(gate)
	if a, b := within(t, p.messages), within(t, p.messages); a != "block" || b != "behind" {
		t.Errorf("got %q, %q", a, b)
	}
	if status := within(t, answered); status != http.StatusOK {
		t.Errorf("post: %d", status)
	}
}
