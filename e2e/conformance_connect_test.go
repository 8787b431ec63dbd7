package e2e_test

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/gorilla/websocket"
)

// connects are the statements of Socket.IO's chapters "Connection to a
// namespace" and "Disconnection from a namespace".
var connects = []statement{
	{says: "CONNECT is answered by CONNECT, with the session's id, on a WebSocket", holds: func(s *trial) {
		c, o := s.websocket()
		c.say("40")
		if got := c.read(); !isConnect(got) || strings.Contains(got, o.Sid) { // Engine.IO's sid is a secret
			s.Errorf("it is answered by %q", got)
		}
	}},
	{says: "CONNECT is answered by CONNECT, with the session's id, by polling", holds: func(s *trial) {
		p := s.joined()
		p.say(`421["hub:unsubscribe","e2e.room.ab"]`, `422["hub:unsubscribe","e2e.room.cd"]`)
		if got := p.takes(2); got[0] != answerTo(1) || got[1] != `432[{"ok":true,"channel":"e2e.room.cd"}]` {
			s.Errorf("then came %q", got)
		}
	}},
	{says: "CONNECT may have a payload", holds: func(s *trial) {
		for _, connect := range []string{`40{}`, `40{"token":null,"page":{"deep":[1,"2"]}}`, `40/,`, `40/,{"page":1}`} {
			c, _ := s.websocket()
			c.say(connect)
			if got := c.read(); !isConnect(got) {
				s.Fatalf("%s is answered by %q", connect, got)
			}
		}
	}},
	{says: "a payload of CONNECT that is no object gets no session", holds: func(s *trial) {
		for _, connect := range []string{`40[]`, `40"x"`, `40{`, `401x`} {
			c, _ := s.websocket()
			c.say(connect)
			c.ends()
		}
	}, hub: &variant{"the page learns why, in err.data, and may try again", func(s *trial) {
		for _, connect := range []string{`40[]`, `40"x"`, `40{`, `401x`} {
			c, _ := s.websocket()
			c.say(connect)
			c.connectError("/", "REQUEST_INVALID")
			c.joins()
		}
	}}},
	{says: "a CONNECT that is refused is answered by CONNECT_ERROR, with a message and data", holds: func(s *trial) {
		c, _ := s.websocket()
		c.say(`40{"token":"garbage"}`)
		c.connectError("/", "CREDENTIALS_INVALID")
		c.joins() // and may be sent again
		c.well()
	}},
	{says: "CONNECT to a namespace that nobody knows is answered by CONNECT_ERROR, and does no harm", holds: func(s *trial) {
		c, _ := s.websocket()
		for _, connect := range []string{"40/random", "40/random,", `40/random,{"token":"x"}`} {
			c.say(connect)
			c.connectError("/random", "")
		}
		c.joins()
		c.say("40/random,")
		c.connectError("/random", "")
		c.well()
	}},
	{
		says: "a client may be in several namespaces at a time", holds: func(s *trial) {
			c := s.session()
			c.say(`40/admin,{"token":"123"}`)
			if got := c.read(); !strings.HasPrefix(got, `40/admin,{"sid":"`) {
				s.Fatalf("it is answered by %q", got)
			}
			c.say("41/admin,")
			c.well()
		},
		hub: &variant{"the hub has channels instead, and says so", func(s *trial) {
			c := s.session()
			c.say(`40/admin,{"token":"123"}`)
			c.connectError("/admin", "REQUEST_INVALID")
			c.well()
		}},
	},
	{says: "a second CONNECT closes the connection", holds: func(s *trial) {
		for _, again := range []string{"40", "40{}", "40/,"} {
			c := s.session()
			c.say(again)
			c.ends()
		}
	}},
	{says: "what is not CONNECT, and comes first, closes the connection at once", holds: func(s *trial) {
		for _, first := range []string{question(1), `42["hub:unsubscribe","e2e.room.ab"]`, `42/admin,["x"]`, "41", "431[]", `44{"message":"x"}`, "4", "4x", "47"} {
			c, o := s.websocket()
			c.say(first, "40")
			c.ends()
			s.unknown(o)
		}
	}},
	{says: "what is not CONNECT, and comes first by polling, closes the connection at once", holds: func(s *trial) {
		p := s.poll()
		p.say(question(1), "40")
		p.gone()
	}},
	{says: "a client that does not CONNECT is closed", pace: hasty, holds: func(s *trial) {
		c, _ := s.websocket()
		c.ends()
	}},
	{says: "a polling client that does not CONNECT is closed", pace: hasty, holds: func(s *trial) { s.poll().gone() }},
	{
		says: "DISCONNECT ends the session, and is not answered", holds: func(s *trial) {
			c := s.session()
			c.say("41", question(1))
			c.silent()
		},
		hub: &variant{"without a namespace there is nothing to carry, so the connection ends too", func(s *trial) {
			c := s.session()
			c.say("41", question(1))
			c.ends()
			p := s.joined()
			p.say("41", question(1))
			p.gone()
		}},
	},
}

// silent proves that no answer is on its way: a WebSocket's pong overtakes none,
// nor does its end. Nothing more can be read.
func (c *socket) silent() {
	c.Helper()
	pong := errors.New("pong")
	c.conn.SetPongHandler(func(string) error { return pong })
	c.write(masked(fin|pingFrame, ""))
	m, err := c.try()
	if _, ended := errors.AsType[*websocket.CloseError](err); !ended && !errors.Is(err, pong) {
		c.Fatalf("%q came, %v", m, err)
	}
}

// connectError reads a CONNECT_ERROR: a message for people, and the reason in
// the data where one is wanted.
func (c *socket) connectError(namespace, reason string) {
	c.Helper()
	m, prefix := c.read(), "44"
	if namespace != "/" {
		prefix += namespace + ","
	}
	var told struct {
		Message string
		Data    struct{ Reason string }
	}
	text, is := strings.CutPrefix(m, prefix)
	if err := json.Unmarshal([]byte(text), &told); err != nil || !is || told.Message == "" || reason != "" && told.Data.Reason != reason {
		c.Fatalf("CONNECT is answered by %q, not by CONNECT_ERROR %s", m, reason)
	}
}
