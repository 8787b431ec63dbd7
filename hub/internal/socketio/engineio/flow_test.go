package engineio_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/realtime-hub/hub/hub/internal/socketio/engineio"
	"github.com/realtime-hub/hub/hub/internal/wire"
)

// A receiver that wants no more stops its own link, and not another.
func TestFullReceiverStopsOnlyItsLink(t *testing.T) {
	h := start(t, engineio.Config{}, full)
	c, p := h.open(t)
	b := h.poll(t)
	free, q := h.open(t)
	say(t, c, "4full", "4behind", "4full", "4last")
	post := b.later(http.MethodPost, "4full\x1e4behind\x1e4full\x1e4last")
	say(t, free, "4free")
	if m := within(t, q.messages); m != "free" {
		t.Errorf("got %q", m)
	}
	p.send("writing goes on")
	if m := read(t, c); m != "4writing goes on" {
		t.Errorf("got %q", m)
	}
	b.send("and polling")
	if _, body := b.get(t); body != "4and polling" {
		t.Errorf("polled %q", body)
	}
	for _, l := range []*peer{p, b.peer} {
		if m := within(t, l.messages); m != "full" || len(l.messages) > 0 {
			t.Errorf("got %q, and %d more", m, len(l.messages))
		}
		l.Resume()
		for _, want := range []string{"behind", "full"} {
			if m := within(t, l.messages); m != want {
				t.Errorf("got %q", m)
			}
		}
	}
	if len(p.messages)+len(b.messages)+len(post) != 0 {
		t.Error("it went on")
	}
	p.Resume()
	b.Resume()
	for _, l := range []*peer{p, b.peer} {
		if m := within(t, l.messages); m != "last" {
			t.Errorf("got %q", m)
		}
	}
	if m := within(t, post); m != "ok" {
		t.Errorf("post: %q", m)
	}
}

// A POST that waits ends with its link, and what is left of it with it.
func TestPostThatWaitsEndsWithItsLink(t *testing.T) {
	h := start(t, engineio.Config{}, full)
	b := h.poll(t)
	post := b.later(http.MethodPost, "4full\x1e4behind")
	within(t, b.messages)
	b.Conn().Abort(wire.ReasonClosed)
	within(t, b.closed)
	within(t, post)
	if len(b.messages) != 0 {
		t.Errorf("received %q", <-b.messages)
	}
}

// heartbeat has wire ping every 500 ms: ticks of 20 ms.
func heartbeat(timeout time.Duration) func(h *hub) {
	return func(h *hub) {
		h.wired.Ping, h.wired.PingInterval, h.wired.PingTimeout = engineio.Ping(), 500*time.Millisecond, timeout
	}
}

func TestSilentLinkIsClosed(t *testing.T) {
	h := start(t, engineio.Config{}, heartbeat(100*time.Millisecond))
	c, p := h.open(t)
	b := h.poll(t)
	u := h.poll(t)
	u.upgrade(t)
	for _, l := range []*peer{p, b.peer, u.peer} {
		if why := within(t, l.closed); why != wire.ReasonPing {
			t.Errorf("closed by %v", why)
		}
	}
	if m := read(t, c); m != "2" {
		t.Errorf("got %q", m)
	}
}

func TestPongsKeepTheLink(t *testing.T) {
	h := start(t, engineio.Config{}, heartbeat(400*time.Millisecond))
	c, p := h.open(t)
	b := h.poll(t)
	u := h.poll(t)
	upgraded := u.upgrade(t)
	for range 3 {
		if m := read(t, c); m != "2" {
			t.Fatalf("got %q", m)
		}
		say(t, c, "3")
		if m := read(t, upgraded); m != "2" {
			t.Fatalf("got %q", m)
		}
		say(t, upgraded, "3")
		if _, body := b.get(t); body != "2" {
			t.Fatalf("polled %q", body)
		}
		b.post(t, "3")
	}
	if len(p.closed)+len(b.closed)+len(u.closed) > 0 {
		t.Error("closed")
	}
}

// A pong counts only when a ping is out: early ones buy no time.
func TestPongsThatNobodyAskedForKeepNothing(t *testing.T) {
	h := start(t, engineio.Config{}, heartbeat(100*time.Millisecond))
	c, p := h.open(t)
	say(t, c, strings.Split(strings.Repeat("3", 50), "")...)
	if why := within(t, p.closed); why != wire.ReasonPing {
		t.Errorf("closed by %v", why)
	}
}

// The pong may lie behind what the receiver does not take yet.
func TestPongBehindAnUnreadPostKeepsTheLink(t *testing.T) {
	h := start(t, engineio.Config{}, full, heartbeat(250*time.Millisecond))
	b := h.poll(t)
	c, p := h.open(t)
	if m := read(t, c); m != "2" {
		t.Fatalf("got %q", m)
	}
	if _, body := b.get(t); body != "2" {
		t.Fatalf("polled %q", body)
	}
	post := b.later(http.MethodPost, "4full\x1e3\x1e4behind")
	say(t, c, "4full", "3", "4behind")
	<-time.After(350 * time.Millisecond) // the pong is due; the grace is 300 ms more
	for _, l := range []*peer{b.peer, p} {
		l.Resume()
		if m, n := within(t, l.messages), within(t, l.messages); m != "full" || n != "behind" {
			t.Errorf("got %q, %q", m, n)
		}
	}
	within(t, post)
	if len(p.closed)+len(b.closed) > 0 {
		t.Error("closed")
	}
	// The grace ends: nobody is kept for ever by a receiver that is full.
	post = b.later(http.MethodPost, "4full")
	within(t, b.messages)
	if why := within(t, b.closed); why != wire.ReasonPing {
		t.Errorf("closed by %v", why)
	}
	within(t, post)
}

// A browser that never reads costs its backlog, and then its link.
func TestBrowserThatNeverReadsIsClosed(t *testing.T) {
	h := start(t, engineio.Config{}, func(h *hub) { h.wired.MaxBacklog, h.wired.WriteTimeout = 1<<20, time.Hour })
	_, p := h.open(t)
	b := h.poll(t)
	u := h.poll(t)
	u.upgrade(t)
	for _, l := range []*peer{p, b.peer, u.peer} {
		kib := strings.Repeat("x", 64<<10)
		eventually(t, "closed", func() bool { l.send(kib); return len(l.closed) > 0 })
		if why := <-l.closed; why != wire.ReasonBacklog {
			t.Errorf("closed by %v", why)
		}
	}
	eventually(t, "free", func() bool { return h.wire.Backlog() == 0 })
	if status, _ := b.get(t); status != http.StatusBadRequest {
		t.Errorf("the polling one is answered %d", status)
	}
}

func TestSocketThatTakesNothingIsClosedInTime(t *testing.T) {
	h := start(t, engineio.Config{}, func(h *hub) { h.wired.MaxBacklog, h.wired.WriteTimeout = 1<<30, 100*time.Millisecond })
	_, p := h.open(t)
	p.send(strings.Repeat("x", 32<<20))
	if why := within(t, p.closed); why != wire.ReasonStalled {
		t.Errorf("closed by %v", why)
	}
}
