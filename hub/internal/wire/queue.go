package wire

// enqueue puts a frame into a connection's queue, or does what the frame's
// channel says where it does not fit; m is the connection's place in that
// channel, nil for frames that are the connection's own. It tells whether the
// frame is in the queue.
func (s *shard) enqueue(c *Conn, f *Frame, slow Slow, m *member) bool {
	if c.state != open {
		return false
	}
	size := int32(len(f.bytes)) //nolint:gosec // a frame is bounded by the largest payload
	if slow == SlowLatest && m != nil && c.behind() {
		if s.replace(c, f, m) {
			return true
		}
	}
	if m != nil && c.channels[m.back].note == gapped { // nothing of the channel overtakes its gap
		s.miss(c, f, m)
		return false
	}
	// A connection that nothing waits for is always let through: a single
	// frame may be larger than the limit.
	if c.backlog > 0 && int(c.backlog-s.exempt[c])+int(size) > s.wire.cfg.MaxBacklog {
		s.refuse(c, f, slow, m)
		return false
	}
	if slow == SlowLatest && m != nil {
		note := (c.popped + uint32(len(c.queue))) & positionMask //nolint:gosec // a queue is bounded in bytes
		c.channels[m.back].note = note + 1
	}
	s.append(c, f)
	return true
}

func (s *shard) append(c *Conn, f *Frame) {
	if c.queue == nil && len(s.lists) > 0 {
		last := len(s.lists) - 1
		c.queue = s.lists[last]
		s.lists = s.lists[:last]
	}
	c.queue = append(c.queue, f)
	c.backlog += int32(len(f.bytes)) //nolint:gosec // as above
	s.touch(c)
}

// behind tells whether frames of earlier rounds wait.
func (c *Conn) behind() bool { return c.counted > 0 }

// refuse is for a frame that does not fit.
func (s *shard) refuse(c *Conn, f *Frame, slow Slow, m *member) {
	if slow != SlowDrop || m == nil {
		s.doom(c, ReasonBacklog)
		return
	}
	s.miss(c, f, m)
}

// miss notes that a membership does not get a frame, for its gap.
func (s *shard) miss(c *Conn, f *Frame, m *member) {
	in := &c.channels[m.back]
	g := gap{c, in.channel}
	if in.note != gapped || s.gaps[g].aside && !f.aside {
		in.note = gapped
		s.gaps[g] = f
		c.missed = true
	}
	s.skip(c, skipDrop)
}

// gap is a membership that missed something.
type gap struct {
	conn    *Conn
	channel *channel
}

// replace puts the newest frame of a channel in the place of the one that
// waits, unless that one has begun to leave.
func (s *shard) replace(c *Conn, f *Frame, m *member) bool {
	note := c.channels[m.back].note
	if note == 0 || note == gapped {
		return false
	}
	at := int((note - 1 - c.popped) & positionMask)
	if at >= len(c.queue) || c.queue[at].channel != f.channel || at == 0 && c.sent > 0 {
		return false
	}
	others := int(c.backlog-s.exempt[c]) - len(c.queue[at].bytes)
	if others > 0 && others+len(f.bytes) > s.wire.cfg.MaxBacklog {
		return false // it does not fit there either
	}
	delta := int32(len(f.bytes) - len(c.queue[at].bytes)) //nolint:gosec // as above
	c.queue[at] = f
	c.backlog += delta
	s.count(c)
	s.skip(c, skipLatest)
	return true
}

// count brings the total up to what waits for the connection now.
func (s *shard) count(c *Conn) {
	if delta := c.backlog - s.exempted(c) - c.counted; delta != 0 {
		c.counted += delta
		total := s.wire.backlog.Add(int64(delta))
		if delta > 0 && total > s.wire.cfg.MaxBacklogTotal {
			s.overfull = true
		}
	}
}

// pop takes frames that are out from the queue's front.
func (s *shard) pop(c *Conn, frames int) {
	c.popped += uint32(frames) //nolint:gosec // a queue is bounded in bytes
	if frames < len(c.queue) {
		left := copy(c.queue, c.queue[frames:])
		clear(c.queue[left:]) // frames must not outlive their delivery
		c.queue = c.queue[:left]
		return
	}
	const keep = 256 // a list that was long once need not be kept for the next round
	clear(c.queue)
	if n := cap(c.queue); n > 0 && n <= keep {
		s.lists = append(s.lists, c.queue[:0])
	}
	c.queue = nil
	if len(s.lists) > maxLists {
		clear(s.lists[maxLists:])
		s.lists = s.lists[:maxLists]
	}
}

// maxLists is how many empty queues a shard keeps.
const maxLists = 1 << 14

// drained tells a connection whose backlog is gone what it missed.
func (s *shard) drained(c *Conn) {
	if s.wire.cfg.Gap == nil || !c.missed {
		return
	}
	c.missed = false
	for i := range c.channels {
		if m := &c.channels[i]; m.note == gapped {
			m.note = 0
			first := s.gaps[gap{c, m.channel}]
			delete(s.gaps, gap{c, m.channel})
			s.enqueue(c, s.wire.cfg.Gap(m.channel.name, first), SlowDisconnect, nil)
		}
	}
}

// relieve gives up the largest backlogs of this shard until all together fit.
func (s *shard) relieve() {
	if !s.overfull {
		return
	}
	s.overfull = false
	for s.wire.backlog.Load() > s.wire.cfg.MaxBacklogTotal {
		var largest *Conn
		for _, c := range s.blocked {
			if c.state < doomed && c.counted > 0 && (largest == nil || c.counted > largest.counted) {
				largest = c
			}
		}
		if largest == nil {
			return // it is the other shards' turn
		}
		s.doom(largest, ReasonBacklogTotal)
		s.forget(largest)
	}
}
