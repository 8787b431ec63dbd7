//go:build linux

package e2e_test

import (
	"fmt"
	"strings"
	"testing"
)

// A channel of SLOW_DROP that keeps history: what comes behind a dropped message
// waits for the gap to be told. Otherwise the newest position that a browser has
// seen is one beyond what it has missed; one that is cut off before the gap is told
// would come back from there, be told that nothing is missing, and have lost it.
func TestNothingOvertakesAGap(t *testing.T) {
	h := narrowHub(t)
	r := "e2e.leaky." + unique()
	l := h.laggard(t, r)
	last := h.flood(t, r, "drop")
	text := strings.Repeat("x", 4000)
	for seen := 0; ; seen++ {
		packet, err := l.light.next()
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(packet, `"hub:gap"`) {
			return
		}
		var event [3]struct {
			N        int
			Position *position
		}
		decode(t, strings.Replace(strings.TrimPrefix(packet, "2"), `"`+r+`"`, `{}`, 1), &event)
		if n := event[1].N; n != seen+1 {
			l.link.cut()
			back := h.connect(t, modern, options{})
			ack := back.resume(r, event[2].Position)
			first := "nothing"
			if back.has(r) {
				n, _ := back.next(r).number(t)
				first = fmt.Sprint("first ", n)
			}
			t.Fatalf("before any hub:gap %d comes after %d; cut off here and back since %s, recovered is %t, replayed %d (%s): %d to %d are lost and nobody was told",
				n, seen, event[2].Position.Offset, *ack.Recovered, *ack.Replayed, first, seen+1, n-1)
		}
		if seen%4 == 3 { // while it reads, broadcasts go on
			last++
			h.broadcast(t, r, fmt.Sprintf(`{"n":%d,"text":%q}`, last, text))
		}
	}
}
