package wire_test

import (
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/realtime-hub/hub/hub/internal/wire"
)

// One stalled peer delays nobody in its shard, neither while frames wait for
// it, nor while it is ended: closing TLS writes, and this one takes nothing.
func TestAStalledPeerDelaysNobody(t *testing.T) {
	for kind, socket := range map[string]func(t *testing.T) (net.Conn, net.Conn){
		"tcp": func(t *testing.T) (net.Conn, net.Conn) { return pair(t) },
		"tls": func(t *testing.T) (net.Conn, net.Conn) {
			server, client := pair(t)
			return secure(t, server, client)
		},
		"pipe": func(*testing.T) (net.Conn, net.Conn) { return net.Pipe() },
	} {
		t.Run(kind, func(t *testing.T) {
			w, _ := start(t, wire.Config{Shards: 1, MaxBacklog: 64 << 20, Goroutines: kind == "tcp"})
			h := newHand()
			stalled := w.Open(h, false)
			server, client := socket(t)
			newPeer(t, client)
			stalled.Attach(server, nil)
			quick, p := dial(t, w, newHand())
			stalled.Join("x.y")
			quick.Join("x.y")
			slowest := time.Duration(0)
			for i := range 300 {
				begun := time.Now()
				w.Broadcast("x.y", wire.Message{Frame: text(strconv.Itoa(i) + plug[:20<<10])})
				p.expect(strconv.Itoa(i) + plug[:20<<10])
				slowest = max(slowest, time.Since(begun))
			}
			if w.Backlog() < 4<<20 {
				t.Fatalf("%d bytes wait: the peer is not stalled", w.Backlog())
			}
			stalled.Abort(wire.ReasonGone)
			h.ends(t, wire.ReasonGone)
			quick.Send(text("after"))
			begun := time.Now()
			p.expect("after")
			if slowest = max(slowest, time.Since(begun)); slowest > 2*time.Second {
				t.Errorf("a message took %v", slowest)
			}
		})
	}
}
