package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"golang.org/x/sys/unix"
)

// A client is one connection of a crowd. Owned by the loop.
type client struct {
	fd         int
	index      int32 // in the crowd, and its name in the epoll
	stage      stage
	step       int // of the protocol's script
	credential string
	header     []byte // the answer to the upgrade, until it is whole
	walker     walker
	delivered  uint64 // how many broadcasts it got: which one comes next
}

type stage uint8

const (
	dialing stage = iota
	upgrading
	introducing
	subscribed
)

// opening is the state of Gather.
type opening struct {
	pending, started, ready int
	done                    chan struct{} // closed when all are subscribed, or the loop has ended; nil otherwise
}

// gatherTime is how long a server may take for all clients: at a hundred a
// second there is nothing to compare any more.
const gatherTime = time.Minute

// Gather connects and subscribes n clients, width of them at the same time.
// credential is the one of the i-th; nil: none have one. took is from the first
// connect until the last is subscribed.
func Gather(ctx context.Context, address string, protocol Protocol, n, width int, credential func(i int) string) (
	crowd *Crowd, took time.Duration, err error,
) {
	c, err := newCrowd(address, protocol)
	if err != nil {
		return nil, 0, err
	}
	took, err = c.gather(ctx, c.strangers(n, credential), width)
	if err != nil {
		c.Close()
		return nil, 0, err
	}
	return c, took, nil
}

// strangers are clients that are not connected yet.
func (c *Crowd) strangers(n int, credential func(i int) string) []client {
	clients := make([]client, n)
	for i := range clients {
		clients[i].index = int32(i)
		clients[i].walker.lines = c.protocol.Lines
		if credential != nil {
			clients[i].credential = credential(i)
		}
	}
	return clients
}

// gather connects them.
func (c *Crowd) gather(ctx context.Context, clients []client, width int) (took time.Duration, err error) {
	done := make(chan struct{})
	patience := time.NewTimer(gatherTime)
	defer patience.Stop()
	begin := time.Now()
	c.do(func() {
		c.clients = clients
		c.opening = opening{pending: len(clients), done: done}
		for range min(len(clients), width) {
			c.open()
		}
	})
	select {
	case <-done:
		return time.Since(begin), c.Err()
	case <-patience.C:
		c.do(func() {
			err = fmt.Errorf("%d of %d were subscribed after %s", c.opening.ready, len(clients), gatherTime)
		})
		return 0, err
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

// open begins with the next client, if one is left.
func (c *Crowd) open() {
	if c.opening.started == c.opening.pending {
		return
	}
	i := c.opening.started
	c.opening.started++
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		c.fail(fmt.Errorf("socket: %w", err))
		return
	}
	c.clients[i].fd = fd
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	// A reset at the end instead of TIME_WAIT: ten thousand ends in a row would use the ports up.
	_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	if err := unix.Connect(fd, c.addr); err != nil && !errors.Is(err, unix.EINPROGRESS) {
		c.fail(fmt.Errorf("connect: %w", err))
		return
	}
	event := unix.EpollEvent{Events: unix.EPOLLOUT, Fd: c.clients[i].index}
	if err := unix.EpollCtl(c.epoll, unix.EPOLL_CTL_ADD, fd, &event); err != nil {
		c.fail(fmt.Errorf("epoll_ctl: %w", err))
	}
}

// turn is what an event of the epoll means to a client.
func (c *Crowd) turn(cl *client, events uint32) error {
	if cl.stage == dialing {
		if code, err := unix.GetsockoptInt(cl.fd, unix.SOL_SOCKET, unix.SO_ERROR); err != nil || code != 0 {
			return fmt.Errorf("connect: %w", errors.Join(err, unix.Errno(code)))
		}
		if err := unix.EpollCtl(c.epoll, unix.EPOLL_CTL_MOD, cl.fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: cl.index}); err != nil {
			return fmt.Errorf("epoll_ctl: %w", err)
		}
		cl.stage = upgrading
		return cl.write(c.upgrade)
	}
	n, err := unix.Read(cl.fd, c.buffer)
	switch {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
		return nil
	case err != nil:
		return fmt.Errorf("read: %w", err)
	case n == 0:
		return fmt.Errorf("the server closed it (events %#x)", events)
	}
	return c.heard(cl, c.buffer[:n])
}

// heard is bytes that arrived.
func (c *Crowd) heard(cl *client, read []byte) error {
	if cl.stage == upgrading {
		var err error
		if read, err = c.upgraded(cl, read); err != nil || cl.stage == upgrading {
			return err
		}
	}
	least := deliveryBytes
	if cl.stage == introducing || c.requests != nil || c.burst != nil {
		least = math.MaxInt // a look at every message
	}
	found, err := cl.walker.walk(read, least, func(m []byte) error { return c.short(cl, m) })
	if found.deliveries > 0 {
		c.counted.deliveries += found.deliveries
		c.counted.bytes += found.bytes
		if c.fanout == nil {
			return errors.New("a delivery that nobody asked for")
		}
		if err := c.fanout.arrived(cl, found.deliveries); err != nil {
			return err
		}
	}
	if err == nil && c.requests != nil {
		return c.requests.again(cl)
	}
	return err
}

// upgraded waits for the whole answer to the upgrade, and is what came after it.
func (c *Crowd) upgraded(cl *client, read []byte) (rest []byte, err error) {
	cl.header = append(cl.header, read...)
	end := bytes.Index(cl.header, []byte("\r\n\r\n"))
	if end < 0 {
		return nil, nil
	}
	if !bytes.HasPrefix(cl.header, []byte("HTTP/1.1 101 ")) {
		line, _, _ := bytes.Cut(cl.header, []byte("\r\n"))
		return nil, fmt.Errorf("the upgrade is answered by %q", line)
	}
	rest, cl.header = cl.header[end+4:], nil
	cl.stage = introducing
	if c.protocol.Greeting != "" {
		err = cl.write(clientFrame(c.protocol.Greeting))
	}
	return rest, err
}

// short is a message that is looked at.
func (c *Crowd) short(cl *client, m []byte) error {
	switch {
	case c.protocol.Ping != "" && string(m) == c.protocol.Ping:
		return cl.write(c.pong)
	case cl.stage == introducing:
		reply, ready, err := c.protocol.hear(cl.step, m, cl.credential)
		if err != nil {
			return err
		}
		cl.step++
		if reply != "" {
			if err := cl.write(clientFrame(reply)); err != nil {
				return err
			}
		}
		if ready {
			return c.joined(cl)
		}
		return nil
	case c.burst != nil:
		return c.burst.hear(cl.index, m)
	case c.requests != nil && bytes.HasPrefix(m, c.requests.answer):
		return c.requests.answered()
	}
	return unknown(m)
}

func (c *Crowd) joined(cl *client) error {
	cl.stage = subscribed
	cl.credential = "" // ten thousand tokens are megabytes
	c.opening.ready++
	if c.opening.ready == c.opening.pending {
		close(c.opening.done)
		c.opening.done = nil
	}
	c.open()
	if c.burst != nil { // it has returned
		return cl.write(c.burst.frames[cl.index])
	}
	return nil
}

// write sends what is short enough to fit the socket's buffer always.
func (cl *client) write(b []byte) error {
	n, err := unix.Write(cl.fd, b)
	if err == nil && n < len(b) {
		err = unix.EAGAIN
	}
	if err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}
