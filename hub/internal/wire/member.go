package wire

import "slices"

// channel is the connections that get its frames, densely, so that a broadcast
// walks memory in order.
type channel struct {
	name    string
	members []member
}

// member is a connection in a channel, and where the connection knows of it.
type member struct {
	conn *Conn
	back int32 // index in conn.channels
}

// membership is a channel of a connection, and where the channel knows of it.
type membership struct {
	channel *channel
	at      int32  // index in channel.members
	note    uint32 // see below
}

// A membership's note: gapped, or 1 + the position of the channel's frame that
// waits, where the channel keeps only the latest. Positions count the frames
// that left the connection's queue, so that they hold while the queue moves.
const (
	gapped       = 1 << 31
	positionMask = gapped - 1
)

func (s *shard) join(c *Conn, name string) {
	if c.state != open || c.in(name) >= 0 {
		return
	}
	ch := s.channels[name]
	if ch == nil {
		ch = &channel{name: name}
		s.channels[name] = ch
	}
	//nolint:gosec // a process has fewer than 2³¹ connections, and a session fewer channels
	at, back := int32(len(ch.members)), int32(len(c.channels))
	ch.members = append(ch.members, member{conn: c, back: back})
	if c.channels == nil {
		c.channels = make([]membership, 0, 1) // most sessions have one channel
	}
	c.channels = append(c.channels, membership{channel: ch, at: at})
}

func (s *shard) leave(c *Conn, name string) {
	if i := c.in(name); i >= 0 {
		s.unlink(c, i)
	}
}

func (s *shard) leaveAll(c *Conn) {
	for len(c.channels) > 0 {
		s.unlink(c, len(c.channels)-1)
	}
	c.channels = nil
}

// in is where the connection knows of the channel; below 0: it is not in it.
func (c *Conn) in(name string) int {
	return slices.IndexFunc(c.channels, func(m membership) bool { return m.channel.name == name })
}

// unlink takes the connection's i-th membership out of both lists. The last of
// each takes the free place, and the other list is told where it is now.
func (s *shard) unlink(c *Conn, i int) {
	m := c.channels[i]
	ch := m.channel
	if m.note == gapped {
		delete(s.gaps, gap{c, ch})
	}
	if last := len(ch.members) - 1; int(m.at) != last {
		moved := ch.members[last]
		ch.members[m.at] = moved
		moved.conn.channels[moved.back].at = m.at
	}
	ch.members = shrunk(ch.members)
	if len(ch.members) == 0 {
		delete(s.channels, ch.name)
	}
	if last := len(c.channels) - 1; i != last {
		moved := c.channels[last]
		c.channels[i] = moved
		moved.channel.members[moved.at].back = int32(i) //nolint:gosec // below the number of channels
	}
	c.channels = shrunk(c.channels)
}

// shrunk is the list without its last element. A list that is mostly empty
// gives its memory back: a channel that was crowded once need not stay large.
func shrunk[T any](list []T) []T {
	last := len(list) - 1
	clear(list[last:])
	list = list[:last]
	const small = 64
	if cap(list) > small && len(list) < cap(list)/4 {
		list = slices.Clip(slices.Clone(list))
	}
	return list
}

// broadcast queues a frame for every member.
func (s *shard) broadcast(o *op) {
	ch := s.channels[o.channel]
	if ch == nil {
		return
	}
	except, _ := o.rest.([]string)
	sent := 0
	// enqueue closes nobody before the round's end, so the list holds still.
	for i := range ch.members {
		m := &ch.members[i]
		if len(except) > 0 && slices.Contains(except, m.conn.name) {
			continue
		}
		s.current = m.conn
		if s.enqueue(m.conn, o.frame, o.slow, m) {
			sent++
		}
	}
	s.wire.cfg.Metrics.deliveries.Add(float64(sent))
}
