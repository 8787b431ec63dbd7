//go:build !race

package engineio_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/realtime-hub/hub/hub/internal/socketio"
	"github.com/realtime-hub/hub/hub/internal/socketio/engineio"
	"github.com/realtime-hub/hub/hub/internal/wire"
)

// counter is a door that counts, and does nothing else.
type counter struct {
	calls sync.WaitGroup
	link  socketio.Link
}

func (c *counter) Full() bool { return false }

func (c *counter) Accept(l socketio.Link, _ *socketio.Request) socketio.Receiver {
	c.link = l
	return c
}
func (c *counter) Message([]byte) bool { c.calls.Done(); return true }
func (c *counter) Binary() bool        { c.calls.Done(); return true }
func (c *counter) Violated(string)     {}
func (c *counter) Closed(wire.Reason)  {}

// From a WebSocket's bytes to Receiver.Message: what a browser says costs
// nothing but its handling. The budget is 0 for a message that one read
// brings whole, and one buffer for one that is cut.
func TestAllocationsOfAMessage(t *testing.T) {
	door := &counter{}
	h := start(t, engineio.Config{}, func(h *hub) { h.door = door })
	for _, upgraded := range []bool{false, true} {
		var c *websocket.Conn
		if upgraded {
			_, open := h.do(t, "GET", polling, "")
			c = h.dial(t, sidOf(open))
			say(t, c, "2probe", "5")
			read(t, c)
		} else {
			c = h.dial(t, "")
			read(t, c)
		}
		out := c.NetConn()
		for name, sent := range map[string]string{
			"short": frame("4" + strings.Repeat("x", 100)),
			"burst": strings.Repeat(frame(`42["chat:send",{"text":"hello"}]`), 64),
		} {
			bytes, frames := []byte(sent), strings.Count(sent, "\x81")
			perRead := testing.AllocsPerRun(200, func() {
				door.calls.Add(frames)
				if _, err := out.Write(bytes); err != nil {
					t.Error(err)
				}
				door.calls.Wait()
			})
			if perRead != 0 {
				t.Errorf("%s, upgraded %v: %v allocations for %d messages", name, upgraded, perRead, frames)
			}
		}
		_ = c.Close()
	}
}

// What a link costs while it is idle: its state and wire's, no goroutine and
// no buffer. The request, which the door may keep, is in it.
func TestAllocationsOfALink(t *testing.T) {
	h := start(t, engineio.Config{}, func(h *hub) { h.door = &counter{} })
	before := use(t)
	const n = 200
	conns := make([]*websocket.Conn, n)
	for i := range conns {
		conns[i] = h.dial(t, "")
		read(t, conns[i])
	}
	var after usage
	eventually(t, "at rest", func() bool {
		<-time.After(time.Millisecond)
		after = use(t)
		return after.goroutines <= before.goroutines+4
	})
	// With gorilla's two buffers of 4 KiB, and its side of the socket.
	const budget = 16 << 10
	if per := (int64(after.heap) - int64(before.heap)) / n; per > budget {
		t.Errorf("%d bytes for a link and its client", per)
	}
}
