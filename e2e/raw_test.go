package e2e_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/realtime-hub/hub/hub/server"
)

// raw speaks Engine.IO to the hub itself: what no Socket.IO client would say.
type raw struct {
	t    *testing.T
	conn *websocket.Conn
}

// rawDial opens a WebSocket and reads Engine.IO's OPEN; more is of the query.
func (h *testHub) rawDial(t *testing.T, more ...string) raw {
	t.Helper()
	conn, _, err := websocket.DefaultDialer.Dial("ws://"+h.addresses.HTTP+"/socket.io/?EIO=4&transport=websocket"+strings.Join(more, ""), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	r := raw{t, conn}
	if open := r.read(); !strings.HasPrefix(open, "0{") {
		t.Fatalf("the first message is %q", open)
	}
	return r
}

// rawSession is one that has sent CONNECT and seen hub:ready.
func (h *testHub) rawSession(t *testing.T) raw {
	t.Helper()
	r := h.rawDial(t)
	r.say("40")
	if answer := r.read(); !strings.HasPrefix(answer, `40{"sid":"`) {
		t.Fatalf("CONNECT is answered by %q", answer)
	}
	if event := r.read(); !strings.HasPrefix(event, `42["hub:ready",{`) {
		t.Fatalf("the first event is %q", event)
	}
	return r
}

func (r raw) say(message string) {
	r.t.Helper()
	if err := r.conn.WriteMessage(websocket.TextMessage, []byte(message)); err != nil {
		r.t.Fatalf("saying %.40q: %v", message, err)
	}
}

func (r raw) read() string {
	r.t.Helper()
	message, err := r.try()
	if err != nil {
		r.t.Fatalf("a message was awaited; what came instead: %v", err)
	}
	return message
}

func (r raw) try() (string, error) {
	_ = r.conn.SetReadDeadline(time.Now().Add(patience))
	_, data, err := r.conn.ReadMessage()
	return string(data), err
}

// ended reads to the connection's end, and is what came before it.
func (r raw) ended() []string {
	r.t.Helper()
	var last []string
	for {
		message, err := r.try()
		if err == nil {
			last = append(last, message)
			continue
		}
		if timeout, ok := err.(interface{ Timeout() bool }); ok && timeout.Timeout() {
			r.t.Fatalf("the connection was not closed within %s; what came instead: %q", patience, last)
		}
		return last
	}
}

func TestWhatIsNoSocketIOEndsItsSessionAlone(t *testing.T) {
	h := common.get(t)
	w := h.witness(t)
	for _, message := range []string{
		"4", "4x", "47", "49", "42", "42{}", "42[]", "42[1]", "42[null]", "42[", `42["a`, `42["a"]x`, `42["a"] []`, `421`, `42abc["a"]`, "42[\"\xff\"]", "42/", "42/,", `42/admin,["a"]`,
		`421234567890123456["hub:subscribe","x"]`, `42-1["a"]`, "44", `44{"message":"x"}`, "40", "40{}", "45", "45-", `45["a"]`, `451["a"]`, `45-1["a"]`, `451000-["a"]`, `4599999999999999999999-["a"]`,
		"46", `46["a"]`, "4\x00", "4" + strings.Repeat("/", 200),
	} {
		t.Run(message, func(t *testing.T) {
			r := h.rawSession(t)
			r.say(message)
			last := r.ended()
			if len(last) != 1 || !strings.HasPrefix(last[0], `42["hub:ended",`) {
				t.Fatalf("before the end came %q, not hub:ended", last)
			}
			var ended []json.RawMessage
			decode(t, last[0][2:], &ended)
			failureOf(t, field(t, ended[1], "error")).want(t, "REQUEST_INVALID")
		})
	}
	w.well(t)
}

func TestWhatIsNoConnectGetsNoSession(t *testing.T) {
	h := common.get(t)
	w := h.witness(t)
	for _, message := range []string{"42[\"hub:subscribe\",\"e2e.room.ab\"]", "41", "430[]", "4", "4x", `450-["a"]`, "44", "42/admin,[\"a\"]"} {
		t.Run(message, func(t *testing.T) {
			r := h.rawDial(t)
			r.say(message)
			if last := r.ended(); len(last) != 0 {
				t.Errorf("before the end came %q", last)
			}
		})
	}
	t.Run("an attachment of nothing", func(t *testing.T) {
		r := h.rawDial(t)
		_ = r.conn.WriteMessage(websocket.BinaryMessage, []byte("x"))
		if last := r.ended(); len(last) != 0 {
			t.Errorf("before the end came %q", last)
		}
	})
	t.Run("auth that is none", func(t *testing.T) {
		for _, auth := range []string{"[]", `"x"`, "[", "{", `{"token":1}`} {
			r := h.rawDial(t)
			r.say("40" + auth)
			answer := r.read()
			if !strings.HasPrefix(answer, "44{") {
				t.Fatalf("CONNECT with %s is answered by %q", auth, answer)
			}
			failureOf(t, field(t, json.RawMessage(answer[2:]), "data")).want(t, "REQUEST_INVALID")
			r.say("40") // and may try again
			if answer := r.read(); !strings.HasPrefix(answer, "40{") {
				t.Errorf("a second CONNECT is answered by %q", answer)
			}
		}
	})
	w.well(t)
}

// What the protocol allows, the hub takes, though no client of today says it.
func TestUnusualPacketsThatAreSocketIO(t *testing.T) {
	h := common.get(t)
	r := h.rawSession(t)
	say := func(message, want string) {
		t.Helper()
		r.say(message)
		if got := r.read(); got != want {
			t.Errorf("%s is answered by\n%s\nnot\n%s", message, got, want)
		}
	}
	say(`420["hub:unsubscribe","e2e.room.ab"]`, `430[{"ok":true,"channel":"e2e.room.ab"}]`)
	say(`42/,1["hub:unsubscribe","e2e.room.ab"]`, `431[{"ok":true,"channel":"e2e.room.ab"}]`)
	say(`42999999999999999 [ "hub:unsubscribe" , "e2e.room.\u0061b" ] `, `43999999999999999[{"ok":true,"channel":"e2e.room.ab"}]`)
	r.say(`430["an ack of nothing"]`)
	r.say(`43`)
	// Nested as deep as a parser can be made to follow, but still JSON.
	r.say(`423["hub:subscribe",` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `]`)
	if answer := r.read(); !strings.HasPrefix(answer, `433[{"ok":false,"error":{"code":"INVALID_ARGUMENT","reason":"REQUEST_INVALID",`) {
		t.Errorf("5,000 brackets are answered by %.200s", answer)
	}
	say(`422["hub:unsubscribe","e2e.room.ab"]`, `432[{"ok":true,"channel":"e2e.room.ab"}]`)
	r.say("41")
	if last := r.ended(); len(last) != 0 {
		t.Errorf("DISCONNECT is answered by %q", last)
	}
}

func TestOversizedMessagesCloseTheirSenderAlone(t *testing.T) {
	h := common.get(t)
	w := h.witness(t)
	large := `42["e2e.room.ab","` + strings.Repeat("x", 100_000) + `"]`

	r := h.rawSession(t)
	r.say(large)
	for {
		message, err := r.try()
		if err == nil {
			t.Errorf("before the end came %.100q", message)
			continue
		}
		if !websocket.IsCloseError(err, websocket.CloseMessageTooBig) {
			t.Errorf("closed by %v", err)
		}
		break
	}
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	p := h.poll(t)
	if status, body := p.post(large); status != http.StatusRequestEntityTooLarge {
		t.Errorf("answered by %d %.100s", status, body)
	}
	w.well(t)

	// The clients notice, and come back if they may.
	each(t, func(t *testing.T, m mode) {
		r := room()
		c := dial(t, h.url, m, options{reconnect: true, subscribe: []string{r}})
		c.ready()
		c.next(subscribed)
		c.emit(r, object{"text": strings.Repeat("x", 100_000)})
		c.lost()
		c.ready()
		c.next(subscribed)
		h.broadcast(t, r, `{}`)
		c.next(r)
		w.well(t)
	})
}

// poller is a client that polls by hand.
type poller struct {
	t   *testing.T
	url string
}

func (h *testHub) poll(t *testing.T) poller {
	t.Helper()
	p := poller{t, h.url + "/socket.io/?EIO=4&transport=polling"}
	_, open := p.get()
	var handshake struct{ Sid string }
	decode(t, strings.TrimPrefix(open, "0"), &handshake)
	p.url += "&sid=" + handshake.Sid
	return p
}

func (p poller) get() (int, string) {
	p.t.Helper()
	return p.answer(http.Get(p.url))
}

func (p poller) post(body string) (int, string) {
	p.t.Helper()
	return p.answer(http.Post(p.url, "text/plain;charset=UTF-8", strings.NewReader(body)))
}

func (p poller) answer(r *http.Response, err error) (int, string) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return r.StatusCode, string(body)
}

func TestMalformedPollingEndsItsSessionAlone(t *testing.T) {
	h := common.get(t)
	w := h.witness(t)
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	for _, body := range []string{"", "x", "40\x1e", "\x1e40", "9", "0{}", "b!!", "40\x1ex"} {
		t.Run(body, func(t *testing.T) {
			p := h.poll(t)
			if status, answer := p.post(body); status != http.StatusBadRequest {
				t.Errorf("answered by %d %q", status, answer)
			}
			// Its session is gone, if there was one.
			for range 3 {
				status, answer := p.get()
				if status == http.StatusBadRequest {
					return
				}
				t.Logf("%d %q", status, answer)
			}
			t.Error("the session goes on")
		})
	}
	for _, query := range []string{"", "?EIO=4", "?EIO=2&transport=polling", "?EIO=4&transport=polling&sid=nobody", "?EIO=4&transport=websocket", "?EIO=4&transport=pigeon"} {
		p := poller{t, h.url + "/socket.io/" + query}
		if status, answer := p.get(); status != http.StatusBadRequest {
			t.Errorf("%q is answered by %d %q", query, status, answer)
		}
	}
	w.well(t)
}

// Engine.IO 3 is the library's alone.
func TestEngineIO3IsRefusedByTheHubsOwnDoor(t *testing.T) {
	h := startHub(t, func(cfg *server.Config) { cfg.HTTP.Door = server.DoorOwn })
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	p := poller{t, h.url + "/socket.io/?EIO=3&transport=polling"}
	if status, answer := p.get(); status != http.StatusBadRequest || !strings.Contains(answer, "Unsupported protocol version") {
		t.Errorf("answered by %d %q", status, answer)
	}
}

// A token in a URL ends up in other people's logs, so it counts only where the
// protocol has no better place: in Socket.IO 2.
func TestTokensInTheQueryDoNotCountSinceSocketIO3(t *testing.T) {
	h := common.get(t)
	r := h.rawDial(t, "&token=none")
	r.say("40")
	if answer := r.read(); !strings.HasPrefix(answer, `40{"sid":"`) {
		t.Errorf("CONNECT is answered by %q", answer)
	}
}
