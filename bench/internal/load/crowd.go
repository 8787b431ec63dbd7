// Package load is the load generator: how many deliveries does a server make,
// and how late are they?
//
// A Crowd is thousands of WebSocket clients on one thread and one epoll. A
// client costs no goroutine, and a delivery no more than a look at its frame's
// header, so that the generator can count several million a second on one core
// and is never what is measured. Clients whose transport is not a plain
// WebSocket, and who only have to be there, are an Audience: a goroutine each.
//
// Nothing is lost silently: a connection that ends, a frame that makes no sense
// and a server that stops answering are errors of the measurement.
//
// Linux only. A Crowd's methods may be called from one goroutine at a time.
package load

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// wakeIndex is the eventfd's place in the epoll, where the clients have their index.
const wakeIndex = -1

// A Crowd is the clients of one server.
type Crowd struct {
	// static after Gather
	epoll, wakeup int
	host          string
	addr          unix.Sockaddr
	protocol      Protocol
	pong          []byte // Protocol.Pong as a frame
	upgrade       []byte
	ended         chan struct{} // closed when the loop has returned

	// owned by the loop
	clients  []client
	opening  opening
	counted  seen // all deliveries of the crowd
	fanout   *fanout
	requests *requests
	burst    *burst
	err      error  // the first; the crowd is worth nothing after it
	buffer   []byte // what was read last

	mu    sync.Mutex
	tasks []func() // guarded by mu; what the loop is asked to do, see do
}

// newCrowd is a crowd of nobody, whose loop runs until Close.
func newCrowd(address string, protocol Protocol) (*Crowd, error) {
	at, err := netip.ParseAddrPort(address)
	if err != nil || !at.Addr().Is4() {
		return nil, fmt.Errorf("not an IPv4 address and port: %q", address)
	}
	c := &Crowd{
		host:     address,
		addr:     &unix.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()},
		protocol: protocol,
		pong:     clientFrame(protocol.Pong),
		upgrade:  []byte(upgradeRequest(address, protocol.Path, "")),
		ended:    make(chan struct{}),
		buffer:   make([]byte, 256<<10),
	}
	if c.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, fmt.Errorf("epoll_create: %w", err)
	}
	if c.wakeup, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err == nil {
		err = unix.EpollCtl(c.epoll, unix.EPOLL_CTL_ADD, c.wakeup, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: wakeIndex})
	}
	if err != nil {
		_ = unix.Close(c.epoll)
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	go c.loop()
	return c, nil
}

// Close ends all connections, and returns when the loop has.
func (c *Crowd) Close() {
	c.do(func() { c.fail(errClosed) })
	<-c.ended
}

var errClosed = errors.New("the crowd is closed")

// do runs f in the loop, and returns when it has run. Once the loop has ended
// f runs at once: nobody else is there.
func (c *Crowd) do(f func()) {
	done := make(chan struct{})
	c.mu.Lock()
	c.tasks = append(c.tasks, func() { f(); close(done) })
	c.mu.Unlock()
	_, _ = unix.Write(c.wakeup, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	select {
	case <-done:
	case <-c.ended:
		c.work()
		<-done
	}
}

// work does what do left.
func (c *Crowd) work() {
	c.mu.Lock()
	tasks := c.tasks
	c.tasks = nil
	c.mu.Unlock()
	for _, task := range tasks {
		task()
	}
}

// fail is the end of the crowd.
func (c *Crowd) fail(err error) {
	if c.err == nil {
		c.err = err
	}
}

func (c *Crowd) loop() {
	runtime.LockOSThread() // the thread is blocked in epoll_wait most of its life
	defer runtime.UnlockOSThread()
	defer close(c.ended)
	events := make([]unix.EpollEvent, 1024)
	for c.err == nil {
		n, err := unix.EpollWait(c.epoll, events, -1)
		if err != nil && !errors.Is(err, unix.EINTR) {
			c.fail(fmt.Errorf("epoll_wait: %w", err))
		}
		for _, event := range events[:max(n, 0)] {
			if event.Fd == wakeIndex {
				var b [8]byte
				_, _ = unix.Read(c.wakeup, b[:])
				c.work()
				continue
			}
			if err := c.turn(&c.clients[event.Fd], event.Events); err != nil {
				c.fail(fmt.Errorf("connection %d of %d: %w", event.Fd+1, len(c.clients), err))
				break
			}
		}
		// Once a round, not once a delivery: broadcasts that became due together are asked for together.
		if c.fanout != nil && c.err == nil {
			if err := c.fanout.next(); err != nil {
				c.fail(err)
			}
		}
	}
	for i := range c.clients {
		if c.clients[i].fd > 0 {
			_ = unix.Close(c.clients[i].fd)
		}
	}
	_ = unix.Close(c.epoll)
	if c.opening.done != nil {
		close(c.opening.done)
		c.opening.done = nil
	}
}

// Err is why the crowd is worth nothing any more; nil while all is well.
func (c *Crowd) Err() error {
	var err error
	c.do(func() { err = c.err })
	return err
}

// pause waits, and is cut short by the crowd's end or ctx.
func (c *Crowd) pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-c.ended:
		return c.Err()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
