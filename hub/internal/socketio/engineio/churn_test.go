package engineio_test

import (
	"io"
	"net/http"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/realtime-hub/hub/hub/internal/socketio/engineio"
	"github.com/realtime-hub/hub/hub/internal/wire"
)

// kinds are the ways in which a link comes and goes. Each returns when the
// link is closed.
var kinds = map[string]func(h *hub){
	"a browser that leaves": func(h *hub) {
		c := h.connect(h.t, "")
		p := h.next(h.t)
		_ = c.Close()
		within(h.t, p.closed)
	},
	"one that is sent away": func(h *hub) {
		c := h.connect(h.t, "")
		p := h.next(h.t)
		p.Conn().End()
		read(h.t, c)
		_, _, _ = c.ReadMessage()
		_ = c.Close()
		within(h.t, p.closed)
	},
	"one that says close": func(h *hub) {
		c := h.connect(h.t, "")
		p := h.next(h.t)
		say(h.t, c, "4x", "1")
		read(h.t, c)
		_, _, _ = c.ReadMessage()
		_ = c.Close()
		within(h.t, p.closed)
	},
	"one that is cut in its request": func(h *hub) {
		c := h.bare(h.t, upgradeRequest("")[:60])
		_ = c.Close()
	},
	"one that breaks the protocol": func(h *hub) {
		c := h.bare(h.t, upgradeRequest("")+"\x81\x05naked")
		_, _ = io.Copy(io.Discard, c)
		_ = c.Close()
		within(h.t, h.next(h.t).closed)
	},
	"one that polls and leaves": func(h *hub) {
		b := h.poll(h.t)
		b.post(h.t, "4x\x1e1")
		within(h.t, b.closed)
	},
	"one that polls and is sent away": func(h *hub) {
		b := h.poll(h.t)
		got := b.later(http.MethodGet, "")
		b.Conn().End()
		within(h.t, b.closed)
		within(h.t, got)
	},
	"one that polls and is cut": func(h *hub) {
		b := h.poll(h.t)
		c := h.bare(h.t, "GET /socket.io/?"+b.query()+" HTTP/1.1\r\nHost: x\r\n\r\n")
		_ = c.Close()
		within(h.t, b.closed)
	},
	"one that posts and is cut": func(h *hub) {
		b := h.poll(h.t)
		c := h.bare(h.t, "POST /socket.io/?"+b.query()+" HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n4")
		_ = c.Close()
		b.Conn().Abort(wire.ReasonClosed)
		within(h.t, b.closed)
	},
	"one that upgrades and leaves": func(h *hub) {
		b := h.poll(h.t)
		c := h.connect(h.t, b.sid)
		say(h.t, c, "2probe", "5", "4x")
		within(h.t, b.messages)
		_ = c.Close()
		within(h.t, b.closed)
	},
	"one that is cut in its probe": func(h *hub) {
		b := h.poll(h.t)
		c := h.connect(h.t, b.sid)
		say(h.t, c, "2probe")
		_ = c.Close()
		eventually(h.t, "given up", func() bool { status, _ := b.post(h.t, "1"); return status == http.StatusOK })
		within(h.t, b.closed)
	},
}

// usage is what a process holds.
type usage struct {
	heap                    uint64
	goroutines, descriptors int
}

func use(t testing.TB) usage {
	t.Helper()
	var m runtime.MemStats
	for range 3 {
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	fds, _ := os.ReadDir("/proc/self/fd") // none where there is no /proc
	return usage{heap: m.HeapAlloc, goroutines: runtime.NumGoroutine(), descriptors: len(fds)}
}

func TestLinksThatComeAndGoLeaveNothing(t *testing.T) {
	n := 2000
	if long {
		n = 20_000
	}
	h := start(t, engineio.Config{UpgradeTimeout: time.Hour})
	churn := func(n int) {
		for done := 0; done < n; {
			for _, run := range kinds {
				run(h)
				done++
			}
			for len(h.links) > 0 {
				<-h.links // a peer holds buffers, which are the test's
			}
		}
	}
	churn(300)
	h.nothingKept(t)
	before := use(t)
	churn(n)
	h.nothingKept(t)
	var after usage
	eventually(t, "as before", func() bool { // the last sockets linger
		after = use(t)
		<-time.After(10 * time.Millisecond)
		return after.goroutines <= before.goroutines+8 && after.descriptors <= before.descriptors+8 &&
			after.heap < before.heap+uint64(n)*50
	})
	t.Logf("before %+v, after %d links %+v", before, n, after)
}
