package subscription_test

import (
	"fmt"
	"syscall"
	"testing"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/engine"
	"github.com/realtime-hub/hub/hub/internal/gate"
	"github.com/realtime-hub/hub/hub/internal/session"
	"github.com/realtime-hub/hub/hub/internal/subscription"
)

const crowdSize = 100_000

// strangers are sessions of as many users, whose ids are like random ones.
func (r *room) strangers(n int) []*session.Session {
	out := make([]*session.Session, n)
	for i := range out {
		id := uint64(i+1) * 0x9E3779B97F4A7C15
		out[i] = r.session(gate.Identity{UserID: fmt.Sprintf("user_%016x", id)})
	}
	return out
}

func BenchmarkPresence(b *testing.B) {
	for _, channel := range []string{"room.1.said", crowded} {
		b.Run(fmt.Sprintf("JoinAndLeave/members=100k/channel=%s", channel), func(b *testing.B) {
			r, all := filled(b, channel)
			args := &hubv1.SubscribeArguments{Channel: channel}
			b.ReportAllocs()
			defer inCPU(b)()
			for i := 0; b.Loop(); i++ {
				s := all[i%len(all)]
				r.LeaveAll(s)
				if _, err := r.Join(b.Context(), s, args, func(*hubv1.SubscribeResult, []*engine.Publication) {}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	for _, limit := range []int{100, 1000} {
		b.Run(fmt.Sprintf("Page/members=100k/limit=%d", limit), func(b *testing.B) {
			r, _ := filled(b, crowded)
			cursor := ""
			b.ReportAllocs()
			defer inCPU(b)()
			for b.Loop() {
				cursor = r.page(cursor, limit).Next
			}
		})
	}
}

// inCPU reports the process's CPU time as well, which says more where others run.
func inCPU(b *testing.B) (done func()) {
	b.Helper()
	used := func() int64 {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return u.Utime.Nano() + u.Stime.Nano()
	}
	before := used()
	return func() { b.ReportMetric(float64(used()-before)/float64(b.N), "cpu-ns/op") }
}

// filled is a channel with 100,000 members.
func filled(b *testing.B, channel string) (*room, []*session.Session) {
	b.Helper()
	r := open(b, subscription.Config{})
	all := r.strangers(crowdSize)
	for _, s := range all {
		r.enter(s, channel)
	}
	return r, all
}
