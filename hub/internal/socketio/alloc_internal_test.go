//go:build !race

package socketio

import (
	"bytes"
	"testing"

	"github.com/realtime-hub/hub/hub/internal/engine"
)

// A frame is made once for all subscribers, whatever the payload's size.
func TestAllocsOfAFrame(t *testing.T) {
	const budget = 16 // protojson's for the meta object are most of them
	for _, size := range []int{100, 60_000} {
		payload := bytes.Repeat([]byte("1"), size)
		p := &engine.Publication{Channel: "blog.article.feed", ID: "0123456789"}
		if n := testing.AllocsPerRun(100, func() { p.Payload, p.Frame = payload, nil; publicationFrame(p) }); n > budget {
			t.Errorf("%v allocations for %d bytes of payload, at most %d", n, size, budget)
		}
	}
}
