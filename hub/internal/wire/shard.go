package wire

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// roundBytes is what one round hands to a connection at most. Operations
	// beyond it wait for the next round, so that a burst finds the socket's
	// buffer emptied in between instead of a backlog that is full at once.
	roundBytes = 256 << 10
	// slots is how many parts the connections are pinged in: one each tick.
	slots = 25
)

// shard is a part of the connections and the loop that owns them.
type shard struct {
	wire   *Wire         // static
	poller *poller       // static
	wake   chan struct{} // of one: operations wait
	queued atomic.Int64  // bytes of frames in ops
	clock  atomic.Uint32 // tick, for the readers

	mu      sync.Mutex
	ops     []op // guarded by mu
	stopped bool // guarded by mu; nobody looks at ops any more

	// The rest is owned by the loop.

	channels map[string]*channel
	slots    [slots][]*Conn  // every connection; a slot is pinged at a time
	opened   uint            // connections that ever were; deals out the slots
	tick     uint32          // ticks since the start
	dirty    []*Conn         // those with something new to write in this round
	doomed   []*Conn         // those to be closed when the round is over
	blocked  []*Conn         // those whose socket did not take everything, and some that were
	leaving  []*Conn         // those that End called, until they are closed
	late     []*Conn         // those whose pong is due while they are not read
	hasty    []*Conn         // those that are not read until the next tick
	spare    []op            // ops' other half
	exempt   map[*Conn]int32 // bytes of replays that wait: few connections have any
	gaps     map[gap]*Frame  // the first frame that a membership missed
	lists    [][]*Frame      // queues that no connection needs now
	scratch  []byte          // what one write carries
	last     []*Frame        // the frames in scratch
	overfull bool            // all backlogs together are over their limit
	current  *Conn           // whom to blame for a panic
}

type opKind uint8

const (
	opOpen opKind = iota
	opName
	opSend
	opBroadcast
	opJoin
	opReplay
	opLeave
	opEnd
	opFail
	opBlame
	opHangup
	opAttach
	opTake
	opRelease
	opWritable
	opHasty
	opStatus
	opLost
)

// op is one operation. It is small, because thousands may wait.
type op struct {
	kind    opKind
	slow    Slow
	conn    *Conn
	why     Reason // opLost
	channel string // opName: the name
	frame   *Frame
	// rest is what few operations have: the second and later frames of a send,
	// a broadcast's exceptions, a socket, a taker, who asks for a status,
	// a replay, which counts for nothing: its frames are kept elsewhere.
	rest any
}

func newShard(w *Wire) (*shard, error) {
	s := &shard{
		wire:     w,
		wake:     make(chan struct{}, 1),
		channels: make(map[string]*channel),
		exempt:   make(map[*Conn]int32),
		gaps:     make(map[gap]*Frame),
	}
	var err error
	s.poller, err = newPoller(s)
	return s, err
}

// push queues an operation. It tells whether anybody will look at it.
func (s *shard) push(o op) bool {
	s.mu.Lock()
	if s.stopped {
		s.mu.Unlock()
		return false
	}
	first := len(s.ops) == 0
	s.ops = append(s.ops, o)
	s.queued.Add(o.size())
	s.mu.Unlock()
	if first {
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
	return true
}

func (o *op) size() int64 {
	if o.frame == nil {
		return 0
	}
	n := len(o.frame.bytes)
	if more, ok := o.rest.([]*Frame); ok {
		for _, f := range more {
			n += len(f.bytes)
		}
	}
	return int64(n)
}

// run is the write loop. It calls nothing that can block.
func (s *shard) run(ctx context.Context) {
	defer s.poller.close()
	ticker := time.NewTicker(s.wire.cfg.PingInterval / slots)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			s.stop()
			return
		case <-ticker.C:
			s.guarded(s.beat)
		case <-s.wake:
		}
		s.drain()
	}
}

// drain carries out what is queued, round by round.
func (s *shard) drain() {
	s.mu.Lock()
	ops := s.ops
	s.ops = s.spare[:0]
	s.mu.Unlock()
	for at := 0; at < len(ops); {
		s.guarded(func() { s.apply(ops, &at) })
		s.guarded(s.flush)
	}
	if len(ops) == 0 {
		s.guarded(s.flush) // the beat's pings
	}
	const keep = 4096 // a burst's queue need not be kept for ever
	clear(ops)
	if s.spare = ops; cap(ops) > keep && len(ops) < keep/4 {
		s.spare = nil
	}
}

// apply carries out operations until a round is full.
func (s *shard) apply(ops []op, at *int) {
	full := int64(max(min(roundBytes, s.wire.cfg.MaxBacklog/2), 1)) // a round alone must not fill a backlog
	for bytes := int64(0); *at < len(ops) && bytes < full; {
		o := &ops[*at]
		*at++ // before: an operation that panics is not tried again
		size := o.size()
		bytes += size
		s.queued.Add(-size)
		s.current = o.conn
		s.carryOut(o)
	}
}

func (s *shard) carryOut(o *op) {
	c := o.conn
	switch o.kind {
	case opBroadcast:
		s.broadcast(o)
	case opSend:
		s.sendAll(c, o)
	case opJoin:
		s.sendAll(c, o)
		s.join(c, o.channel)
	case opReplay:
		s.replay(c, o)
	case opLeave:
		s.leave(c, o.channel)
		s.sendAll(c, o)
	case opOpen:
		s.open(c)
	case opName:
		c.name = o.channel
	case opEnd:
		s.sendAll(c, o)
		s.end(c, ReasonClosed, nil)
	case opFail:
		s.end(c, ReasonProtocol, o.rest.(*wsError)) //nolint:forcetypeassert // fail puts it there
	case opBlame:
		c.last = o.rest.(*wsError) //nolint:forcetypeassert // consume puts it there
	case opHangup:
		s.hangup(c, o.rest.(*wsError)) //nolint:forcetypeassert // frame puts it there
	case opAttach:
		s.attach(c, o.rest.(*socket)) //nolint:forcetypeassert // Attach puts it there
	case opTake:
		s.take(c, o.rest.(*Taker)) //nolint:forcetypeassert // Take puts it there
	case opRelease:
		s.release(c)
	case opWritable:
		s.writable(c)
	case opHasty:
		s.hasty = append(s.hasty, c)
	case opStatus:
		o.rest.(func(Status))(c.status()) //nolint:forcetypeassert // Status puts it there
	case opLost:
		s.doom(c, o.why)
	}
}

// sendAll queues an operation's frames for its connection alone.
func (s *shard) sendAll(c *Conn, o *op) {
	if o.frame == nil {
		return
	}
	s.enqueue(c, o.frame, SlowDisconnect, nil)
	if more, ok := o.rest.([]*Frame); ok {
		for _, f := range more {
			s.enqueue(c, f, SlowDisconnect, nil)
		}
	}
}

// guarded makes a panic the end of the connection it happened at.
func (s *shard) guarded(run func()) {
	s.current = nil
	defer func() {
		if r := recover(); r != nil {
			s.panicked(s.current, r)
			if s.current != nil {
				s.doom(s.current, ReasonInternal)
			}
		}
	}()
	run()
}

func (s *shard) panicked(c *Conn, r any) {
	name := ""
	if c != nil {
		name = c.name
	}
	s.wire.cfg.Log.Error("a connection panicked", "session", name, "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
}

// stop closes everything that is left. What is pushed from now on is refused.
func (s *shard) stop() {
	s.mu.Lock()
	s.stopped = true
	ops := s.ops
	s.ops = nil
	s.mu.Unlock()
	for i := range ops { // connections and sockets that nobody else knows of
		switch o := &ops[i]; o.kind {
		case opOpen:
			s.open(o.conn)
		case opAttach:
			s.attach(o.conn, o.rest.(*socket)) //nolint:forcetypeassert // Attach puts it there
		case opTake:
			s.take(o.conn, o.rest.(*Taker)) //nolint:forcetypeassert // Take puts it there
		case opStatus: // whoever asked waits for it
			o.rest.(func(Status))(Status{}) //nolint:forcetypeassert // Status puts it there
		default:
		}
	}
	for _, slot := range &s.slots {
		for _, c := range slot {
			s.doom(c, ReasonShutdown)
		}
	}
	s.bury()
}
