//go:build !race

package memory_test

import (
	"testing"

	"github.com/realtime-hub/hub/hub/internal/engine"
	"github.com/realtime-hub/hub/hub/internal/engine/memory"
)

func TestAllocsOfAPublication(t *testing.T) {
	l, sink := memory.New(memory.Config{}), &nobody{}
	if err := l.Join(t.Context(), "x.y", sink, engine.ReadOptions{}, func(engine.Replay) {}); err != nil {
		t.Fatal(err)
	}
	p := &engine.Publication{Channel: "x.y", ID: "1", Payload: []byte("{}")}
	n := testing.AllocsPerRun(1000, func() {
		if _, err := l.Publish(t.Context(), p, engine.PublishOptions{}); err != nil {
			t.Fatal(err)
		}
	})
	if n > 0 || sink.heard == 0 {
		t.Errorf("%v allocations a publication, want none; heard %d", n, sink.heard)
	}
}
