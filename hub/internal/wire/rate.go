package wire

// hasty counts what a peer sent, and tells whether it is as much as it may be
// in this tick. The caller holds rmu.
func (c *Conn) hasty() bool {
	if now := c.shard.clock.Load(); c.clock != now {
		c.clock, c.frames = now, 0
	}
	c.frames++
	return int(c.frames) == c.shard.wire.cfg.MaxRate
}

// Hasty counts a message that came another way than from a socket, and tells
// whether the peer is to wait for the next tick: see Config.MaxRate.
func (c *Conn) Hasty() bool {
	c.rmu.Lock()
	defer c.rmu.Unlock()
	if c.clock == c.shard.clock.Load() && int(c.frames) >= c.shard.wire.cfg.MaxRate {
		return true
	}
	c.hasty()
	return false
}

// calm has those read again that were too fast for the tick that is over. Not
// here: what they have sent already is handed over at once.
func (s *shard) calm() {
	if len(s.hasty) == 0 {
		return
	}
	hasty := s.hasty
	s.hasty = nil
	s.wire.tasks.Go(func() {
		for _, c := range hasty {
			c.resume(byRate)
		}
	})
}
