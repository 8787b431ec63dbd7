package library

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/zishang520/socket.io/parsers/engine/v3/packet"
	"github.com/zishang520/socket.io/servers/engine/v3/transports"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

func polled(t *testing.T) transports.Transport {
	t.Helper()
	ctx := types.NewHttpContext(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/?EIO=4", http.NoBody))
	p := transports.NewPolling(ctx)
	t.Cleanup(func() {
		p.Discard()
		p.Close()
		ctx.Flush()
	})
	return p
}

// The library's own answers to a poll meet in this package's hands only by
// chance; here they do it always.
func TestSecondAnswerWaitsForTheNextPoll(t *testing.T) {
	c := newCarrier(polled(t))
	noop, ping := &packet.Packet{Type: packet.NOOP}, &packet.Packet{Type: packet.PING}
	c.SetWritable(true)
	c.Send([]*packet.Packet{noop})
	c.Send([]*packet.Packet{ping})
	if len(c.marks) != 1 || len(c.held) != 1 {
		t.Fatalf("%d sent, %d held", len(c.marks), len(c.held))
	}
	c.SetWritable(true)
	c.Emit("ready")
	if len(c.marks) != 2 || len(c.held) != 0 || c.Writable() {
		t.Errorf("%d sent, %d held", len(c.marks), len(c.held))
	}
	c.SetWritable(true)
	c.Discard()
	if c.offer(&batch{}) {
		t.Error("a discarded transport took a batch")
	}
}

func TestWriteQueueIsReleased(t *testing.T) {
	if !release(polled(t)) {
		t.Error("the library keeps its queue elsewhere now: see release")
	}
}

func TestHeadersAreNotShared(t *testing.T) {
	a := &answer{}
	first, second := a.Header(), a.Header()
	if first.Set("A", "1"); second.Get("A") != "" {
		t.Error("two goroutines of the library could write to one map")
	}
}
