package wire

import "sync"

// Conn is one connection's place in the index, and its queue. Locks are taken
// in the order stripe, then Conn.
type Conn struct {
	wire    *Wire        // static after Open
	link    Link         // static after Open
	dropped func(Reason) // static after Open

	mu       sync.Mutex
	name     string              // guarded by mu
	channels map[string]struct{} // guarded by mu
	pending  []Frame             // guarded by mu; frames not handed to the link yet
	spare    []Frame             // guarded by mu; pending's other half, to be filled next
	backlog  int                 // guarded by mu; bytes pending or on their way
	writing  bool                // guarded by mu; a goroutine drains pending
	state    state               // guarded by mu
}

type state uint8

const (
	open   state = iota
	ending       // takes nothing more, closes when pending has left
	gone         // the link is closed
)

// Open gives a link a place. dropped is called once, without locks held, when
// wire itself ends the connection; the link is closed by then.
func (w *Wire) Open(link Link, dropped func(Reason)) *Conn {
	return &Conn{wire: w, link: link, dropped: dropped}
}

// SetName names the connection for Broadcast's exceptions.
func (c *Conn) SetName(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.name = name
}

// Name is what SetName gave it.
func (c *Conn) Name() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.name
}

// Send queues frames for this connection alone.
func (c *Conn) Send(frames ...Frame) { c.enqueue(frames...) }

// Join queues frames and makes the connection one of the channel's, in one
// step: no broadcast of the channel comes before the frames. Twice is once.
func (c *Conn) Join(channel string, frames ...Frame) {
	s := c.wire.stripe(channel)
	s.mu.Lock()
	defer s.mu.Unlock()
	c.enqueue(frames...)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state != open {
		return
	}
	if c.channels == nil {
		c.channels = make(map[string]struct{})
	}
	c.channels[channel] = struct{}{}
	members := s.channels[channel]
	if members == nil {
		members = make(map[*Conn]struct{})
		s.channels[channel] = members
	}
	members[c] = struct{}{}
}

// Leave takes the connection out of the channel and queues frames, in one
// step: no broadcast of the channel comes after the frames.
func (c *Conn) Leave(channel string, frames ...Frame) {
	s := c.wire.stripe(channel)
	s.mu.Lock()
	defer s.mu.Unlock()
	c.mu.Lock()
	delete(c.channels, channel)
	c.mu.Unlock()
	s.remove(channel, c)
	c.enqueue(frames...)
}

// End queues the last frames; the link closes when they have left it.
func (c *Conn) End(frames ...Frame) {
	c.enqueue(frames...)
	c.mu.Lock()
	idle := c.state == open && !c.writing
	if c.state == open {
		c.state = ending
	}
	c.mu.Unlock()
	c.leaveAll()
	if idle {
		c.link.Close()
	}
}

// Gone tells wire that the link is closed: the connection leaves everywhere.
func (c *Conn) Gone() {
	c.mu.Lock()
	c.discard()
	c.mu.Unlock()
	c.leaveAll()
}

// Backlog is how many bytes wait for this connection.
func (c *Conn) Backlog() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.backlog
}

// enqueue appends frames, or ends the connection when they do not fit.
func (c *Conn) enqueue(frames ...Frame) {
	size := 0
	for _, f := range frames {
		size += len(f)
	}
	if size == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state != open {
		return
	}
	if reason, full := c.full(size); full {
		c.drop(reason)
		return
	}
	c.backlog += size
	c.wire.backlog.Add(int64(size))
	c.pending = append(c.pending, frames...)
	if !c.writing {
		c.writing = true
		c.wire.writers.Go(c.write)
	}
}

// full tells whether size more bytes are too many. A connection that nothing
// waits for is always let through: a single frame may be larger than the limit.
func (c *Conn) full(size int) (Reason, bool) {
	switch {
	case c.backlog == 0:
		return "", false
	case c.backlog+size > c.wire.cfg.MaxBacklog:
		return ReasonBacklog, true
	case c.wire.backlog.Load()+int64(size) > c.wire.cfg.MaxBacklogTotal:
		return ReasonBacklogTotal, true
	default:
		return "", false
	}
}

// drop ends the connection. The caller may hold a stripe's lock, so leaving
// and telling happen on a goroutine of their own.
func (c *Conn) drop(reason Reason) {
	c.wire.cfg.Metrics.drops.WithLabelValues(string(reason)).Inc()
	c.discard()
	c.wire.writers.Go(func() {
		c.leaveAll()
		c.link.Close()
		c.dropped(reason)
	})
}

// discard forgets what waits. The caller holds mu.
func (c *Conn) discard() {
	c.state = gone
	c.wire.backlog.Add(-int64(c.backlog))
	c.backlog = 0
	c.pending, c.spare = nil, nil
}

func (c *Conn) leaveAll() {
	c.mu.Lock()
	channels := c.channels
	c.channels = nil
	c.mu.Unlock()
	for channel := range channels {
		s := c.wire.stripe(channel)
		s.mu.Lock()
		s.remove(channel, c)
		s.mu.Unlock()
	}
}

// remove takes c out of the channel. The caller holds the stripe's lock.
func (s *stripe) remove(channel string, c *Conn) {
	members := s.channels[channel]
	delete(members, c)
	if len(members) == 0 {
		delete(s.channels, channel)
	}
}

// write hands what waits to the link, batch by batch, until nothing does. It
// runs on a goroutine of its own, so that a link that is slow to take a batch
// delays nobody else; there is none while nothing waits.
func (c *Conn) write() {
	taken := make(chan struct{}, 1) // one done per Write, never full
	done := func() { taken <- struct{}{} }
	for {
		batch, more := c.take()
		if !more {
			return
		}
		c.link.Write(batch, done)
		<-taken
		c.release(batch)
	}
}

// take swaps the queue for an empty one. Without anything to write it ends the
// writer, and with it a connection that was only waiting for its last frames.
func (c *Conn) take() ([]Frame, bool) {
	c.mu.Lock()
	batch := c.pending
	if len(batch) > 0 {
		c.pending = c.spare[:0]
		c.spare = nil
		c.mu.Unlock()
		return batch, true
	}
	c.writing = false
	ended := c.state == ending
	c.mu.Unlock()
	if ended {
		c.link.Close()
	}
	return nil, false
}

func (c *Conn) release(batch []Frame) {
	size := 0
	for _, f := range batch {
		size += len(f)
	}
	clear(batch) // frames must not outlive their delivery
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state == gone {
		return // discard has already given everything back
	}
	c.backlog -= size
	c.wire.backlog.Add(-int64(size))
	c.spare = batch
}
