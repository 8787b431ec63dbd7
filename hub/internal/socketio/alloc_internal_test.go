//go:build !race

package socketio

import (
	"bytes"
	"testing"

	"github.com/realtime-hub/hub/hub/internal/engine"
)

// A frame is made once for all subscribers, whatever the payload's size.
func TestAllocsOfAFrame(t *testing.T) {
	const budget = 3 // the frame, its bytes and the meta object
	for _, size := range []int{100, 60_000} {
		payload := bytes.Repeat([]byte("1"), size)
		p := &engine.Publication{Channel: "blog.article.feed", ID: "0123456789", Position: engine.Position{Epoch: "ABCDEFGHIJ", Offset: 12345}}
		if n := testing.AllocsPerRun(100, func() { p.Payload, p.Frame = payload, nil; publicationFrame(p) }); n > budget {
			t.Errorf("%v allocations for %d bytes of payload, at most %d", n, size, budget)
		}
	}
}
