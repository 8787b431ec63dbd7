package wire

import (
	"errors"
	"net"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	// readBytes is the buffer that a shard's connections are read with.
	readBytes = 64 << 10
	// readTurns is how many of those one connection may fill before the others
	// have their turn.
	readTurns = 4
	// maxEvents is how many connections one look at epoll reports.
	maxEvents = 256
)

// poller reads a shard's sockets: one epoll, itself waited for by Go's
// netpoller, so that no thread blocks and an idle connection has neither
// goroutine nor buffer. Its goroutine never waits for a connection.
type poller struct {
	shard *shard
	file  *os.File        // the epoll descriptor; nil: there is none, and no socket comes here
	raw   syscall.RawConn // of file
	epoll int

	mu    sync.RWMutex
	conns []*Conn // by descriptor; guarded by mu
}

func newPoller(s *shard) (*poller, error) {
	p := &poller{shard: s}
	if s.wire.cfg.Goroutines {
		return p, nil
	}
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	p.epoll = fd
	p.file = os.NewFile(uintptr(fd), "epoll")
	p.raw, err = p.file.SyscallConn()
	return p, err
}

// close ends run.
func (p *poller) close() {
	if p.file != nil {
		_ = p.file.Close() // nothing is written to it
	}
}

// run reads whoever has something to say, until close.
func (p *poller) run() {
	if p.file == nil {
		return
	}
	events := make([]unix.EpollEvent, maxEvents)
	buf := make([]byte, readBytes)
	n := 0
	wait := func(fd uintptr) bool { // made once: each look would cost two allocations
		var err error
		n, err = unix.EpollWait(int(fd), events, 0)
		return n > 0 || err != nil && !errors.Is(err, unix.EINTR)
	}
	for p.raw.Read(wait) == nil { // until it is closed
		for i := range max(n, 0) {
			e := &events[i]
			p.mu.RLock()
			c := p.conns[e.Fd]
			p.mu.RUnlock()
			if c == nil {
				continue // closed since; the event is a dead connection's
			}
			c.ready(e.Events, buf)
		}
	}
}

// ready reads a socket, and reports that it takes more. The event may be that
// of an earlier socket with the same number: it says where to look, not what
// is there.
func (c *Conn) ready(events uint32, buf []byte) {
	c.rmu.Lock()
	defer c.rmu.Unlock()
	if c.closed || c.fd < 0 {
		return
	}
	if events&unix.EPOLLOUT != 0 && c.blocks {
		c.blocks = false // or epoll would say it again until the loop has looked
		c.shard.push(op{kind: opWritable, conn: c})
		c.shard.poller.update(c)
	}
	if c.paused != 0 {
		if events&(unix.EPOLLHUP|unix.EPOLLERR) != 0 && c.dead() { // which no interest is needed for
			c.lost()
		}
		return
	}
	for range readTurns {
		n, err := unix.Read(int(c.fd), buf)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EAGAIN):
			return
		case err != nil || n == 0:
			c.lost()
			return
		}
		c.consume(buf[:n])
		if c.paused != 0 {
			c.shard.poller.update(c)
			return
		}
		if n < len(buf) {
			return
		}
	}
}

// dead asks whether it is this socket that has died. The caller holds rmu.
func (c *Conn) dead() bool {
	n, err := unix.Poll([]unix.PollFd{{Fd: c.fd}}, 0) // without interest: only death
	return err == nil && n > 0
}

// lost has the loop close a socket that is at its end, and silences it until
// then. The caller holds rmu.
func (c *Conn) lost() {
	_ = unix.EpollCtl(c.shard.poller.epoll, unix.EPOLL_CTL_DEL, int(c.fd), nil) // or it is gone already
	c.Abort(ReasonGone)
}

// adopt takes a TCP connection's descriptor from Go's netpoller, which would
// keep some 500 bytes for it.
func (p *poller) adopt(nc net.Conn) (int32, bool) {
	tcp, ok := nc.(*net.TCPConn)
	if p.file == nil || !ok {
		return -1, false
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return -1, false
	}
	fd := -1
	err = raw.Control(func(old uintptr) { fd, err = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0) })
	if err != nil || fd < 0 {
		return -1, false // out of descriptors; the goroutines need none
	}
	_ = tcp.Close()
	return int32(fd), true
}

// discard closes a descriptor that was adopted and never added.
func (p *poller) discard(fd int32) { _ = unix.Close(int(fd)) }

// add begins to read the connection's descriptor. The caller holds rmu.
func (p *poller) add(c *Conn) {
	p.mu.Lock()
	for len(p.conns) <= int(c.fd) {
		p.conns = append(p.conns, nil)
	}
	p.conns[c.fd] = c
	p.mu.Unlock()
	event := interest(c)
	if err := unix.EpollCtl(p.epoll, unix.EPOLL_CTL_ADD, int(c.fd), &event); err != nil {
		c.Abort(ReasonGone)
	}
}

// remove closes the connection's descriptor, which takes it out of epoll. The
// caller holds rmu.
func (p *poller) remove(c *Conn) {
	p.mu.Lock()
	p.conns[c.fd] = nil
	p.mu.Unlock()
	_ = unix.Close(int(c.fd)) // what was written is the system's by now
}

// await has the loop told when the socket takes more.
func (p *poller) await(c *Conn) {
	c.rmu.Lock()
	defer c.rmu.Unlock()
	c.blocks = true
	p.update(c)
}

// update tells epoll what matters now. Of a connection that is not read only
// its death does. The caller holds rmu.
func (p *poller) update(c *Conn) {
	event := interest(c)
	_ = unix.EpollCtl(p.epoll, unix.EPOLL_CTL_MOD, int(c.fd), &event) // gone where lost has taken it out
}

func interest(c *Conn) unix.EpollEvent {
	event := unix.EpollEvent{Fd: c.fd}
	if c.paused == 0 {
		event.Events |= unix.EPOLLIN | unix.EPOLLRDHUP
	}
	if c.blocks {
		event.Events |= unix.EPOLLOUT
	}
	return event
}

// halfClose says that nothing more comes. The caller holds rmu.
func (p *poller) halfClose(c *Conn) { _ = unix.Shutdown(int(c.fd), unix.SHUT_WR) }

// write hands bytes to a socket, and tells how many it took.
func (p *poller) write(fd int, b []byte) (int, error) {
	for {
		n, err := unix.Write(fd, b)
		switch {
		case err == nil:
			return n, nil
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN):
			return 0, nil
		default:
			return 0, err
		}
	}
}
