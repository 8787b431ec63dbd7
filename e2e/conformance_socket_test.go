package e2e_test

import (
	"encoding/binary"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

// socket is a WebSocket to a party.
type socket struct {
	*trial

	conn *websocket.Conn
}

// dial opens a WebSocket; where it is refused, the answer says how.
func (s *trial) dial(query string) (*socket, answer) {
	d := websocket.Dialer{HandshakeTimeout: s.bound}
	conn, res, err := d.DialContext(s.Context(), "ws"+strings.TrimPrefix(s.url, "http")+"/socket.io/?"+query, nil)
	if err != nil {
		a := answer{err: err}
		if res != nil {
			a.status, a.header = res.StatusCode, res.Header
		}
		return nil, a
	}
	s.Cleanup(func() { _ = conn.Close() })
	return &socket{s, conn}, answer{status: res.StatusCode, header: res.Header}
}

// dials is dial where it must be let in.
func (s *trial) dials(query string) *socket {
	s.Helper()
	c, a := s.dial(query)
	if c == nil {
		s.Fatalf("the WebSocket is refused by %d %v", a.status, a.err)
	}
	return c
}

// websocket opens a session by WebSocket.
func (s *trial) websocket() (*socket, opening) {
	s.Helper()
	c := s.dials(byWebSocket)
	return c, s.opened(c.read())
}

// session is one that has its Socket.IO session too.
func (s *trial) session() *socket {
	s.Helper()
	c, _ := s.websocket()
	c.joins()
	return c
}

func (c *socket) joins() {
	c.Helper()
	c.say("40")
	if m := c.read(); !isConnect(m) {
		c.Fatalf("CONNECT is answered by %q", m)
	}
	if m := c.read(); !isReady(m) {
		c.Fatalf("the first event is %q", m)
	}
}

func (c *socket) say(packets ...string) {
	c.Helper()
	for _, packet := range packets {
		if err := c.conn.WriteMessage(websocket.TextMessage, []byte(packet)); err != nil {
			c.Fatalf("saying %.40q: %v", packet, err)
		}
	}
}

func (c *socket) try() (string, error) {
	_ = c.conn.SetReadDeadline(time.Now().Add(c.bound))
	_, data, err := c.conn.ReadMessage()
	return string(data), err
}

func (c *socket) read() string {
	c.Helper()
	m, err := c.try()
	if err != nil {
		c.Fatalf("a packet was awaited; what came instead: %v", err)
	}
	return m
}

func (c *socket) wants(want ...string) {
	c.Helper()
	for _, w := range want {
		if got := c.read(); got != w {
			c.Fatalf("%q was awaited, %q came", w, got)
		}
	}
}

// well proves that the session lives, and that nothing else was said to it.
func (c *socket) well() {
	c.Helper()
	c.say(question(7000))
	c.wants(answerTo(7000))
}

// ends reads to the connection's end, and is its WebSocket close code, or 1006
// where there was none. Before it nothing may come but the hub's farewell.
func (c *socket) ends() int {
	c.Helper()
	defer c.conn.Close() // the server waits for that
	for {
		m, err := c.try()
		if err == nil {
			if !strings.HasPrefix(m, `42["hub:ended",`) {
				c.Fatalf("the end was awaited, %q came", m)
			}
			continue
		}
		if timeout, ok := err.(interface{ Timeout() bool }); ok && timeout.Timeout() {
			c.Fatalf("the connection was not closed within %s", c.bound)
		}
		if closed, ok := errors.AsType[*websocket.CloseError](err); ok {
			return closed.Code
		}
		return websocket.CloseAbnormalClosure
	}
}

// refused proves that a WebSocket does not get a session's place: it is not let
// in, or closed without a word, whatever it says.
func (s *trial) refused(what, query string) {
	s.Helper()
	c, a := s.dial(query)
	if c == nil {
		if a.status != http.StatusBadRequest {
			s.Errorf("%s is refused by %d %v", what, a.status, a.err)
		}
		return
	}
	_ = c.conn.WriteMessage(websocket.TextMessage, []byte("2probe"))
	if m, err := c.try(); err == nil {
		s.Fatalf("%s is let in, and told %.100q", what, m)
	}
}

// Bits and opcodes of a frame's first byte, RFC 6455 section 5.2.
const (
	fin  = 0x80
	rsv1 = 0x40
	rsv2 = 0x20
	rsv3 = 0x10

	continuationFrame = 0x0
	textFrame         = 0x1
	binaryFrame       = 0x2
	closeFrame        = 0x8
	pingFrame         = 0x9
	pongFrame         = 0xA
)

// masked is a frame as a client must send it.
func masked(first byte, payload string) []byte {
	key := [4]byte{0x37, 0xfa, 0x21, 0x3d}
	frame := append(frameHeader(first, 0x80, len(payload)), key[:]...)
	for i := range len(payload) {
		frame = append(frame, payload[i]^key[i%4])
	}
	return frame
}

// unmasked is a frame as only a server may send it.
func unmasked(first byte, payload string) []byte {
	return append(frameHeader(first, 0, len(payload)), payload...)
}

func frameHeader(first, masked byte, length int) []byte {
	switch {
	case length < 126:
		return []byte{first, masked | byte(length)}
	case length < 1<<16:
		return binary.BigEndian.AppendUint16([]byte{first, masked | 126}, uint16(length))
	default:
		return binary.BigEndian.AppendUint64([]byte{first, masked | 127}, uint64(length))
	}
}

// write sends bytes as they are, as one segment each.
func (c *socket) write(segments ...[]byte) {
	c.Helper()
	for _, b := range segments {
		if _, err := c.conn.NetConn().Write(b); err != nil {
			c.Fatalf("writing %.40q: %v", b, err)
		}
	}
}
