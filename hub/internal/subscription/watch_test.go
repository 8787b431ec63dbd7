package subscription_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/realtime-hub/hub/hub/internal/engine"
	"github.com/realtime-hub/hub/hub/internal/fault"
	"github.com/realtime-hub/hub/hub/internal/subscription"
)

// publish sends numbered payloads of a size on the channel.
func (r *room) publish(channel string, from, to, size int) {
	r.t.Helper()
	for n := from; n < to; n++ {
		p := &engine.Publication{Channel: channel, ID: fmt.Sprint(n), Payload: bytes.Repeat([]byte("x"), size)}
		if _, err := r.log.Publish(r.t.Context(), p, engine.PublishOptions{}); err != nil {
			r.t.Fatal(err)
		}
	}
}

// Whatever is missed is told where it is missing, and what is kept is bounded.
func TestASlowWatcherIsToldHowManyItMissed(t *testing.T) {
	for name, test := range map[string]struct{ size, most int }{
		"by number": {1, 1000},
		"by size":   {64 << 10, 65},
	} {
		t.Run(name, func(t *testing.T) {
			const sent = 3000
			r := open(t, subscription.Config{})
			w, err := r.Watch(t.Context(), "room.1.said")
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			r.publish("room.1.said", 0, sent, test.size)
			<-w.Ready()
			taken := w.Take()
			r.publish("room.1.said", sent, sent+1, 1)
			taken = append(taken, w.Take()...)

			next := uint64(0)
			for _, seen := range taken {
				switch {
				case seen.Missed > 0:
					next += seen.Missed
				case seen.ID != fmt.Sprint(next):
					t.Fatalf("%s came instead of %d", seen.ID, next)
				default:
					next++
				}
			}
			if next != sent+1 || len(taken) > test.most+1 { // and what came when there was room again
				t.Errorf("%d of %d are accounted for by %d", next, sent+1, len(taken))
			}
		})
	}
}

func TestWatchersAreBoundedAndLeaveNothing(t *testing.T) {
	r := open(t, subscription.Config{})
	if _, err := r.Watch(t.Context(), "room.nowhere"); !fault.Is(err, fault.ChannelUnknown) {
		t.Errorf("an unknown channel: %v", err)
	}
	for range 2 { // those that left make room for as many
		var watchers []*subscription.Watcher
		for {
			w, err := r.Watch(t.Context(), "room.1.said")
			if fault.Is(err, fault.Overloaded) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			watchers = append(watchers, w)
		}
		if len(watchers) != 64 {
			t.Errorf("%d may watch", len(watchers))
		}
		for _, w := range watchers {
			w.Close()
		}
		r.publish("room.1.said", 0, 1, 1)
		for _, w := range watchers {
			if len(w.Take()) > 0 {
				t.Error("a watcher that has left hears")
			}
		}
	}
}
