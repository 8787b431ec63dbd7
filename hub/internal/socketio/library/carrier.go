package library

import (
	"encoding/binary"
	"reflect"
	"runtime"
	"sync"
	"time"

	"github.com/zishang520/socket.io/parsers/engine/v3/packet"
	"github.com/zishang520/socket.io/servers/engine/v3/transports"
	"github.com/zishang520/socket.io/v3/pkg/queue"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/realtime-hub/hub/hub/internal/socketio"
)

// carrier is one of the library's transports, wrapped: what the library sends
// and what the link sends meet here, one after the other, and each Send is
// followed until it was written.
type carrier struct {
	transports.Transport              // static; the library's own
	sayGoodbye           func() error // static; a WebSocket's close frame; nil for polling

	mu      sync.Mutex
	marks   []*batch         // guarded by mu; one for each Send that was not written yet; nil: the library's
	held    []*packet.Packet // guarded by mu; the library's, for the next poll
	waiting []func()         // guarded by mu; to be called when all is written
}

// maker makes carriers of one kind; it is the library's TransportCtor.
type maker struct {
	name     string
	upgrades []string
	make     func(*types.HttpContext) *carrier
}

func (m *maker) Name() string                                    { return m.name }
func (m *maker) HandlesUpgrades() bool                           { return m.name == socketio.WebSocket }
func (m *maker) UpgradesTo() []string                            { return m.upgrades }
func (m *maker) New(ctx *types.HttpContext) transports.Transport { return m.make(ctx) }

// carriers are the transports that browsers may use. JSONP and WebTransport
// are not among them.
func carriers() *types.Set[transports.TransportCtor] {
	return types.NewSet[transports.TransportCtor](
		&maker{name: socketio.Polling, upgrades: []string{socketio.WebSocket}, make: func(ctx *types.HttpContext) *carrier {
			return newCarrier(transports.NewPolling(ctx))
		}},
		&maker{name: socketio.WebSocket, make: func(ctx *types.HttpContext) *carrier {
			c := newCarrier(transports.NewWebSocket(ctx))
			conn := ctx.Websocket.Conn
			// The library leaves the socket open when the browser's close
			// frame comes first.
			_ = c.On("close", func(...any) { _ = conn.Close() })
			c.sayGoodbye = func() error {
				const closeFrame, normal = 8, 1000
				return conn.WriteControl(closeFrame, binary.BigEndian.AppendUint16(nil, normal), time.Now().Add(lingerTime))
			}
			return c
		}},
	)
}

func newCarrier(t transports.Transport) *carrier {
	release(t)
	c := &carrier{Transport: t}
	_ = t.On("drain", func(...any) { c.written() })
	_ = t.On("ready", func(...any) { c.unhold() })
	return c
}

// release takes the finalizer from the transport's write queue. The queue
// points to itself, and Go never collects a cycle with a finalizer in it: 8
// KiB for every connection that ever was. The queue ends without it, because
// every way to a transport's end closes it. It tells whether there was a queue.
func release(t transports.Transport) bool {
	f := reflect.ValueOf(t).Elem().FieldByName("writeQueue")
	if !f.IsValid() || f.Type() != reflect.TypeFor[*queue.Queue]() {
		return false
	}
	runtime.SetFinalizer((*queue.Queue)(f.UnsafePointer()), nil)
	return true
}

// OnRequest implements transports.Transport.
func (c *carrier) OnRequest(ctx *types.HttpContext) {
	c.Transport.OnRequest(ctx)
	if v := visitOf(ctx); v != nil {
		v.entered(c)
	}
}

// Send implements transports.Transport, for what the library itself sends. It
// looks whether a transport is writable and sends in two steps, from several
// goroutines. Two answers to one poll would end the session, so the second
// waits for the next poll.
func (c *carrier) Send(packets []*packet.Packet) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.Name() == socketio.Polling && !c.Writable() {
		c.held = append(c.held, packets...)
		return
	}
	c.send(packets, nil)
}

// offer sends a batch, all of it at once, if the transport takes it now.
func (c *carrier) offer(b *batch) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.Discarded() || !c.Writable() {
		return false
	}
	c.send(b.packets, b)
	return true
}

// send passes packets on. The caller holds mu. The library's Send only queues
// and calls nobody.
func (c *carrier) send(packets []*packet.Packet, mark *batch) {
	c.marks = append(c.marks, mark)
	c.Transport.Send(packets)
}

// unhold sends what could not go out with the last poll.
func (c *carrier) unhold() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.held) > 0 && c.Writable() {
		c.send(c.held, nil)
		c.held = nil
	}
}

// written hears that the oldest Send is through: on the wire of a WebSocket,
// or in the answer to a poll.
func (c *carrier) written() {
	c.mu.Lock()
	var mark *batch
	if len(c.marks) > 0 {
		mark, c.marks = c.marks[0], c.marks[1:]
	}
	c.mu.Unlock()
	if mark != nil {
		mark.link.flushed(mark)
	}
	for _, then := range c.settled() {
		then()
	}
}

// settle calls then once all that was sent is written.
func (c *carrier) settle(then func()) {
	c.mu.Lock()
	c.waiting = append(c.waiting, then)
	c.mu.Unlock()
	for _, then := range c.settled() {
		then()
	}
}

func (c *carrier) isSettled() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.marks) == 0
}

// settled takes what waits, if it need not wait any longer.
func (c *carrier) settled() []func() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.marks) > 0 {
		return nil
	}
	waiting := c.waiting
	c.waiting = nil
	return waiting
}

// Discard implements transports.Transport: no batch is offered any more.
func (c *carrier) Discard() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.Transport.Discard()
}

// Close implements transports.Transport. The link has flushed what it could; a
// transport that is not discarded would wait 30 s for one more poll.
func (c *carrier) Close(then ...types.Callable) {
	c.Discard()
	c.Transport.Close(then...)
}
