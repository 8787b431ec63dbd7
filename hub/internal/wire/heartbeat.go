package wire

import "time"

const (
	// maxGraces is by how many ticks an unread connection's pong may be late:
	// 15 s of them. Its pong may lie behind what is not read.
	maxGraces = 15
	// lingerTime is how long a peer has to answer a close frame, and to take
	// what was written before it: closing a socket with unread input resets
	// it, and a reset overtakes what is on its way.
	lingerTime = time.Second
)

// beat is the second hand: one slot of the connections is pinged, and what
// takes too long is ended. There is no timer for a connection.
func (s *shard) beat() {
	s.tick++
	s.clock.Store(s.tick)
	cfg := &s.wire.cfg
	if cfg.Ping != nil {
		s.latecomers()
		if due := s.ticks(cfg.PingTimeout); s.tick > due { // before, no ping is that old
			s.pongs(int(s.tick-due) % slots)
		}
		s.pings(int(s.tick) % slots)
	}
	s.stalled()
	s.overdue()
	s.calm()
	if s == s.wire.shards[0] {
		cfg.Metrics.backlog.Set(float64(s.wire.backlog.Load()))
	}
}

// ticks is how many ticks a duration has, at least.
func (s *shard) ticks(d time.Duration) uint32 {
	tick := s.wire.cfg.PingInterval / slots
	return uint32((d + tick - 1) / tick) //nolint:gosec // durations of a configuration
}

// pings sends the ping to a slot's connections. The youngest are left out: one
// that has just opened is alive, and its client waits for an interval and a
// time-out before it misses the first ping.
func (s *shard) pings(slot int) {
	young := min(slots/2, s.ticks(s.wire.cfg.PingTimeout)-1)
	for _, c := range s.slots[slot] {
		if !c.heartbeat || c.state != open || s.tick-c.parting < young {
			continue
		}
		s.current = c
		c.pongs.Store(false) // one that came before does not count
		c.pinged = true
		s.enqueue(c, s.wire.cfg.Ping, SlowDisconnect, nil)
	}
}

// pongs ends the connections of a slot that have not answered.
func (s *shard) pongs(slot int) {
	for _, c := range s.slots[slot] {
		if c.pinged && c.state == open {
			s.current = c
			s.judge(c)
		}
	}
}

func (s *shard) latecomers() {
	late := s.late
	s.late = nil
	for _, c := range late {
		if c.pinged && c.state == open {
			s.current = c
			s.judge(c)
		}
	}
}

// judge ends a connection whose pong is due, unless it is not read: then the
// time-out stands still, for a while.
func (s *shard) judge(c *Conn) {
	switch {
	case c.pongs.Load():
		c.pinged, c.graces = false, 0
	case c.graces < maxGraces && c.unread():
		c.graces++
		s.late = append(s.late, c)
	default:
		s.doom(c, ReasonPing)
	}
}

func (c *Conn) unread() bool {
	c.rmu.Lock()
	defer c.rmu.Unlock()
	return c.paused != 0
}

// stalled ends connections whose socket takes nothing, and forgets in blocked
// those that are not behind any more.
func (s *shard) stalled() {
	limit := s.ticks(s.wire.cfg.WriteTimeout)
	kept := s.blocked[:0]
	for _, c := range s.blocked {
		if c.armed && s.tick-c.since > limit {
			s.doom(c, ReasonStalled)
		}
		if c.backlog > 0 && c.state < doomed {
			kept = append(kept, c)
			continue
		}
		c.isBlocked = false
	}
	clear(s.blocked[len(kept):])
	s.blocked = kept
}

// overdue closes connections whose end takes too long.
func (s *shard) overdue() {
	flush, linger := s.ticks(s.wire.cfg.CloseTimeout), s.ticks(lingerTime)
	kept := s.leaving[:0]
	for _, c := range s.leaving {
		limit := flush
		if c.state == parted {
			limit = linger
		}
		if c.state < doomed && s.tick-c.parting > limit {
			s.doom(c, ReasonClosed)
		}
		if c.state < doomed {
			kept = append(kept, c)
		}
	}
	clear(s.leaving[len(kept):])
	s.leaving = kept
}
