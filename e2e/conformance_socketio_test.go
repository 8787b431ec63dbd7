package e2e_test

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/gorilla/websocket"
)

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
