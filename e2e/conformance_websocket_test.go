package e2e_test

import (
	"net/http"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

// websockets are the statements of Engine.IO's chapters "WebSocket", under
// "Transports" and under "Packet encoding".
var websockets = []statement{
	{says: "each packet is a message of its own", holds: func(s *trial) {
		c := s.session()
		for i := range 100 {
			c.say(question(i))
		}
		for i := range 100 {
			c.wants(answerTo(i))
		}
		c.say(question(1) + separator + question(2)) // no payload: a packet that is none
		c.ends()
	}},
	{says: "text is UTF-8 on the way in and out", holds: func(s *trial) {
		c, r := s.session(), room()
		c.say(`421["hub:subscribe",` + quoted(r) + `]`)
		c.read()
		s.push(s.TB, r, `{"n":"1","text":"€ 😀 \u0000"}`)
		if got := c.read(); !strings.Contains(got, `"text":"€ 😀 \u0000"`) {
			s.Errorf("it is %q", got)
		}
	}},
	{says: "a packet that is none closes the session", holds: func(s *trial) {
		for _, packet := range []string{"", "abc", "7", "9", "\x1e", "{}"} {
			c := s.session()
			c.say(packet)
			c.ends()
		}
	}},
	{says: "pings are the server's: one of a client closes the session", holds: func(s *trial) {
		for _, packet := range []string{"2", "2probe"} {
			c := s.session()
			c.say(packet)
			c.ends()
		}
	}},
	{says: "a noop, and a pong that nobody asked for, do nothing", holds: func(s *trial) {
		c := s.session()
		c.say("6", "3")
		c.well()
	}},
	{says: "a close packet closes the session, and nothing behind it is taken, on a WebSocket", holds: func(s *trial) {
		c := s.session()
		c.say("1", question(1))
		c.ends()
		c, o := s.websocket()
		c.joins()
		c.say("1")
		c.ends()
		s.unknown(o)
	}},
	{says: "a WebSocket's close closes the session", holds: func(s *trial) {
		c, o := s.websocket()
		c.joins()
		_ = c.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, "bye"), time.Now().Add(s.bound))
		c.ends()
		s.unknown(o)
		c, o = s.websocket()
		c.joins()
		_ = c.conn.Close() // without a word
		s.unknown(o)
	}},
	{says: "a session is not reached by polling, nor harmed", holds: func(s *trial) {
		c, o := s.websocket()
		c.joins()
		s.refuses("a poll", s.ask(http.MethodGet, byPolling+"&sid="+o.Sid, ""), 3)
		s.refuses("a POST", s.ask(http.MethodPost, byPolling+"&sid="+o.Sid, "1", "Content-Type", plain), 3)
		c.well()
	}},
	{says: "a session has one WebSocket: a second is closed, and does no harm", holds: func(s *trial) {
		c, o := s.websocket()
		c.joins()
		s.refused("a second", byWebSocket+"&sid="+o.Sid)
		c.well()
	}},
	{says: "a packet may be as large as the open packet says", holds: func(s *trial) {
		c, o := s.websocket()
		c.joins()
		c.say(`43999["` + strings.Repeat("x", o.MaxPayload-9) + `"]`)
		c.well()
	}},
	{says: "a larger packet closes the session by 1009", holds: func(s *trial) {
		c, o := s.websocket()
		c.joins()
		c.say("4" + strings.Repeat("x", o.MaxPayload))
		c.endsBy(websocket.CloseMessageTooBig)
	}},
	{says: "a larger packet in small fragments closes the session by 1009", holds: func(s *trial) {
		c, o := s.websocket()
		c.joins()
		part := strings.Repeat("x", o.MaxPayload/4)
		c.write(masked(textFrame, "4"+part), masked(continuationFrame, part), masked(continuationFrame, part), masked(continuationFrame, part))
		c.write(masked(continuationFrame, part+part))
		c.endsBy(websocket.CloseMessageTooBig)
	}},
	{says: "a length that no memory holds closes the session at once", holds: func(s *trial) {
		c := s.session()
		c.write([]byte{fin | textFrame, 0x80 | 127, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4})
		c.endsBy(websocket.CloseMessageTooBig)
	}},
}

// endsBy is ends with the one code that is right.
func (c *socket) endsBy(code int) {
	c.Helper()
	if got := c.ends(); got != code {
		c.Errorf("closed by %d, not %d", got, code)
	}
}

// unknown waits until a session's sid is known no more.
func (s *trial) unknown(o opening) {
	s.Helper()
	for end := time.Now().Add(s.bound); ; {
		a := s.ask(http.MethodGet, byPolling+"&sid="+o.Sid, "")
		if strings.HasPrefix(a.body, `{"code":1,`) {
			return
		}
		if time.Now().After(end) {
			s.Fatalf("its sid is answered by %d %q", a.status, a.body)
		}
	}
}
