package wire

import (
	"encoding/binary"
	"net"
)

// socket is a connection's socket on its way to the write loop: a descriptor
// for the poller, or a stream.
type socket struct {
	fd     int32
	stream *stream
}

// Attach gives the connection a socket, whose WebSocket handshake is done;
// early is what was read from it already. What waits goes to it from now on.
// wire owns nc from here, also when the connection has ended meanwhile.
func (c *Conn) Attach(nc net.Conn, early []byte) {
	s := c.shard
	sock := &socket{fd: -1}
	if fd, ok := s.poller.adopt(nc); ok {
		sock.fd = fd
	} else {
		sock.stream = newStream(c, nc)
	}
	c.rmu.Lock()
	c.consume(early)
	c.rmu.Unlock()
	if s.push(op{kind: opAttach, conn: c, rest: sock}) {
		return
	}
	if sock.stream != nil {
		sock.stream.cut() // nobody waits for a goroutine any more
		return
	}
	s.poller.discard(sock.fd)
}

func (s *shard) attach(c *Conn, sock *socket) {
	if c.state >= parted || c.socketed() {
		s.discard(sock)
		return
	}
	if t := c.taker; t != nil {
		c.taker = nil
		s.hand(c, t, nil, false)
	}
	c.backlog -= c.taken // who took it has handed it on, or never will
	c.taken = 0
	c.rmu.Lock()
	c.fd, c.stream = sock.fd, sock.stream
	if sock.stream == nil {
		s.poller.add(c)
	}
	c.rmu.Unlock()
	if sock.stream != nil {
		sock.stream.start()
	}
	if c.state == ending {
		s.append(c, c.goodbye())
	}
	s.touch(c)
}

func (s *shard) discard(sock *socket) {
	if sock.stream != nil {
		sock.stream.close(&s.wire.tasks)
		return
	}
	s.poller.discard(sock.fd)
}

// socketed tells whether the connection has a socket. The loop's only.
func (c *Conn) socketed() bool { return c.fd >= 0 || c.stream != nil }

// Pause has the connection count as not read, where its messages come another
// way than from a socket, until Resume.
func (c *Conn) Pause() {
	c.rmu.Lock()
	defer c.rmu.Unlock()
	c.paused |= byHandler
	if c.fd >= 0 {
		c.shard.poller.update(c) // or epoll would say for ever that there is something to read
	}
}

// Resume goes on reading after Handler.Message wanted no more, beginning with
// what was read already. It must not be called from within Message.
func (c *Conn) Resume() { c.resume(byHandler) }

func (c *Conn) resume(why pause) {
	c.rmu.Lock()
	defer c.rmu.Unlock()
	if c.paused&why == 0 {
		return
	}
	if c.paused &^= why; c.paused != 0 {
		return
	}
	held := c.held
	c.held = nil
	c.consume(held)
	if c.paused != 0 || c.closed {
		return
	}
	switch {
	case c.fd >= 0:
		c.shard.poller.update(c)
	case c.stream != nil:
		c.stream.resume()
	}
}

// consume hands over what the socket brought. A peer that breaks the protocol
// is told; a handler that panics ends its connection. The caller holds rmu.
func (c *Conn) consume(b []byte) {
	if c.deaf && !c.leaves || c.closed || len(b) == 0 {
		return
	}
	if c.paused != 0 { // it was read while it was being paused, or before there was a socket
		c.held = append(c.held, b...)
		return
	}
	defer func() {
		if r := recover(); r != nil {
			c.deaf = true
			c.shard.panicked(nil, r)
			c.Abort(ReasonInternal)
		}
	}()
	rest, broken := c.reader.feed(b, c.shard.wire.cfg.MaxMessage, c)
	if broken != nil {
		c.deaf, c.leaves = true, false
		if broken.code == wsNotUTF8 {
			c.shard.push(op{kind: opBlame, conn: c, rest: broken})
			c.handler.Malformed()
			return
		}
		c.fail(broken)
		return
	}
	if len(rest) > 0 {
		c.held = append([]byte(nil), rest...)
	}
}

// frame implements wsSink.
func (c *Conn) frame(kind wsOp, data []byte) bool {
	if c.leaves && kind != wsClosing {
		return true
	}
	if c.hasty() {
		c.paused |= byRate
		c.shard.push(op{kind: opHasty, conn: c})
	}
	switch kind {
	case wsText, wsBinary:
		if !c.handler.Message(data, kind == wsBinary) {
			c.paused |= byHandler
		}
	case wsPing:
		c.Send(control(append(appendHeader(make([]byte, 0, len(data)+2), wsPong, len(data)), data...)))
	case wsClosing:
		c.deaf, c.leaves = true, false
		code := new(wsError)
		if len(data) >= 2 {
			code.code = binary.BigEndian.Uint16(data)
		}
		c.shard.push(op{kind: opHangup, conn: c, rest: code})
		return false
	default: // a pong of WebSocket's answers nothing: the pings are Engine.IO's
	}
	return c.paused == 0
}
