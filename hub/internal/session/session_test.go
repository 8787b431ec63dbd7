package session_test

import (
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/realtime-hub/hub/hub/internal/fault"
	"github.com/realtime-hub/hub/hub/internal/gate"
	"github.com/realtime-hub/hub/hub/internal/session"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func pool(t *testing.T) (*session.Pool, *strings.Builder) {
	t.Helper()
	var log strings.Builder
	return session.NewPool(slog.New(slog.NewTextHandler(&log, nil))), &log
}

func TestAnInboxKeepsOrderAndRunsOneAtATime(t *testing.T) {
	p, _ := pool(t)
	boxes := make([]*session.Inbox, 20)
	got := make([][]int, len(boxes))
	var all sync.WaitGroup
	for i := range boxes {
		boxes[i] = session.NewInbox(p)
		var running atomic.Int32
		all.Go(func() {
			for n := range 1000 {
				boxes[i].Submit(10, func() {
					if running.Add(1) != 1 {
						t.Error("two items of one inbox run at once")
					}
					got[i] = append(got[i], n)
					running.Add(-1)
				})
			}
		})
	}
	all.Wait()
	p.Wait()
	for i := range got {
		if len(got[i]) != 1000 || !slices.IsSorted(got[i]) {
			t.Errorf("inbox %d: %d items, sorted %v", i, len(got[i]), slices.IsSorted(got[i]))
		}
	}
}

func TestAFullInboxStopsItsReaderAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := pool(t)
		full, other := session.NewInbox(p), session.NewInbox(p)
		release := make(chan struct{})
		full.Submit(1, func() { <-release })
		var submitted atomic.Int32
		var reader sync.WaitGroup
		reader.Go(func() {
			for range 30 {
				full.Submit(1, func() {})
				submitted.Add(1)
			}
		})
		synctest.Wait()
		if n := submitted.Load(); n != 16 {
			t.Errorf("%d items were taken into an inbox of 16", n)
		}
		done := make(chan struct{})
		other.Submit(1, func() { close(done) })
		<-done
		close(release)
		reader.Wait()
		p.Wait()
	})
}

func TestAnInboxIsBoundedInBytesButTakesOneLargeItem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := pool(t)
		b := session.NewInbox(p)
		release := make(chan struct{})
		b.Submit(1<<20, func() { <-release })
		synctest.Wait()
		var second atomic.Bool
		var reader sync.WaitGroup
		reader.Go(func() {
			b.Submit(60<<10, func() {})
			b.Submit(60<<10, func() {})
			second.Store(true)
		})
		synctest.Wait()
		if second.Load() {
			t.Error("120 KiB wait in an inbox of 64 KiB")
		}
		close(release)
		reader.Wait()
		p.Wait()
	})
}

func TestTheCloseIsTheLastItemAndFreesTheReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := pool(t)
		b := session.NewInbox(p)
		release := make(chan struct{})
		var order []string
		b.Submit(1, func() { <-release; order = append(order, "asked") })
		for range 16 {
			b.Submit(1, func() {})
		}
		var reader sync.WaitGroup
		reader.Go(func() { b.Submit(1, func() { order = append(order, "too late") }) })
		synctest.Wait()
		b.Close(func() { order = append(order, "closed") })
		b.Close(func() { order = append(order, "closed twice") })
		reader.Wait()
		close(release)
		p.Wait()
		if !slices.Equal(order, []string{"asked", "closed"}) {
			t.Errorf("order %v", order)
		}
	})
}

func TestAPanicEndsNothingElse(t *testing.T) {
	p, log := pool(t)
	b := session.NewInbox(p)
	ran := false
	b.Submit(1, func() { panic("boom") })
	b.Submit(1, func() { ran = true })
	p.Wait()
	if !ran || !strings.Contains(log.String(), "boom") {
		t.Errorf("the next item ran: %v; log: %s", ran, log)
	}
}

// ended is a connection that notes how it was ended.
type ended struct {
	why   *fault.Error
	again bool
}

func (e *ended) End(why *fault.Error, again bool) { e.why, e.again = why, again }

func TestAnIdentityEndsItsSessionAndItMayComeBack(t *testing.T) {
	now := time.Unix(1000, 0)
	table := session.NewTable(func() time.Time { return now })
	var soon, later, never ended
	table.Open("later", gate.Identity{UserID: "ann", ExpiresAt: now.Add(2 * time.Minute)}, "", &later)
	table.Open("never", gate.Identity{UserID: "bob"}, "", &never)
	table.Open("soon", gate.Identity{UserID: "ann", ExpiresAt: now.Add(time.Minute)}, "", &soon)
	table.Expire()
	if soon.why != nil {
		t.Error("ended early")
	}
	now = now.Add(time.Minute)
	table.Expire()
	if soon.why == nil || soon.why.Reason != fault.CredentialsExpired || !soon.again {
		t.Errorf("ended with %v, again %v", soon.why, soon.again)
	}
	if later.why != nil || never.why != nil {
		t.Error("another session was ended")
	}
}

func TestARemovedSessionIsInNoTable(t *testing.T) {
	now := time.Unix(1000, 0)
	table := session.NewTable(func() time.Time { return now })
	var conn ended
	s := table.Open("a", gate.Identity{UserID: "ann", ExpiresAt: now.Add(time.Minute)}, "", &conn)
	table.Open("b", gate.Identity{}, "", &ended{})
	table.Remove(s)
	table.Remove(s)
	now = now.Add(time.Hour)
	table.Expire()
	if conn.why != nil || table.Len() != 1 || table.All()[0].ID != "b" {
		t.Errorf("ended %v, %d left", conn.why, table.Len())
	}
}
