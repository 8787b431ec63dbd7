package wire

// end makes a connection's queue its last. It is in no channel any more.
func (s *shard) end(c *Conn, why Reason, last *wsError) {
	if c.state != open {
		return
	}
	if last != nil {
		c.last = last
	}
	if c.last != nil && !c.hungup { // also where the handler ended a connection that was to blame
		why = ReasonProtocol
	}
	c.why = why
	s.leaveAll(c)
	if c.socketed() {
		s.append(c, c.goodbye())
	}
	c.state = ending
	c.parting = s.tick
	if !c.socketed() && c.taker == nil && len(c.queue) == 0 {
		s.doom(c, why) // nobody waits for anything
		return
	}
	s.leaving = append(s.leaving, c)
	s.touch(c)
}

// goodbye is the connection's close frame.
func (c *Conn) goodbye() *Frame {
	switch {
	case c.last == nil:
		const normal = 1000
		return control(closeFrame(normal, ""))
	case c.last.code == 0: // the peer gave no code
		return control(appendHeader(nil, wsClosing, 0))
	default:
		return control(closeFrame(c.last.code, c.last.text))
	}
}

// hangup is a peer's close frame: it is answered by the same, after what waits.
func (s *shard) hangup(c *Conn, code *wsError) {
	c.hungup = true
	if c.state == parted {
		s.doom(c, ReasonGone)
		return
	}
	s.end(c, ReasonGone, code)
}

// part has written everything, the close frame last. The peer closes now, and
// gets a while for it; without a socket there is nobody to wait for.
func (s *shard) part(c *Conn) {
	if c.hungup || !c.socketed() {
		s.doom(c, ReasonGone)
		return
	}
	c.state = parted
	c.parting = s.tick
	c.rmu.Lock()
	defer c.rmu.Unlock()
	c.leaves, c.deaf = !c.deaf, true // who broke the protocol is not read any more
	resumed := c.paused != 0         // nobody else resumes it, and its peer's end must be seen
	c.paused, c.held = 0, nil
	switch {
	case c.fd >= 0:
		s.poller.halfClose(c)
		if resumed {
			s.poller.update(c)
		}
	case c.stream != nil:
		c.stream.halfClose(&s.wire.tasks)
		c.stream.resume()
	}
}

// doom has a connection closed when the round is over: the lists that are
// walked now hold still.
func (s *shard) doom(c *Conn, why Reason) {
	if c.state >= doomed {
		return
	}
	c.state = doomed
	if c.why == ReasonNone {
		c.why = why
	}
	s.doomed = append(s.doomed, c)
}

// bury closes the doomed.
func (s *shard) bury() {
	for len(s.doomed) > 0 { // a handler that is told may not add to it, but a panic does
		doomed := s.doomed
		s.doomed = nil
		for _, c := range doomed {
			s.buryOne(c)
		}
	}
}

func (s *shard) buryOne(c *Conn) {
	s.leaveAll(c)
	s.forget(c)
	slot := s.slots[c.slot]
	last := slot[len(slot)-1]
	slot[c.at], last.at = last, c.at
	s.slots[c.slot] = shrunk(slot)
	s.closeSocket(c)
	c.state = gone
	if c.why.Dropped() {
		s.wire.cfg.Metrics.drops.WithLabelValues(c.why.String()).Inc()
	}
	taker := c.taker
	c.taker = nil
	if taker != nil {
		s.hand(c, taker, nil, true)
	}
	s.tell(c, c.why)
}

// tell calls the handler's Closed.
func (s *shard) tell(c *Conn, why Reason) {
	defer func() {
		if r := recover(); r != nil {
			s.panicked(c, r)
		}
	}()
	c.handler.Closed(why)
}

// forget lets go of what waits.
func (s *shard) forget(c *Conn) {
	c.backlog = 0
	s.count(c)
	if len(c.queue) > 0 {
		s.pop(c, len(c.queue))
	}
}

// closeSocket closes the connection's socket. Only the write loop closes a
// descriptor, and only under the lock under which it is read: a number that is
// free is the next connection's.
func (s *shard) closeSocket(c *Conn) {
	c.rmu.Lock()
	defer c.rmu.Unlock()
	c.closed = true
	c.held = nil
	c.reader = wsReader{}
	switch {
	case c.fd >= 0:
		s.poller.remove(c)
		c.fd = -1
	case c.stream != nil:
		c.stream.close(&s.wire.tasks)
	}
}
