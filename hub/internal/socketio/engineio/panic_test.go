package engineio_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/realtime-hub/hub/hub/internal/socketio/engineio"
	"github.com/realtime-hub/hub/hub/internal/wire"
)

// A panic of the door's ends the link it belongs to, and nothing else; the log
// has it, and has no sid.
func TestPanicEndsThatLinkOnly(t *testing.T) {
	h := start(t, engineio.Config{}, func(h *hub) {
		h.accept = func(p *peer) {
			if p.request.Header.Get("Panic") != "" {
				panic("in Accept")
			}
		}
		h.receive = func(p *peer, data string) bool {
			if data == "panic" {
				panic("in Message")
			}
			p.messages <- data
			return true
		}
		h.closing = func(p *peer) {
			if p.request.Header.Get("Origin") == evil {
				panic("in Closed")
			}
		}
	})
	good, q := h.open(t)
	polled := h.poll(t)
	sids := []string{}

	bad, p := h.open(t)
	say(t, bad, "4panic")
	if why := within(t, p.closed); why != wire.ReasonInternal {
		t.Errorf("websocket: closed by %v", why)
	}
	b := h.poll(t)
	b.post(t, "4panic")
	if why := within(t, b.closed); why != wire.ReasonInternal {
		t.Errorf("polling: closed by %v", why)
	}
	u := h.poll(t)
	ws := h.dial(t, u.sid)
	say(t, ws, "2probe", "5", "4panic")
	if why := within(t, u.closed); why != wire.ReasonInternal {
		t.Errorf("upgraded: closed by %v", why)
	}
	sids = append(sids, b.sid, u.sid)

	if status, body := h.do(t, http.MethodGet, polling, "", "Panic", "yes"); status != http.StatusInternalServerError {
		t.Errorf("a link that was not accepted: %d %q", status, body)
	}
	c := h.raw(t, strings.Replace(upgradeRequest(""), "Host", "Panic: yes\r\nHost", 1))
	if _, err := io.Copy(io.Discard, c); err != nil && !isReset(err) { // its socket is closed
		t.Errorf("a WebSocket that was not accepted: %v", err)
	}

	_, open := h.do(t, http.MethodGet, polling, "", "Origin", evil)
	b = &poller{sid: sidOf(open), peer: h.next(t)}
	b.post(t, "1")
	within(t, b.closed)
	h.gone(t, b.sid)
	sids = append(sids, b.sid)

	say(t, good, "4hello")
	polled.post(t, "4hello")
	for _, l := range []*peer{q, polled.peer} {
		if m := within(t, l.messages); m != "hello" || len(l.closed) > 0 {
			t.Errorf("received %q", m)
		}
	}
	eventually(t, "seated", func() bool { sids, seats := h.Kept(); return sids == 1 && seats == 2 })
	log := h.log.String()
	for where, times := range map[string]int{"in Accept": 2, "in Message": 3, "in Closed": 1} {
		if n := strings.Count(log, "panic=\""+where); n != times {
			t.Errorf("%q is %d times in the log, not %d", where, n, times)
		}
	}
	for _, sid := range sids {
		if strings.Contains(log, sid) {
			t.Error("a sid is in the log")
		}
	}
}

// gone waits until a sid is unknown.
func (h *hub) gone(t testing.TB, sid string) {
	t.Helper()
	eventually(t, "unknown", func() bool {
		status, body := h.do(t, http.MethodPost, polling+"&sid="+sid, "6")
		return status == http.StatusBadRequest && strings.Contains(body, "Session ID unknown")
	})
}
