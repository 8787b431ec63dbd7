package wire

// replay is what a join is preceded by, and the frames between the two.
type replay struct {
	replayed, frames []*Frame
}

// replay queues what was missed, then the operation's frames, and joins.
func (s *shard) replay(c *Conn, o *op) {
	r := o.rest.(replay) //nolint:forcetypeassert // Replay puts it there
	if c.state != open {
		return
	}
	before := c.backlog
	for _, f := range r.replayed {
		s.append(c, f)
	}
	s.exempt[c] += c.backlog - before
	for _, f := range r.frames {
		s.enqueue(c, f, SlowDisconnect, nil)
	}
	s.join(c, o.channel)
}

// exempted is how much of the backlog is a replay and counts for no limit. What is
// exempt counts as the last to leave, so that it is never less than what waits of it.
func (s *shard) exempted(c *Conn) int32 {
	bytes, replays := s.exempt[c]
	if !replays {
		return 0
	}
	if bytes = min(bytes, c.backlog); bytes == 0 {
		delete(s.exempt, c)
		return 0
	}
	s.exempt[c] = bytes
	return bytes
}
