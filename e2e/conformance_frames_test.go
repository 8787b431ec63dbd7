package e2e_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

// frames are the statements of RFC 6455 that Engine.IO's "its own WebSocket
// frame" stands on. The numbers are its sections.
var frames = []statement{
	{says: "4.2.1 a handshake without a key, or of another version, is refused", holds: func(s *trial) {
		key, version, upgrade := "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "Sec-WebSocket-Version: 13\r\n", "Connection: Upgrade\r\nUpgrade: websocket\r\n"
		if got := s.shakes(upgrade + version + key); got != http.StatusSwitchingProtocols {
			s.Fatalf("the right one is answered by %d", got)
		}
		for what, headers := range map[string]string{
			"no key": upgrade + version, "no version": upgrade + key, "version 12": upgrade + key + "Sec-WebSocket-Version: 12\r\n",
			"a key that is none": upgrade + version + "Sec-WebSocket-Key: x\r\n",
			"no upgrade":         version + key + "Connection: Upgrade\r\n", "another upgrade": version + key + "Connection: Upgrade\r\nUpgrade: h2c\r\n",
			"no connection": version + key + "Upgrade: websocket\r\n",
		} {
			if got := s.shakes(headers); got < 400 || got >= 500 {
				s.Errorf("%s is answered by %d", what, got)
			}
		}
	}},
	{says: "4.2.2 no extension is agreed on unasked, and none is needed", holds: func(s *trial) {
		d := websocket.Dialer{EnableCompression: true, HandshakeTimeout: s.bound}
		conn, res, err := d.DialContext(s.Context(), "ws"+strings.TrimPrefix(s.url, "http")+"/socket.io/?"+byWebSocket, nil)
		if err != nil {
			s.Fatalf("%v", err)
		}
		s.Cleanup(func() { _ = conn.Close() })
		if got := res.Header.Get("Sec-WebSocket-Extensions"); got != "" {
			s.Errorf("it agrees on %q", got)
		}
	}},
	{says: "5.1 a frame that is not masked is refused by 1002", holds: func(s *trial) {
		s.breaks(websocket.CloseProtocolError, unmasked(fin|textFrame, question(1)))
		s.breaks(websocket.CloseProtocolError, unmasked(fin|pingFrame, ""))
	}},
	{says: "5.2 reserved bits are refused by 1002", holds: func(s *trial) {
		for _, bit := range []byte{rsv1, rsv2, rsv3} {
			s.breaks(websocket.CloseProtocolError, masked(fin|bit|textFrame, question(1)))
			s.breaks(websocket.CloseProtocolError, masked(fin|bit|pingFrame, ""))
		}
	}},
	{says: "5.2 reserved opcodes are refused by 1002", holds: func(s *trial) {
		for _, opcode := range []byte{0x3, 0x7, 0xB, 0xF} {
			s.breaks(websocket.CloseProtocolError, masked(fin|opcode, ""))
		}
	}},
	{says: "5.2 a length may not have its highest bit", holds: func(s *trial) {
		c := s.session()
		c.write([]byte{fin | textFrame, 0x80 | 127, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4})
		if got := c.ends(); got != websocket.CloseProtocolError && got != websocket.CloseMessageTooBig {
			s.Errorf("closed by %d", got)
		}
	}},
	{says: "5.4 a message may come in fragments, and control frames between them", holds: func(s *trial) {
		c, q := s.session(), question(1)
		pongs := make(chan string, 1)
		c.conn.SetPongHandler(func(data string) error { pongs <- data; return nil })
		c.write(masked(textFrame, q[:3]), masked(continuationFrame, ""), masked(fin|pingFrame, "between"), masked(continuationFrame, q[3:9]), masked(fin|continuationFrame, q[9:]))
		c.wants(answerTo(1))
		select {
		case got := <-pongs:
			if got != "between" {
				s.Errorf("the pong says %q", got)
			}
		default:
			s.Errorf("there is no pong")
		}
		c.well()
	}},
	{says: "5.4 fragments do not mix with another message, nor begin in the middle", holds: func(s *trial) {
		s.breaks(websocket.CloseProtocolError, masked(textFrame, "42"), masked(fin|textFrame, question(1)))
		s.breaks(websocket.CloseProtocolError, masked(fin|continuationFrame, question(1)))
	}},
	{says: "5.4 frames are not segments", holds: func(s *trial) {
		c := s.session()
		var bytes [][]byte
		for _, b := range masked(fin|textFrame, question(1)) {
			bytes = append(bytes, []byte{b})
		}
		c.write(bytes...)
		c.wants(answerTo(1))
		c.write(append(append(masked(fin|textFrame, question(2)), masked(textFrame, question(3)[:5])...), masked(fin|continuationFrame, question(3)[5:])...))
		c.wants(answerTo(2), answerTo(3))
	}},
	{says: "5.5 control frames are short and whole, or refused by 1002", holds: func(s *trial) {
		s.breaks(websocket.CloseProtocolError, masked(fin|pingFrame, strings.Repeat("x", 126)))
		s.breaks(websocket.CloseProtocolError, masked(pingFrame, "x"), masked(fin|continuationFrame, "x"))
	}},
	{says: "5.5.1 a close is answered by the same close", holds: func(s *trial) {
		for _, code := range []int{1000, 1001, 3000, 4999} {
			c := s.session()
			c.write(masked(fin|closeFrame, string([]byte{byte(code >> 8), byte(code)})+"why"))
			c.endsBy(code)
		}
		c := s.session()
		c.write(masked(fin|closeFrame, ""))
		c.endsBy(websocket.CloseNoStatusReceived)
	}},
	{says: "5.5.2 a ping is answered by a pong with its data", holds: func(s *trial) {
		c := s.session()
		var pongs []string
		c.conn.SetPongHandler(func(data string) error { pongs = append(pongs, data); return nil })
		c.write(masked(fin|pingFrame, ""), masked(fin|pingFrame, strings.Repeat("x", 125)))
		c.well()
		c.well()
		if len(pongs) == 0 || pongs[len(pongs)-1] != strings.Repeat("x", 125) {
			s.Errorf("the pongs are %q", pongs)
		}
	}},
	{says: "5.5.3 a pong that nobody asked for does nothing", holds: func(s *trial) {
		c := s.session()
		c.write(masked(fin|pongFrame, "x"))
		c.well()
	}},
	{says: "7.4.1 a close code that nobody may send is refused by 1002", holds: func(s *trial) {
		for _, payload := range []string{"\x03\xed", "\x03\xee", "\x03\xec", "\x00\x01", "\x07\xd0"} {
			s.breaks(websocket.CloseProtocolError, masked(fin|closeFrame, payload))
		}
	}},
	{says: "7.4.1 a close frame of one byte is refused by 1002", holds: func(s *trial) {
		s.breaks(websocket.CloseProtocolError, masked(fin|closeFrame, "\x03"))
	}},
	{says: "8.1 text that is no UTF-8 is refused by 1007", holds: func(s *trial) {
		for _, bad := range []string{"\xff", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82"} {
			s.breaks(websocket.CloseInvalidFramePayloadData, masked(fin|textFrame, `421["hub:unsubscribe","`+bad+`"]`))
		}
	}},
	{says: "8.1 a character may be split between fragments", holds: func(s *trial) {
		c := s.session()
		c.write(masked(textFrame, "43999[\"\xe2\x82"), masked(fin|continuationFrame, "\xac\"]"))
		c.well()
	}},
}

// breaks opens a session, writes what breaks the protocol, and wants the code.
func (s *trial) breaks(code int, segments ...[]byte) {
	s.Helper()
	c := s.session()
	c.write(segments...)
	if got := c.ends(); got != code {
		s.Errorf("%.40q is closed by %d, not %d", segments, got, code)
	}
}

// shakes is the status that a handshake with these headers is answered by.
func (s *trial) shakes(headers string) int {
	s.Helper()
	address := strings.TrimPrefix(s.url, "http://")
	conn, err := net.DialTimeout("tcp", address, s.bound)
	if err != nil {
		s.Fatalf("%v", err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(s.bound))
	if _, err := fmt.Fprintf(conn, "GET /socket.io/?%s HTTP/1.1\r\nHost: %s\r\n%s\r\n", byWebSocket, address, headers); err != nil {
		s.Fatalf("%v", err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		s.Fatalf("%q is not answered: %v", headers, err)
	}
	defer res.Body.Close()
	return res.StatusCode
}
