package e2e_test

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

// upgrades are the statements of Engine.IO's chapter "Upgrade".
var upgrades = []statement{
	{says: "a probe is answered, and the upgrade packet moves the session", holds: func(s *trial) {
		c := s.joined().upgrade()
		c.well()
	}},
	{says: "a session may CONNECT before, during and after the upgrade", holds: func(s *trial) {
		c := s.poll().upgrade()
		c.joins()
		c.well()
		p := s.poll()
		c = p.probe()
		p.say("40")
		c.say("5")
		if connect, ready := c.read(), c.read(); !isConnect(connect) || !isReady(ready) {
			s.Fatalf("CONNECT is answered by %q, %q", connect, ready)
		}
		c.well()
	}},
	{says: "a poll that waits is ended by noop", holds: func(s *trial) {
		p := s.joined()
		poll := p.later()
		c := p.probe()
		s.wants("the poll", p.within("the poll", poll), http.StatusOK, "6")
		c.say("5")
		c.well()
	}},
	{says: "a poll between the probe and the upgrade is ended by noop", holds: func(s *trial) {
		p := s.joined()
		c := p.probe()
		s.wants("the poll", p.get(), http.StatusOK, "6")
		c.say("5")
		c.well()
	}},
	{says: "what the server sends during the upgrade arrives once, in order", holds: func(s *trial) {
		for range 10 {
			s.moves()
		}
	}},
	{says: "what the client sends during the upgrade arrives once, in order", holds: func(s *trial) {
		p := s.joined()
		p.say(question(1), question(2))
		c := p.probe()
		p.say(question(3), question(4))
		c.say("5", question(5), question(6))
		got := make([]string, 0, 6)
		for range 6 {
			got = append(got, c.read())
		}
		for i, m := range got {
			if m != answerTo(i+1) {
				s.Fatalf("the answers are %q", got)
			}
		}
		c.well()
	}},
	{says: "polling is refused after the upgrade, and does no harm", holds: func(s *trial) {
		p := s.joined()
		c := p.upgrade()
		c.well()
		s.refuses("a poll", p.get(), 3)
		s.refuses("a POST", p.post(question(1)), 3)
		c.well()
	}},
	{says: "a second WebSocket is refused after the upgrade, and does no harm", holds: func(s *trial) {
		p := s.joined()
		c := p.upgrade()
		c.well()
		s.refused("a second", byWebSocket+"&sid="+p.Sid)
		c.well()
	}},
	{says: "a second WebSocket is refused during the upgrade, and does no harm", holds: func(s *trial) {
		p := s.joined()
		c := p.probe()
		s.refused("a second", byWebSocket+"&sid="+p.Sid)
		c.say("5")
		c.well()
	}},
	{says: "a WebSocket that says anything else is closed, and polling goes on", holds: func(s *trial) {
		for _, garbage := range []string{"2", "2other", "3probe", "4x", question(1), "6", "1", "x", ""} {
			p := s.joined()
			c := s.dials(byWebSocket + "&sid=" + p.Sid)
			c.say(garbage)
			c.ends()
			p.well()
			p.retry().well()
		}
	}},
	{says: "a WebSocket that says binary data is closed, and polling goes on", holds: func(s *trial) {
		p := s.joined()
		c := s.dials(byWebSocket + "&sid=" + p.Sid)
		_ = c.conn.WriteMessage(websocket.BinaryMessage, []byte("2probe"))
		c.ends()
		p.well()
	}},
	{says: "a WebSocket that leaves after its probe does no harm", holds: func(s *trial) {
		p := s.joined()
		_ = p.probe().conn.Close()
		p.well()
		_ = p.retry().conn.Close() // and that one does: it took the session over
		s.unknown(p.opening)
		p = s.joined()
		_ = s.dials(byWebSocket + "&sid=" + p.Sid).conn.Close()
		p.well()
		p.retry().well()
	}},
	{says: "a WebSocket that does not complete the upgrade is closed, and polling goes on", pace: hasty, holds: func(s *trial) {
		p := s.joined()
		p.probe().ends()
		p.well()
		p = s.joined()
		s.dials(byWebSocket + "&sid=" + p.Sid).ends()
		p.well()
	}},
	{says: "a session that closes closes the WebSocket that would take it over", holds: func(s *trial) {
		p := s.joined()
		c := p.probe()
		p.say("1")
		c.ends()
		p.gone()
	}},
}

// probe opens a WebSocket for the session, and is answered.
func (p line) probe() *socket {
	p.Helper()
	c := p.dials(byWebSocket + "&sid=" + p.Sid)
	c.say("2probe")
	c.wants("3probe")
	return c
}

// upgrade moves the session, as a client does that has no poll waiting.
func (p line) upgrade() *socket {
	p.Helper()
	c := p.probe()
	c.say("5")
	return c
}

// retry upgrades once the server has noticed that the attempt before it is over.
func (p line) retry() *socket {
	p.Helper()
	for end := time.Now().Add(p.bound); ; {
		c, a := p.dial(byWebSocket + "&sid=" + p.Sid)
		if c != nil {
			c.say("2probe")
			if m, err := c.try(); err == nil && m == "3probe" {
				c.say("5")
				return c
			}
		}
		if time.Now().After(end) {
			p.Fatalf("a second attempt is refused: %d %v", a.status, a.err)
		}
	}
}

// moves counts what the server sends while a client moves as clients do: it
// ends its poll, polls no more, and goes on with the WebSocket.
func (s *trial) moves() {
	s.Helper()
	p, r := s.joined(), room()
	p.say(`421["hub:subscribe",` + quoted(r) + `]`)
	p.takes(1)
	sent, seen := 0, 0
	push := func(n int) {
		for range n {
			sent++
			s.push(s.TB, r, `{"n":"`+strconv.Itoa(sent)+`","text":""}`)
		}
	}
	see := func(payload string) {
		s.Helper()
		for m := range strings.SplitSeq(payload, separator) {
			if m == "6" {
				continue
			}
			seen++
			if n := s.place(m); n != seen {
				s.Fatalf("%d came after %d", n, seen-1)
			}
		}
	}
	poll := p.later()
	push(3)
	c := p.probe()
	push(3)
	see(p.within("the poll", poll).body)
	push(3)
	c.say("5")
	push(3)
	for seen < sent {
		see(c.read())
	}
	c.well()
}

// place is a broadcast's place in its stream.
func (s *trial) place(event string) int {
	s.Helper()
	var parts []json.RawMessage
	var payload struct{ N string }
	err := json.Unmarshal([]byte(strings.TrimPrefix(event, "42")), &parts)
	if err == nil && len(parts) == 3 {
		err = json.Unmarshal(parts[1], &payload)
	}
	n, bad := strconv.Atoi(payload.N)
	if err != nil || bad != nil {
		s.Fatalf("%q came, no broadcast", event)
	}
	return n
}
