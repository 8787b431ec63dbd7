package wire

// flush ends a round: what it queued is written, and who ended is closed.
func (s *shard) flush() {
	s.last = s.last[:0]
	for i := 0; i < len(s.dirty); i++ { // a write may add to it
		c := s.dirty[i]
		if c == nil {
			continue // a panic came behind it
		}
		s.dirty[i] = nil
		c.isDirty = false
		s.current = c
		s.flushOne(c)
	}
	s.dirty = s.dirty[:0]
	s.relieve()
	s.bury()
}

func (s *shard) flushOne(c *Conn) {
	switch {
	case c.state >= doomed:
		return
	case c.fd >= 0:
		if !c.armed {
			s.write(c)
		}
	case c.taker != nil:
		s.give(c)
	}
	s.settle(c)
}

// settle accounts for what a write or a taker left, and ends a connection that
// waited for that.
func (s *shard) settle(c *Conn) {
	if c.state >= doomed {
		return
	}
	s.count(c)
	if c.backlog > 0 {
		if !c.isBlocked {
			c.isBlocked = true
			c.since = s.tick
			s.blocked = append(s.blocked, c)
		}
		return
	}
	if c.missed && c.state == open {
		s.drained(c)
		return
	}
	if c.state == ending && c.fd >= 0 {
		s.part(c)
	}
}

// write hands what waits to the socket: as much as it takes, or one round's.
func (s *shard) write(c *Conn) {
	out := s.gather(c)
	if len(out) == 0 {
		return
	}
	s.wire.cfg.Metrics.writes.Inc()
	n, err := s.poller.write(int(c.fd), out)
	if err != nil {
		s.doom(c, ReasonGone)
		return
	}
	if n > 0 {
		c.since = s.tick
		s.advance(c, n)
	}
	if len(c.queue) > 0 {
		c.armed = true
		s.poller.await(c)
	}
}

// gather is the bytes that one write carries. Connections with the same frames
// share one buffer; a single frame is written from where it is.
func (s *shard) gather(c *Conn) []byte {
	q := c.queue
	switch {
	case len(q) == 0:
		return nil
	case len(q) == 1:
		return q[0].bytes[c.sent:]
	case c.sent == 0 && same(q, s.last):
		return s.scratch
	}
	s.scratch = append(s.scratch[:0], q[0].bytes[c.sent:]...)
	n := 1
	for n < len(q) && len(s.scratch)+len(q[n].bytes) <= roundBytes {
		s.scratch = append(s.scratch, q[n].bytes...)
		n++
	}
	s.last = s.last[:0]
	if c.sent == 0 && n == len(q) {
		s.last = append(s.last, q...)
	}
	return s.scratch
}

func same(a, b []*Frame) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// advance takes n bytes that are out from the queue.
func (s *shard) advance(c *Conn, n int) {
	c.backlog -= int32(n) //nolint:gosec // at most what one write carried
	n += int(c.sent)
	frames := 0
	for frames < len(c.queue) && n >= len(c.queue[frames].bytes) {
		n -= len(c.queue[frames].bytes)
		frames++
	}
	c.sent = int32(n) //nolint:gosec // less than a frame
	s.pop(c, frames)
}

// writable goes on where a socket had taken enough.
func (s *shard) writable(c *Conn) {
	if c.state >= doomed || c.fd < 0 {
		return
	}
	c.armed = false
	s.touch(c)
}

// touch has the connection looked at when the round ends.
func (s *shard) touch(c *Conn) {
	if !c.isDirty {
		c.isDirty = true
		s.dirty = append(s.dirty, c)
	}
}

// take notes who takes the connection's frames from now on.
func (s *shard) take(c *Conn, t *Taker) {
	if c.state >= doomed {
		s.hand(c, t, nil, true)
		return
	}
	if c.socketed() && !t.stream { // before the next: the taker that waits is the socket's
		s.hand(c, t, nil, false)
		return
	}
	if c.taker != nil {
		old := c.taker
		c.taker = nil
		s.hand(c, old, nil, false)
	}
	c.backlog -= c.taken
	c.taken = 0
	if c.state == ending && len(c.queue) == 0 && t.stream {
		s.part(c)
		return
	}
	c.taker = t
	s.touch(c)
}

// release answers the taker now.
func (s *shard) release(c *Conn) {
	if c.taker == nil {
		return
	}
	if s.give(c); c.taker != nil {
		t := c.taker
		c.taker = nil
		s.hand(c, t, nil, false)
	}
}

// give hands the taker what waits.
func (s *shard) give(c *Conn) {
	most := len(c.queue)
	if c.taker.Frames > 0 {
		most = min(most, c.taker.Frames)
	}
	frames, bytes := make([]*Frame, 0, most), 0
	n := 0
	for n < len(c.queue) && (len(frames) == 0 || len(frames) < most && bytes+len(c.queue[n].Payload()) <= c.taker.Max) {
		f := c.queue[n]
		n++
		c.taken += int32(len(f.bytes)) //nolint:gosec // part of the backlog
		if f.isControl() && !c.taker.stream {
			continue // of a socket that the connection has not
		}
		frames = append(frames, f)
		bytes += len(f.Payload())
	}
	s.pop(c, n)
	// The end is told apart from the last frames: a client that reads both at
	// once may close before it has handled what came with it.
	last := len(frames) == 0 && c.state == ending
	if len(frames) == 0 && !last {
		return
	}
	t := c.taker
	c.taker = nil
	s.hand(c, t, frames, last)
	if last {
		s.doom(c, c.why)
	}
}

// hand calls a taker. Its panic ends its connection, and not the round.
func (s *shard) hand(c *Conn, t *Taker, frames []*Frame, last bool) {
	defer func() {
		if r := recover(); r != nil {
			s.panicked(c, r)
			s.doom(c, ReasonInternal)
		}
	}()
	t.Give(frames, last)
}
