package e2e_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
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

// silent proves that no answer is on its way: a WebSocket's pong overtakes none.
// Nothing more can be read.
func (c *socket) silent() {
	c.Helper()
	pong := errors.New("pong")
	c.conn.SetPongHandler(func(string) error { return pong })
	c.write(masked(fin|pingFrame, ""))
	if m, err := c.try(); !errors.Is(err, pong) {
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

// packets are the statements of Socket.IO's chapters "Sending and receiving
// data", "Acknowledgement" and "Packet encoding".
var packets = []statement{
	{says: "an event of the server is its name and its arguments", holds: func(s *trial) {
		c, r := s.session(), room()
		c.say(`421["hub:subscribe",` + quoted(r) + `]`)
		c.wants(`431[{"ok":true,"channel":` + quoted(r) + `}]`)
		for n := 1; n <= 20; n++ {
			s.push(s.TB, r, `{"n":"`+strconv.Itoa(n)+`","text":""}`)
		}
		for n := 1; n <= 20; n++ {
			if got := c.read(); !strings.HasPrefix(got, `42[`+quoted(r)+`,{"n":"`) || s.place(got) != n {
				s.Fatalf("%q came, not %d", got, n)
			}
		}
	}},
	{says: "an event without an id is not acknowledged", holds: func(s *trial) {
		c := s.session()
		c.say(`42["hub:unsubscribe","e2e.room.ab"]`)
		c.well()
	}},
	{says: "an event with an id is acknowledged with that id, once", holds: func(s *trial) {
		c := s.session()
		for _, id := range []int{0, 1, 12, 456, 1 << 31, 999_999_999_999_999} {
			c.say(question(id))
			c.wants(answerTo(id))
		}
		c.say(question(12))
		c.wants(answerTo(12))
		c.well()
	}},
	{says: "the main namespace may be named, and is not named by the server", holds: func(s *trial) {
		c := s.session()
		c.say(`42/,13["hub:unsubscribe","e2e.room.ab"]`)
		c.wants(answerTo(13))
	}},
	{says: "JSON is JSON, however it is written", holds: func(s *trial) {
		c := s.session()
		c.say(`4213 [ "hub\u003aunsubscribe" , "e2e.room.\u0061b" ] `)
		c.wants(answerTo(13))
	}},
	{says: "an event of a namespace that is not connected closes the connection", holds: func(s *trial) {
		for _, event := range []string{`42/admin,["x"]`, `42/admin,1["x"]`, `43/admin,1[]`, `41/admin,`} {
			c := s.session()
			c.say(event)
			c.ends()
		}
	}},
	{says: "an event's payload is a non-empty array with a name, or the connection is closed", holds: func(s *trial) {
		for _, event := range []string{"42{}", "42[]", "42[", `42"a"`, "42null", "42true", `42["a"`, `42["a"]x`, `42["a"]["b"]`, "42[null]", "42[{}]", "42[[]]", "421[]", "421{}"} {
			c := s.session()
			c.say(event)
			c.ends()
		}
	}},
	{says: "an event's payload is mandatory, or the connection is closed", holds: func(s *trial) {
		for _, event := range []string{"42", "421"} {
			c := s.session()
			c.say(event, question(1))
			c.ends()
		}
	}},
	{says: "an id that is no number closes the connection", holds: func(s *trial) {
		for _, event := range []string{`42abc["a"]`, `42-1["a"]`, `421.5["a"]`, `421e3["a"]`} {
			c := s.session()
			c.say(event)
			c.ends()
		}
	}},
	{says: "a packet of no type closes the connection", holds: func(s *trial) {
		for _, packet := range []string{"4", "4abc", "47", "49", `4["a"]`, "4\x00"} {
			c := s.session()
			c.say(packet)
			c.ends()
		}
	}},
	{says: "a packet of no type closes the connection, by polling", holds: func(s *trial) {
		p := s.joined()
		if a := p.post("4abc"); a.err == nil && a.status != http.StatusOK && a.status != http.StatusBadRequest {
			s.Errorf("it is answered by %d %q", a.status, a.body)
		}
		p.gone()
	}},
	{says: "CONNECT_ERROR is the server's: one of a client closes the connection", holds: func(s *trial) {
		c := s.session()
		c.say(`44{"message":"x"}`)
		c.ends()
	}},
	{says: "an ack that nobody asked for does nothing", holds: func(s *trial) {
		c := s.session()
		c.say(`431[]`, `43999["bar"]`)
		c.well()
	}},
	{says: "an ack's payload is an array, or the connection is closed", holds: func(s *trial) {
		for _, ack := range []string{`431{}`, `431"x"`, `431[`} {
			c := s.session()
			c.say(ack)
			c.ends()
		}
	}, hub: &variant{"the hub asks for no acks, so it reads none", func(s *trial) {
		c := s.session()
		c.say(`431{}`, `431"x"`, `431[`)
		c.well()
	}}},
	{
		says: "a binary event is followed by its attachments", holds: func(s *trial) {
			c := s.session()
			c.say(`451-789["e2e.echo",{"_placeholder":true,"num":0}]`)
			c.attach("\x01\x02\x03")
			c.wants(`461-789[{"_placeholder":true,"num":0}]`, "\x01\x02\x03")
			c.well()
		},
		hub: &variant{"the hub carries JSON: it refuses the event, and takes its attachments", func(s *trial) {
			c := s.session()
			c.say(`452-789["e2e.echo",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`)
			c.attach("\x01\x02\x03")
			c.attach("")
			if got := c.read(); !strings.HasPrefix(got, `43789[{"ok":false,"error":{"code":"INVALID_ARGUMENT","reason":"REQUEST_INVALID"`) {
				s.Errorf("it is answered by %q", got)
			}
			c.well()
			c.say(`451-["e2e.echo",{"_placeholder":true,"num":0}]`)
			c.attach("\x01")
			if got := c.read(); !strings.HasPrefix(got, `42["hub:error",{"event":"e2e.echo",`) {
				s.Errorf("it is answered by %q", got)
			}
			c.well()
		}},
	},
	{says: "a binary ack that nobody asked for does nothing", holds: func(s *trial) {
		c := s.session()
		c.say(`461-15["bar",{"_placeholder":true,"num":0}]`)
		c.attach("\x01\x02\x03")
		c.well()
	}},
	{says: "a binary packet tells the number of its attachments, or closes the connection", holds: func(s *trial) {
		for _, packet := range []string{`45["a"]`, `45-["a"]`, `451["a"]`, `45-1["a"]`, `451000-["a"]`, "45", "451", "46", `46-1[]`} {
			c := s.session()
			c.say(packet)
			c.ends()
		}
	}},
	{says: "binary data that no packet announced closes the connection", holds: func(s *trial) {
		c := s.session()
		c.attach("\x01\x02\x03")
		c.ends()
		c, _ = s.websocket()
		c.attach("\x01\x02\x03")
		c.ends()
		p := s.joined()
		p.post("bAQID")
		p.gone()
	}},
}

// attach sends binary data.
func (c *socket) attach(data string) {
	c.Helper()
	if err := c.conn.WriteMessage(websocket.BinaryMessage, []byte(data)); err != nil {
		c.Fatalf("attaching %q: %v", data, err)
	}
}
