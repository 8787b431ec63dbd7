package engineio_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/realtime-hub/hub/hub/internal/socketio/engineio"
	"github.com/realtime-hub/hub/hub/internal/wire"
)

// polls expects that the link is polled as ever.
func (p *poller) polls(t testing.TB) {
	t.Helper()
	p.send("down")
	if _, body := p.get(t); body != "4down" {
		t.Errorf("polled %q", body)
	}
	p.post(t, "4up")
	if m := within(t, p.messages); m != "up" {
		t.Errorf("received %q", m)
	}
}

// probe opens a WebSocket for the link, and says so.
func (p *poller) probe(t testing.TB) *websocket.Conn {
	t.Helper()
	c := p.hub.dial(t, p.sid)
	say(t, c, "2probe")
	if m := read(t, c); m != "3probe" {
		t.Fatalf("probe answered %q", m)
	}
	return c
}

// dialAgain opens a WebSocket for the link, when the probe before it has ended.
func (p *poller) dialAgain(t testing.TB) *websocket.Conn {
	t.Helper()
	var c *websocket.Conn
	eventually(t, "probed again", func() bool {
		var err error
		c, _, err = websocket.DefaultDialer.Dial("ws://"+p.hub.address+"/socket.io/?EIO=4&transport=websocket&sid="+p.sid, nil)
		return err == nil
	})
	_ = c.SetReadDeadline(time.Now().Add(patience))
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestFailedProbeKeepsPollingAlive(t *testing.T) {
	h := start(t, engineio.Config{UpgradeTimeout: 100 * time.Millisecond, MaxPayload: 1000})
	b := h.poll(t)
	for name, spoil := range map[string]func(c *websocket.Conn){
		"silence":      func(*websocket.Conn) {},
		"cut":          func(c *websocket.Conn) { _ = c.NetConn().Close() },
		"close frame":  func(c *websocket.Conn) { _ = c.WriteControl(websocket.CloseMessage, nil, time.Time{}) },
		"message":      func(c *websocket.Conn) { say(t, c, "4x") },
		"upgrade":      func(c *websocket.Conn) { say(t, c, "5") },
		"ping":         func(c *websocket.Conn) { say(t, c, "2") },
		"twice":        func(c *websocket.Conn) { say(t, c, "2probe", "2probe") },
		"binary":       func(c *websocket.Conn) { _ = c.WriteMessage(websocket.BinaryMessage, []byte("2probe")) },
		"binary later": func(c *websocket.Conn) { say(t, c, "2probe"); _ = c.WriteMessage(websocket.BinaryMessage, []byte("5")) },
		"half":         func(c *websocket.Conn) { say(t, c, "2probe") },
		"too large":    func(c *websocket.Conn) { say(t, c, strings.Repeat("x", 2000)) },
		"not masked":   func(c *websocket.Conn) { _, _ = c.NetConn().Write([]byte("\x81\x062probe")) },
		"not UTF-8":    func(c *websocket.Conn) { say(t, c, "2\xff") },
		"HTTP":         func(c *websocket.Conn) { _, _ = io.WriteString(c.NetConn(), upgradeRequest(b.sid)) },
		"pings, only": func(c *websocket.Conn) {
			for range 10 { // each is answered, and none buys time
				_ = c.WriteControl(websocket.PingMessage, []byte("x"), time.Time{})
			}
		},
	} {
		c := b.dialAgain(t)
		spoil(c)
		answered := false
		for { // until the hub hangs up
			_, m, err := c.ReadMessage()
			if err != nil {
				break
			}
			answered = answered || string(m) == "3probe"
		}
		if probed := name == "twice" || name == "half" || name == "binary later"; answered != probed {
			t.Errorf("%s: answered %v", name, answered)
		}
		_ = c.Close()
		_ = b.dialAgain(t).Close()
		eventually(t, name+": polled", func() bool { _, body, _ := h.try(http.MethodPost, b.query(), "4up"); return body == "ok" })
		within(t, b.messages)
		if len(b.closed) > 0 {
			t.Fatalf("%s: closed by %v", name, <-b.closed)
		}
	}
	eventually(t, "waits again", func() bool { // polls do, when the last probe has ended
		b.send("x")
		r, body, err := h.try(http.MethodGet, b.query(), "")
		return err == nil && strings.HasPrefix(body, "4x") && !r.Close
	})
	b.polls(t)
	say(t, b.dialAgain(t), "2probe", "5", "4hello")
	if m := within(t, b.messages); m != "hello" {
		t.Errorf("received %q", m)
	}
}

// Behind the probe's answer no poll waits, and none keeps its connection: it
// would only wait for the upgrade to be over.
func TestPollsBehindTheProbeAreAnsweredAtOnceAndClose(t *testing.T) {
	h := start(t, engineio.Config{})
	b := h.poll(t)
	b.send("x")
	if r, _, err := h.try(http.MethodGet, b.query(), ""); err != nil || r.Close {
		t.Errorf("before the probe: %v %v", r, err)
	}
	b.probe(t)
	for _, want := range []string{"6", "6", "4x"} {
		if want == "4x" {
			b.send("x")
		}
		if r, body, err := h.try(http.MethodGet, b.query(), ""); err != nil || !r.Close || body != want {
			t.Errorf("%q: %v %v", body, r, err)
		}
	}
}

// Who knows a sid can neither disturb its upgrade nor take the link over.
func TestOneProbeAtATimeAndNoneOfAWebSocket(t *testing.T) {
	h := start(t, engineio.Config{})
	b := h.poll(t)
	refused := func(sid, want string) {
		t.Helper()
		status, body := h.do(t, http.MethodGet, "EIO=4&transport=websocket&sid="+sid, "", upgradeHeader...)
		if status != http.StatusBadRequest || !strings.Contains(body, want) {
			t.Errorf("%d %q", status, body)
		}
	}
	c := b.probe(t)
	refused(b.sid, "Bad request")
	say(t, c, "5", "4hello")
	within(t, b.messages)
	refused(b.sid, "Session ID unknown")
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		if status, body := h.do(t, method, b.query(), map[string]string{"POST": "4x"}[method]); status != http.StatusBadRequest || !strings.Contains(body, "Session ID unknown") {
			t.Errorf("%s: %d %q", method, status, body)
		}
	}
	b.send("still mine")
	if m := read(t, c); m != "4still mine" {
		t.Errorf("got %q", m)
	}
	victim := h.dial(t, "")
	sid := sidOf(read(t, victim))
	if sid == "" {
		t.Fatal("no OPEN")
	}
	refused(sid, "Session ID unknown")
}

// A kick in the middle of an upgrade is delivered, whatever carries it.
func TestKickWithinAProbeIsDelivered(t *testing.T) {
	h := start(t, engineio.Config{})
	b := h.poll(t)
	c := b.probe(t)
	b.Conn().End(message("last"))
	say(t, c, "5")
	if m := read(t, c); m != "4last" {
		t.Errorf("got %q", m)
	}
	if _, _, err := c.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseNormalClosure) {
		t.Errorf("closed by %v", err)
	}
	_ = c.Close()
	within(t, b.closed)
	b = h.poll(t)
	b.probe(t)
	b.Conn().End(message("last"))
	if _, body := b.get(t); body != "4last" {
		t.Errorf("polled %q", body)
	}
	if status, body := b.get(t); status != http.StatusBadRequest {
		t.Errorf("polled %q", body)
	}
	within(t, b.closed)
}

// A link that ends in the middle of its probe, wherever that is, leaves
// nothing: neither its request nor its socket waits for the time-out.
func TestLinkThatEndsWithinItsProbeLeavesNothing(t *testing.T) {
	h := start(t, engineio.Config{UpgradeTimeout: time.Hour})
	const links = 3000
	b := make(chan *poller, 8)
	var browsers sync.WaitGroup
	for range 4 {
		browsers.Go(func() {
			for b := range b {
				h.endWithinProbe(t, b)
			}
		})
	}
	for range links {
		b <- h.poll(t)
	}
	close(b)
	browsers.Wait()
	h.nothingKept(t)
}

func (h *hub) endWithinProbe(t testing.TB, b *poller) {
	t.Helper()
	c := h.bare(t, upgradeRequest(b.sid))
	defer c.Close()
	stage := int(b.sid[0]) % 5
	in := bufio.NewReader(c)
	end := func(at int) {
		if at == stage {
			b.Conn().Abort(wire.ReasonClosed)
		}
	}
	end(0)
	if r, err := http.ReadResponse(in, nil); err != nil || r.StatusCode != http.StatusSwitchingProtocols {
		if stage != 0 {
			t.Errorf("%v %v", r, err)
		}
		within(t, b.closed)
		return
	}
	end(1)
	_, _ = io.WriteString(c, frame("2probe"))
	end(2)
	_, _ = io.ReadFull(in, make([]byte, len("\x81\x063probe")))
	end(3)
	if stage > 3 {
		_, _ = io.WriteString(c, frame("5"))
	}
	end(4)
	if _, err := io.Copy(io.Discard, in); err != nil && !isReset(err) { // the hub hangs up
		t.Errorf("stage %d: %v", stage, err)
	}
	within(t, b.closed)
}

func isReset(err error) bool { return strings.Contains(err.Error(), "reset") }

// slowUpgrade has the link end in the instant in which the probe's time begins.
type slowUpgrade struct {
	net.Conn

	end func()
}

func (c *slowUpgrade) SetDeadline(at time.Time) error {
	if time.Until(at) > time.Minute {
		c.end()
	}
	return c.Conn.SetDeadline(at)
}

type slowWriter struct {
	http.ResponseWriter

	end func()
}

func (w *slowWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *slowWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c, rw, err := http.NewResponseController(w.ResponseWriter).Hijack()
	return &slowUpgrade{Conn: c, end: w.end}, rw, err
}

func TestProbeWhoseLinkHasJustEndedDoesNotWait(t *testing.T) {
	ended := make(chan *poller, 1)
	h := start(t, engineio.Config{UpgradeTimeout: time.Hour}, func(h *hub) {
		h.wrap = func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				next.ServeHTTP(&slowWriter{ResponseWriter: w, end: func() {
					b := <-ended
					b.Conn().Abort(wire.ReasonClosed)
					<-b.closed
				}}, r)
			})
		}
	})
	b := h.poll(t)
	ended <- b
	c := h.dial(t, b.sid)
	if _, _, err := c.ReadMessage(); err == nil || strings.Contains(err.Error(), "timeout") {
		t.Errorf("the probe of a closed link: %v", err)
	}
}
