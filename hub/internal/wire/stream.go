package wire

import (
	"net"
	"sync"
	"time"
)

// stream is a socket that is in no poller: one with TLS, one of another
// system, one in memory. A goroutine reads it; another one writes while
// something waits, so that nobody else waits for its peer.
type stream struct {
	conn *Conn
	nc   net.Conn
	wake chan struct{} // of one: a reader that waits for Resume may look
}

const (
	// idleBytes is what a reader holds while nothing comes: a pong's frame and
	// most requests. What is longer is read with a borrowed buffer.
	idleBytes = 64
	// recordBytes is a TLS record's.
	recordBytes = 16 << 10
	// closeTime bounds the last write of a TLS connection: its closing alert.
	closeTime = 5 * time.Second
)

var readBuffers = sync.Pool{New: func() any { return new([16 << 10]byte) }}

var writeBuffers = sync.Pool{New: func() any { return new([]byte) }}

func newStream(c *Conn, nc net.Conn) *stream {
	return &stream{conn: c, nc: nc, wake: make(chan struct{}, 1)}
}

func (st *stream) start() {
	st.conn.shard.wire.tasks.Go(st.read)
	st.takeMore()
}

// read hands over what comes, until the connection ends. It may be paused
// before the first byte: what came before the socket was attached did that.
func (st *stream) read() {
	small := make([]byte, idleBytes)
	more := false
	for st.waits() {
		var err error
		if more {
			more, err = st.readMuch()
		} else {
			var n int
			n, err = st.nc.Read(small)
			st.consume(small[:n])
			more = n == len(small)
		}
		if err != nil {
			st.conn.Abort(ReasonGone)
			return
		}
	}
}

// readMuch reads with a buffer that is borrowed for it.
func (st *stream) readMuch() (more bool, err error) {
	buf, _ := readBuffers.Get().(*[16 << 10]byte)
	defer readBuffers.Put(buf)
	n, err := st.nc.Read(buf[:])
	st.consume(buf[:n])
	return n == len(buf), err
}

func (st *stream) consume(b []byte) {
	st.conn.rmu.Lock()
	defer st.conn.rmu.Unlock()
	st.conn.consume(b)
}

// waits blocks while the connection is paused, and tells whether it is open.
func (st *stream) waits() bool {
	for {
		st.conn.rmu.Lock()
		paused, closed := st.conn.paused != 0, st.conn.closed
		st.conn.rmu.Unlock()
		if closed || !paused {
			return !closed
		}
		<-st.wake
	}
}

func (st *stream) resume() {
	select {
	case st.wake <- struct{}{}:
	default:
	}
}

// takeMore asks for the next frames to write.
func (st *stream) takeMore() {
	st.conn.Take(Taker{Max: roundBytes, stream: true, Give: func(frames []*Frame, _ bool) {
		if len(frames) > 0 {
			st.conn.shard.wire.tasks.Go(func() { st.write(frames) })
		}
	}})
}

// write writes frames together: with TLS, in as few records as that takes.
func (st *stream) write(frames []*Frame) {
	buf, _ := writeBuffers.Get().(*[]byte)
	b := (*buf)[:0]
	for _, f := range frames {
		b = append(b, f.bytes...)
	}
	cfg := &st.conn.shard.wire.cfg
	cfg.Metrics.writes.Inc()
	var err error
	// A record at a time: the time-out is for a peer that takes nothing, not for
	// one that takes long.
	for left := b; len(left) > 0 && err == nil; {
		n := min(len(left), recordBytes)
		_ = st.nc.SetWriteDeadline(time.Now().Add(cfg.WriteTimeout))
		_, err = st.nc.Write(left[:n])
		left = left[n:]
	}
	if cap(b) <= roundBytes {
		*buf = b
		writeBuffers.Put(buf)
	}
	if timeout, ok := err.(net.Error); ok && timeout.Timeout() { //nolint:errorlint // net.Conn's own, never wrapped
		st.conn.Abort(ReasonStalled)
		return
	}
	if err != nil {
		st.conn.Abort(ReasonGone)
		return
	}
	st.takeMore()
}

// halfClose says that nothing more comes, where the socket can say so.
func (st *stream) halfClose(tasks *sync.WaitGroup) {
	if half, ok := st.nc.(interface{ CloseWrite() error }); ok {
		tasks.Go(func() {
			_ = st.nc.SetWriteDeadline(time.Now().Add(closeTime))
			_ = half.CloseWrite() // a peer that is gone hears nothing
		})
	}
}

// cut closes a socket that was never started. Of TLS it closes what is under
// it, because TLS would write.
func (st *stream) cut() {
	nc := st.nc
	if secure, ok := nc.(interface{ NetConn() net.Conn }); ok {
		nc = secure.NetConn()
	}
	_ = nc.Close()
}

// close ends both goroutines. Closing TLS writes, so it is not done here.
func (st *stream) close(tasks *sync.WaitGroup) {
	tasks.Go(func() {
		_ = st.nc.Close()
		st.resume()
	})
}
