//go:build !race

package wire_test

import (
	"testing"

	"github.com/realtime-hub/hub/hub/internal/wire"
)

// A delivery costs a place in a queue. Its budget is the growth of the queues,
// shared by the frames that they hold.
func TestAllocsOfADelivery(t *testing.T) {
	const members, budget = 1000, 0.1
	w := wire.New(wire.Config{})
	var all []*browser
	for range members {
		b := connect(t, w, "")
		b.conn.Join("x.y", []byte("busy")) // its writer waits in Write from here on
		all = append(all, b)
	}
	frame := []byte("0123456789")
	for range 300 { // the queues have grown to what the test puts into them
		w.Broadcast("x.y", frame, nil)
	}
	perBroadcast := testing.AllocsPerRun(100, func() { w.Broadcast("x.y", frame, nil) })
	if perDelivery := perBroadcast / members; perDelivery > budget {
		t.Errorf("%.3f allocations a delivery, at most %v", perDelivery, budget)
	}
	for _, b := range all {
		b.Close()
		b.conn.Gone()
	}
	w.Wait()
}
