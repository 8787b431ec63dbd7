package library_test

import (
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/realtime-hub/hub/hub/internal/socketio/library"
	"github.com/realtime-hub/hub/hub/internal/wire"
)

func TestWebSocketCarriesMessagesBothWays(t *testing.T) {
	h := start(t, library.Config{})
	c, p := h.open(t)
	say(t, c, "4a", "4b", "4")
	for _, want := range []string{"a", "b", ""} {
		if got := within(t, p.messages); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	p.send("x", "y")
	p.send("z")
	for _, want := range []string{"4x", "4y", "4z"} {
		if got := read(t, c); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	_ = c.Close()
	if why := within(t, p.closed); why != wire.ReasonGone {
		t.Errorf("closed: %s", why)
	}
}

func TestPollingSendsABatchInOneAnswer(t *testing.T) {
	h := start(t, library.Config{})
	b := h.poll(t)
	b.peer.send("x", "y", "z")
	if status, body := b.get(t); status != http.StatusOK || body != "4x\x1e4y\x1e4z" {
		t.Errorf("poll: %d %q", status, body)
	}
	// And into a poll that waits.
	got := b.later(t)
	b.peer.send("1", "2")
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
				b.peer.send(fmt.Sprint(i))
				runtime.Gosched() // some before the upgrade, some in it, some behind it
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
	b.peer.send("still here")
	if m := read(t, c); m != "4still here" {
		t.Errorf("got %q", m)
	}
}

// What nobody takes does not keep a link that is to end.
func TestEndIsBoundedForWhoDoesNotPoll(t *testing.T) {
	h := start(t, library.Config{}, soon)
	b := h.poll(t)
	for i := range 5 {
		b.peer.send(fmt.Sprint(i))
	}
	b.peer.end("last")
	if why := within(t, b.peer.closed); why != wire.ReasonClosed {
		t.Errorf("closed: %s", why)
	}
	b.peer.send("late")
	b.peer.end()
	if status, body := b.get(t); status != http.StatusBadRequest {
		t.Errorf("a poll afterwards: %d %q", status, body)
	}
	if len(b.peer.closed) != 0 {
		t.Error("closed twice")
	}
}

// soon has wire give up early.
func soon(h *hub) { h.wire.CloseTimeout = 50 * time.Millisecond }

// Each message goes out while the browser takes the one before: nothing waits
// for ever, and nothing is out of order.
func TestManySmallBatchesKeepTheirOrder(t *testing.T) {
	h := start(t, library.Config{})
	c, p := h.open(t)
	b, u := h.poll(t), h.poll(t)
	upgraded := u.upgrade(t)
	const rounds = 100
	for _, l := range []*peer{p, b.peer, u.peer} {
		go func() {
			for n := range rounds {
				l.send(fmt.Sprint(n))
				runtime.Gosched()
			}
		}()
	}
	for n := range rounds {
		for _, c := range []*websocket.Conn{c, upgraded} {
			if m := read(t, c); m != fmt.Sprintf("4%d", n) {
				t.Fatalf("got %q as number %d", m, n)
			}
		}
	}
	var polled []string
	for len(polled) < rounds {
		_, body := b.get(t)
		polled = append(polled, strings.Split(body, "\x1e")...)
	}
	for n, m := range polled {
		if m != fmt.Sprintf("4%d", n) {
			t.Fatalf("polled %q as number %d", m, n)
		}
	}
}

// A backlog that the browser does not take is wire's to bound: the link holds
// one batch of it.
func TestBacklogOfWhoDoesNotPollIsBounded(t *testing.T) {
	h := start(t, library.Config{}, func(h *hub) { h.wire.MaxBacklog = 100_000 })
	b := h.poll(t)
	for range 20 {
		b.peer.send(strings.Repeat("x", 10_000))
	}
	if why := within(t, b.peer.closed); why != wire.ReasonBacklog {
		t.Errorf("closed: %s", why)
	}
}

// A receiver that wants no more stops its own link, and not another.
func TestReceiverThatWantsNoMoreStopsOnlyItsLink(t *testing.T) {
	h := start(t, library.Config{}, func(h *hub) {
		h.receive = func(p *peer, data string) bool {
			p.messages <- data
			return data != "enough"
		}
	})
	stopped, p := h.open(t)
	polled := h.poll(t)
	free, q := h.open(t)
	say(t, stopped, "4enough", "4behind")
	answered := make(chan int, 1)
	go func() {
		r, _, err := h.try(http.MethodPost, polled.query(), "4enough\x1e4behind", nil)
		if err != nil {
			answered <- 0
			return
		}
		answered <- r.StatusCode
	}()
	for _, l := range []*peer{p, polled.peer} {
		if m := within(t, l.messages); m != "enough" {
			t.Errorf("got %q", m)
		}
	}
	say(t, free, "4free")
	if m := within(t, q.messages); m != "free" {
		t.Errorf("got %q", m)
	}
	p.send("writing goes on")
	if m := read(t, stopped); m != "4writing goes on" {
		t.Errorf("got %q", m)
	}
	if n := len(p.messages) + len(polled.peer.messages) + len(answered); n != 0 {
		t.Errorf("%d came through", n)
	}
	for _, l := range []*peer{p, polled.peer} {
		l.Resume()
		if m := within(t, l.messages); m != "behind" {
			t.Errorf("got %q", m)
		}
	}
	if status := within(t, answered); status != http.StatusOK {
		t.Errorf("post: %d", status)
	}
}

// Nobody resumes a link that has ended: who waits for that goes on.
func TestLinkThatIsNotResumedEnds(t *testing.T) {
	h := start(t, library.Config{}, func(h *hub) {
		h.receive = func(p *peer, data string) bool {
			p.messages <- data
			return false
		}
	})
	c, p := h.open(t)
	say(t, c, "4x")
	b := h.poll(t)
	answered := make(chan int, 1)
	go func() {
		status, _ := b.post(t, "4x")
		answered <- status
	}()
	for _, l := range []*peer{p, b.peer} {
		within(t, l.messages)
		l.Conn().Abort(wire.ReasonShutdown)
		if why := within(t, l.closed); why != wire.ReasonShutdown {
			t.Errorf("closed: %s", why)
		}
	}
	within(t, answered)
}
