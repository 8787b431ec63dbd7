package engineio_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/realtime-hub/hub/hub/internal/socketio/engineio"
)

// upgrade moves the polling link to a WebSocket as socket.io-client does:
// while the probe is out a poll waits, which the server must end.
func (p *poller) upgrade(t testing.TB) *websocket.Conn {
	t.Helper()
	poll := p.later(http.MethodGet, "")
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

func TestUpgradeEndsTheWaitingPollAndCarriesOn(t *testing.T) {
	h := start(t, engineio.Config{})
	for range 50 {
		b := h.poll(t)
		c := b.upgrade(t)
		say(t, c, "4hello")
		if m := within(t, b.messages); m != "hello" {
			t.Errorf("received %q", m)
		}
		b.send("still here")
		if m := read(t, c); m != "4still here" {
			t.Errorf("got %q", m)
		}
		if sids, seats := h.Kept(); sids != 0 || seats != 1 {
			t.Errorf("%d sids, %d seats", sids, seats)
		}
		_ = c.Close()
		within(t, b.closed)
	}
}

// collector is a browser that wants the numbers from 0 on, each once.
type collector struct{ next int }

func (c *collector) take(payload string) error {
	for p := range strings.SplitSeq(payload, "\x1e") {
		if p == "6" || p == "2" {
			continue
		}
		if want := fmt.Sprintf("4%d", c.next); p != want {
			return fmt.Errorf("%q came, %q was due", p, want)
		}
		c.next++
	}
	return nil
}

// climb polls, probes, polls until the server says noop, upgrades and reads on
// until all messages are here.
func (p *poller) climb(c *websocket.Conn, all int) error {
	var got collector
	poll := func() (string, error) {
		_, body, err := p.hub.try(http.MethodGet, p.query(), "")
		if err == nil {
			err = got.take(body)
		}
		return body, err
	}
	if _, err := poll(); err != nil {
		return err
	}
	if err := c.WriteMessage(websocket.TextMessage, []byte("2probe")); err != nil {
		return err
	}
	if _, m, err := c.ReadMessage(); err != nil || string(m) != "3probe" {
		return fmt.Errorf("probe answered %q, %w", m, err)
	}
	for range 2 { // the one that was out, and one more
		if _, err := poll(); err != nil {
			return err
		}
	}
	if _, _, err := p.hub.try(http.MethodPost, p.query(), "4before"); err != nil {
		return err
	}
	for _, m := range []string{"5", "4after"} {
		if err := c.WriteMessage(websocket.TextMessage, []byte(m)); err != nil {
			return err
		}
	}
	for got.next < all {
		_, m, err := c.ReadMessage()
		if err == nil {
			err = got.take(string(m))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func TestUpgradeLosesRepeatsAndReordersNothing(t *testing.T) {
	var peers sync.Map // by the name that its browser has
	h := start(t, engineio.Config{}, func(h *hub) {
		h.accept = func(p *peer) { peers.Store(p.request.Header.Get("Browser"), p) }
	})
	links, messages := 120, 100
	if long {
		links = 4000
	}
	var browsers sync.WaitGroup
	for i := range 4 {
		browsers.Go(func() {
			for j := range links / 4 {
				name := fmt.Sprint(i, " ", j)
				_, body, err := h.try(http.MethodGet, polling, "", "Browser", name)
				p, ok := peers.Load(name)
				if err != nil || !ok {
					t.Errorf("handshake: %q %v", body, err)
					return
				}
				h.climbOne(t, &poller{sid: sidOf(body), peer: p.(*peer)}, messages)
			}
		})
	}
	browsers.Wait()
	h.nothingKept(t)
}

func (h *hub) climbOne(t testing.TB, b *poller, messages int) {
	t.Helper()
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for i := range messages {
			b.send(fmt.Sprint(i))
			if i%8 == 0 {
				<-time.After(50 * time.Microsecond) // the load, not the synchronisation
			}
		}
	}()
	c := h.connect(t, b.sid)
	if err := b.climb(c, messages); err != nil {
		t.Error(err)
	}
	<-sent
	for _, want := range []string{"before", "after"} {
		if m := within(t, b.messages); m != want {
			t.Errorf("received %q, not %q", m, want)
		}
	}
	_ = c.Close()
	within(t, b.closed)
}
