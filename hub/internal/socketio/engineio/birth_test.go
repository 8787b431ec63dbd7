package engineio_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/realtime-hub/hub/hub/internal/socketio/engineio"
	"github.com/realtime-hub/hub/hub/internal/wire"
)

// A link that ends while it is accepted is known to nobody: its sid, which the
// browser gets all the same, is not kept.
func TestLinkThatEndsWhileItBeginsIsForgotten(t *testing.T) {
	var turn atomic.Int32
	h := start(t, engineio.Config{}, func(h *hub) {
		h.accept = func(p *peer) {
			p.Conn().Abort(wire.ReasonClosed)
			for begun := time.Now(); time.Since(begun) < time.Duration(turn.Add(1)%64)*time.Microsecond; {
				continue // Closed is on its way, and comes at another moment each time
			}
		}
	})
	for range 500 {
		b := h.poll(t)
		within(t, b.closed)
		if status, body := b.get(t); status != http.StatusBadRequest || !strings.Contains(body, "Session ID unknown") {
			t.Fatalf("a dead link's poll: %d %q", status, body)
		}
	}
	for range 50 {
		c := h.connect(t, "")
		within(t, h.next(t).closed)
		_ = c.Close()
	}
	h.nothingKept(t)
}

// What comes right behind the upgrade request waits for Accept, and is not lost.
func TestNothingIsReadBeforeAccept(t *testing.T) {
	var accepting atomic.Bool
	h := start(t, engineio.Config{}, func(h *hub) {
		h.accept = func(p *peer) {
			accepting.Store(true)
			defer accepting.Store(false)
			p.send("first")
		}
		h.receive = func(p *peer, data string) bool {
			if accepting.Load() {
				t.Error("a message while the link is accepted")
			}
			p.messages <- data
			return true
		}
	})
	for range 100 {
		c := h.bare(t, upgradeRequest("")+frame("40")+frame("3")+frame("41")+frame("42"))
		p := h.next(t)
		for _, want := range []string{"0", "1", "2"} {
			if m := within(t, p.messages); m != want {
				t.Fatalf("received %q, not %q", m, want)
			}
		}
		all := make([]byte, 0, 1024)
		for !bytes.HasSuffix(all, []byte("4first")) {
			n, err := c.Read(all[len(all):cap(all)])
			if err != nil {
				t.Fatalf("%q: %v", all, err)
			}
			all = all[:len(all)+n]
		}
		if open := bytes.Index(all, []byte(`0{"sid"`)); open < 0 {
			t.Fatalf("a message before OPEN: %q", all)
		}
		_ = c.Close()
		within(t, p.closed)
	}
}

func TestConnectRightBehindTheUpgradeIsNeverLost(t *testing.T) {
	h := start(t, engineio.Config{})
	for range 200 {
		c := h.connect(t, "")
		say(t, c, "40") // without waiting for OPEN
		p := h.next(t)
		if m := within(t, p.messages); m != "0" {
			t.Fatalf("received %q", m)
		}
		_ = c.Close()
		within(t, p.closed)
	}
}

// Nobody who writes too early ends the process, or anything but himself.
func TestEarlyPongsDoNoHarm(t *testing.T) {
	h := start(t, engineio.Config{}, func(h *hub) { h.wired.Ping = engineio.Ping() })
	attack := func(pieces ...string) {
		c := h.bare(t, "")
		defer c.Close()
		for _, p := range pieces {
			if _, err := io.WriteString(c, p); err != nil {
				return
			}
		}
		_, _ = c.Read(make([]byte, 256))
	}
	request, pong := upgradeRequest(""), frame("3")
	var attackers sync.WaitGroup
	for range 4 {
		attackers.Go(func() {
			for range 50 {
				attack(request + pong)       // in one write
				attack(request, pong, pong)  // right behind it
				attack(request, frame("3x")) // a pong is a pong
			}
		})
	}
	attackers.Wait()
	for len(h.links) > 0 {
		within(t, h.next(t).closed)
	}
	c, p := h.open(t)
	say(t, c, "4hello")
	for heard := false; !heard; {
		select {
		case m := <-p.messages:
			if heard = true; m != "hello" {
				t.Errorf("received %q", m)
			}
		case <-p.closed: // an attacker's, which the hub has only now got to
			p = h.next(t)
		case <-time.After(patience):
			t.Fatal("nothing came")
		}
	}
	if strings.Contains(h.log.String(), "panic") {
		t.Error(h.log)
	}
}
