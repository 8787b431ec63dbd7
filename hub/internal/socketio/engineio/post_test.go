package engineio_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/realtime-hub/hub/hub/internal/socketio/engineio"
	"github.com/realtime-hub/hub/hub/internal/wire"
)

func TestOnePostAtATime(t *testing.T) {
	h := start(t, engineio.Config{})
	b := h.poll(t)
	c := h.raw(t, "POST /socket.io/?"+b.query()+" HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n4")
	eventually(t, "refused", func() bool { // as soon as the first one has begun
		status, _ := b.post(t, "4x")
		return status == http.StatusBadRequest
	})
	if why := within(t, b.closed); why != wire.ReasonProtocol {
		t.Errorf("closed by %v", why)
	}
	got := len(b.messages)
	fmt.Fprint(c, "y") // the first one's link is gone
	answer(t, bufio.NewReader(c))
	if len(b.messages) != got {
		t.Error("a message after Closed")
	}
}

// A browser waits for its POST before it upgrades; who does not is sent away,
// and no two messages are handed over at once.
func TestUpgradeWithinAPostEndsTheLink(t *testing.T) {
	h := start(t, engineio.Config{}, full)
	b := h.poll(t)
	post := b.later(http.MethodPost, "4full\x1e4behind")
	if m := within(t, b.messages); m != "full" {
		t.Fatalf("received %q", m)
	}
	c := h.dial(t, b.sid)
	say(t, c, "2probe", "5", "4overtakes")
	if m := read(t, c); m != "3probe" {
		t.Fatalf("probe answered %q", m)
	}
	if _, _, err := c.ReadMessage(); err == nil {
		t.Error("upgraded")
	}
	if why := within(t, b.closed); why != wire.ReasonProtocol {
		t.Errorf("closed by %v", why)
	}
	within(t, post)
	if len(b.messages) != 0 {
		t.Errorf("received %q while the receiver was full", <-b.messages)
	}
}

// Posts that meet the end of their link hand over nothing behind Closed: peer
// looks at that.
func TestPostsMeetTheEndOfTheirLink(t *testing.T) {
	h := start(t, engineio.Config{})
	for i := range 100 {
		b := h.poll(t)
		post := b.later(http.MethodPost, strings.Repeat("4x\x1e", 200)+"4x")
		if i%2 == 0 {
			within(t, b.messages)
		}
		b.Conn().Abort(wire.ReasonClosed)
		within(t, b.closed)
		within(t, post)
	}
}

func TestPanicWithinAPostEndsThatLinkOnly(t *testing.T) {
	var panics atomic.Int32
	h := start(t, engineio.Config{}, func(h *hub) {
		h.receive = func(p *peer, data string) bool {
			if data == "panic" {
				panics.Add(1)
				panic("in Message")
			}
			p.messages <- data
			return true
		}
	})
	b, other := h.poll(t), h.poll(t)
	b.post(t, "4x\x1e4panic\x1e4panic")
	if why := within(t, b.closed); why != wire.ReasonInternal || panics.Load() != 1 {
		t.Errorf("closed by %v after %d panics", why, panics.Load())
	}
	if status, _ := other.post(t, "4y"); status != http.StatusOK {
		t.Errorf("another link's post: %d", status)
	}
	if log := h.log.String(); !strings.Contains(log, "in Message") || strings.Contains(log, b.sid) {
		t.Errorf("logged:\n%s", log)
	}
}

// A peer that sends and never reads what it is answered holds nobody.
func TestPostsWhoseAnswersNobodyReadsEnd(t *testing.T) {
	h := start(t, engineio.Config{WriteTimeout: 100 * time.Millisecond}, smallBuffers)
	b := h.poll(t)
	c := h.raw(t, "")
	_ = c.(*net.TCPConn).SetReadBuffer(1 << 12)
	post := "POST /socket.io/?" + b.query() + " HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n6"
	posts := strings.Repeat(post, 1000)
	for err := error(nil); err == nil; { // until the hub hangs up
		_ = c.SetWriteDeadline(time.Now().Add(patience))
		if _, err = io.WriteString(c, posts); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal("its answer waits for ever")
		}
	}
}
