//go:build !race

package subscription_test

import (
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/realtime-hub/hub/hub/internal/subscription"
)

// heap is what lives.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// A user who is present costs few bytes; whoever is where there is no presence
// costs none, which is measured beside it.
func TestAllocsOfAMember(t *testing.T) {
	took := map[string]int64{}
	for _, channel := range []string{"room.1.said", crowded} {
		r := open(t, subscription.Config{})
		all := r.strangers(crowdSize)
		before := heap()
		synctest.Test(t, func(*testing.T) {
			for _, s := range all {
				r.enter(s, channel)
			}
			time.Sleep(soon) // in the bubble: what waits to be told is no part of it
		})
		took[channel] = (heap() - before) / crowdSize
		runtime.KeepAlive(r)
		runtime.KeepAlive(all)
	}
	t.Logf("a subscription takes %d bytes, with presence %d", took["room.1.said"], took[crowded])
	if more := took[crowded] - took["room.1.said"]; more > 80 {
		t.Errorf("a member takes %d bytes", more)
	}
}
