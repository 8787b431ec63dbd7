//go:build !race

package socketio

import (
	"testing"
)

// What comes in is not decoded before the channel's message says how: taking
// an event apart costs its parts' list and its names, whatever its payload is.
func TestAllocsOfAnInboundEvent(t *testing.T) {
	const budget = 3 // the ack id, the list of elements, the event's name
	for _, event := range []string{
		`217["blog.article.feed",{"id":"42"}]`,
		`217["blog.article.feed",{"id":"42","deep":{"a":[1,2,3,{"b":"c"}],"n":9007199254740993}},{"id":"x"}]`,
	} {
		data := []byte(event)
		if n := testing.AllocsPerRun(100, func() {
			p, err := parsePacket(data)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := parseCall(p.data); err != nil {
				t.Fatal(err)
			}
		}); n > budget {
			t.Errorf("%v allocations for %s, at most %d", n, event, budget)
		}
	}
}

func BenchmarkInboundEvent(b *testing.B) {
	data := []byte(`217["blog.article.feed",{"id":"42","title":"a title of some length"}]`)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		p, err := parsePacket(data)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := parseCall(p.data); err != nil {
			b.Fatal(err)
		}
	}
}
