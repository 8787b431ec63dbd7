package wire

import (
	"sync"
	"sync/atomic"
)

// Conn is one connection. There are many thousands: a field costs.
type Conn struct {
	shard   *shard  // static
	handler Handler // static

	// Reading. The write loop takes rmu only to close and to change interest.
	rmu    sync.Mutex
	reader wsReader // guarded by rmu
	held   []byte   // guarded by rmu; read, but not handed over yet
	stream *stream  // guarded by rmu; a socket that is in no poller
	fd     int32    // guarded by rmu; a socket in the poller, or -1
	paused pause    // guarded by rmu; why nothing is handed over for now
	deaf   bool     // guarded by rmu; what comes is thrown away
	leaves bool     // guarded by rmu; but for a close frame, which answers ours
	closed bool     // guarded by rmu; the socket is closed
	blocks bool     // guarded by rmu; the poller waits until fd takes more
	frames uint16   // guarded by rmu; those of the tick that clock says
	clock  uint32   // guarded by rmu

	pongs atomic.Bool // the ping that is out was answered

	// The rest is owned by the write loop.

	why       Reason // of its end
	heartbeat bool
	pinged    bool // a ping is out
	armed     bool // the poller tells when the socket takes more
	missed    bool // some membership is gapped
	hungup    bool // the peer has sent its close frame
	state     state
	isDirty   bool // in shard.dirty
	isBlocked bool // in shard.blocked
	skipped   skip // why it missed its latest message
	slot      uint8
	graces    uint8 // ticks by which an unread connection's ping time-out was put off
	at        int32 // index in the slot
	sent      int32 // bytes of queue[0] that were written
	backlog   int32 // bytes that wait in queue, or were taken and are not out yet
	counted   int32 // what of backlog the total contains
	taken     int32 // bytes of backlog that were taken
	popped    uint32
	since     uint32   // the tick of a blocked socket's last progress
	parting   uint32   // the tick of its birth, then of its end's beginning, then of the close frame
	last      *wsError // what the close frame says; nil: a normal end
	name      string
	channels  []membership
	queue     []*Frame
	taker     *Taker
}

// pause is why a connection is not read: any of it suffices.
type pause uint8

const (
	byHandler pause = 1 << iota // it wanted no more
	byRate                      // the peer was too fast, until the next tick
)

type state uint8

const (
	open   state = iota
	ending       // takes nothing more; ends when queue is empty
	parted       // the close frame is out; waits for the peer to close
	doomed       // closed at the round's end
	gone
)

// Taker is who takes the frames of a connection without a socket.
type Taker struct {
	// Max is how many bytes of payload to give at once; one frame may be larger.
	Max int
	// Frames is how many to give at once. Default: as many as Max allows.
	Frames int
	// Give gets what waits, once: at least one frame, or none where the
	// connection got a socket, was released or ended. With last there is none
	// and nothing follows: the last frames were taken before, and the connection
	// is closed. It runs on a shard's loop and must not block.
	Give func(frames []*Frame, last bool)

	stream bool // the taker is the connection's own socket
}

// SetName names the connection for Message.Except, and for logs.
func (c *Conn) SetName(name string) { c.shard.push(op{kind: opName, conn: c, channel: name}) }

// Send queues frames for this connection alone.
func (c *Conn) Send(frames ...*Frame) {
	if len(frames) > 0 {
		c.push(op{kind: opSend}, frames)
	}
}

// Join queues frames and makes the connection one of the channel's, in one
// step: no broadcast of the channel comes before the frames. Twice is once.
func (c *Conn) Join(channel string, frames ...*Frame) {
	c.push(op{kind: opJoin, channel: channel}, frames)
}

// Replay is Join with frames of the channel before, which no limit holds up: they
// are shared with all that have the same replayed, and whoever asks bounds them.
// A connection that takes them slowly has its backlog beside them.
func (c *Conn) Replay(channel string, replayed []*Frame, frames ...*Frame) {
	if len(replayed) == 0 {
		c.Join(channel, frames...)
		return
	}
	c.shard.push(op{kind: opReplay, conn: c, channel: channel, rest: replay{replayed, frames}})
}

// Leave takes the connection out of the channel and queues frames, in one
// step: no broadcast of the channel comes after the frames.
func (c *Conn) Leave(channel string, frames ...*Frame) {
	c.push(op{kind: opLeave, channel: channel}, frames)
}

// End queues the last frames. The connection ends when they have left it, a
// socket with a close frame.
func (c *Conn) End(frames ...*Frame) { c.push(op{kind: opEnd}, frames) }

// Abort ends the connection at once; what waits is lost.
func (c *Conn) Abort(why Reason) { c.shard.push(op{kind: opLost, conn: c, why: why}) }

// Fail ends a connection whose peer does not speak the protocol; a socket is
// told so by its close frame.
func (c *Conn) Fail(text string) { c.fail(broken(text)) }

func (c *Conn) fail(err *wsError) { c.shard.push(op{kind: opFail, conn: c, rest: err}) }

// Take asks for the frames that wait, and says that those of the last Take
// were handed on. A second Take ends the first one, which gets none.
func (c *Conn) Take(t Taker) {
	if !c.shard.push(op{kind: opTake, conn: c, rest: &t}) {
		t.Give(nil, true)
	}
}

// Release ends the Take that waits; it gets what there is now, or none.
func (c *Conn) Release() { c.shard.push(op{kind: opRelease, conn: c}) }

// Pong says that the peer answered the ping. It counts only when one is out.
func (c *Conn) Pong() { c.pongs.Store(true) }

func (c *Conn) push(o op, frames []*Frame) {
	o.conn = c
	if len(frames) > 0 {
		o.frame = frames[0]
	}
	if len(frames) > 1 {
		o.rest = frames[1:]
	}
	c.shard.push(o)
}

// open puts a new connection where it is pinged. The slots are filled in turn,
// so that a storm of connects is no storm of pings later.
func (s *shard) open(c *Conn) {
	s.opened++
	c.parting = s.tick
	c.slot = uint8(s.opened % slots)
	c.at = int32(len(s.slots[c.slot])) //nolint:gosec // a process has fewer than 2³¹ connections
	s.slots[c.slot] = append(s.slots[c.slot], c)
}
