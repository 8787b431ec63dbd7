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

// owner is a connection whose reader waits for room.
type owner struct{ room chan struct{} }

func (o *owner) Room() { o.room <- struct{}{} }

func inbox(p *session.Pool) (*session.Inbox, *owner) {
	b, o := &session.Inbox{}, &owner{room: make(chan struct{}, 100)}
	b.Init(p, o)
	return b, o
}

func TestAnInboxKeepsOrderAndRunsOneAtATime(t *testing.T) {
	p, _ := pool(t)
	got := make([][]int, 20)
	var all sync.WaitGroup
	for i := range got {
		box, o := inbox(p)
		var running atomic.Int32
		all.Go(func() {
			for n := range 1000 {
				more := box.Submit(session.Func(func() {
					if running.Add(1) != 1 {
						t.Error("two items of one inbox run at once")
					}
					got[i] = append(got[i], n)
					running.Add(-1)
				}), nil)
				if !more {
					<-o.room
				}
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

// noted is a task that notes what came with it.
type noted struct{ got *[]string }

func (n noted) Do(data []byte) { *n.got = append(*n.got, string(data)) }

func TestATaskGetsItsData(t *testing.T) {
	p, _ := pool(t)
	b, _ := inbox(p)
	var got []string
	for _, data := range []string{"one", "", "three"} {
		b.Submit(noted{&got}, []byte(data))
	}
	p.Wait()
	if !slices.Equal(got, []string{"one", "", "three"}) {
		t.Errorf("got %q", got)
	}
}

// fill submits until the inbox wants no more, and is how many it took.
func fill(t *testing.T, b *session.Inbox, size int) int {
	t.Helper()
	for n := 1; n < 1000; n++ {
		if !b.Submit(session.Func(func() {}), make([]byte, size)) {
			return n
		}
	}
	t.Fatal("the inbox takes everything")
	return 0
}

func TestAFullInboxStopsItsReaderAloneUntilThereIsRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := pool(t)
		full, reader := inbox(p)
		other, _ := inbox(p)
		release := make(chan struct{})
		full.Submit(session.Func(func() { <-release }), nil)
		synctest.Wait()
		if n := fill(t, full, 1); n != 16 {
			t.Errorf("%d items were taken into an inbox of 16", n)
		}
		done := make(chan struct{})
		other.Submit(session.Func(func() { close(done) }), nil)
		<-done
		synctest.Wait()
		if len(reader.room) != 0 {
			t.Error("there is room in a full inbox")
		}
		close(release)
		p.Wait()
		if len(reader.room) != 1 {
			t.Errorf("the reader was told %d times that there is room", len(reader.room))
		}
	})
}

func TestAnInboxIsBoundedInBytesButTakesOneLargeItem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := pool(t)
		b, reader := inbox(p)
		release := make(chan struct{})
		b.Submit(session.Func(func() { <-release }), nil)
		synctest.Wait()
		if n := fill(t, b, 30<<10); n != 3 {
			t.Errorf("%d items of 30 KiB were taken into an inbox of 64 KiB", n)
		}
		close(release)
		p.Wait()
		if n := fill(t, b, 1<<20); n != 1 {
			t.Errorf("%d items of 1 MiB were taken", n)
		}
		p.Wait()
		if len(reader.room) != 2 {
			t.Errorf("the reader was told %d times that there is room", len(reader.room))
		}
	})
}

func TestTheCloseIsTheLastItem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := pool(t)
		b, reader := inbox(p)
		release := make(chan struct{})
		var order []string
		b.Submit(session.Func(func() { <-release; order = append(order, "asked") }), nil)
		synctest.Wait()
		fill(t, b, 1) // the close needs no room
		b.Close(session.Func(func() { order = append(order, "closed") }))
		b.Close(session.Func(func() { order = append(order, "closed twice") }))
		if !b.Submit(session.Func(func() { order = append(order, "too late") }), nil) {
			t.Error("a closed inbox has its reader wait for ever")
		}
		close(release)
		p.Wait()
		if !slices.Equal(order, []string{"asked", "closed"}) {
			t.Errorf("order %v", order)
		}
		if len(reader.room) != 0 {
			t.Error("the reader of a closed inbox was told that there is room")
		}
	})
}

func TestAPanicEndsNothingElse(t *testing.T) {
	p, log := pool(t)
	b, _ := inbox(p)
	ran := false
	b.Submit(session.Func(func() { panic("boom") }), nil)
	b.Submit(session.Func(func() { ran = true }), nil)
	p.Wait()
	if !ran || !strings.Contains(log.String(), "boom") {
		t.Errorf("the next item ran: %v; log: %s", ran, log)
	}
}

// ended is a connection that notes how it was ended.
type ended struct {
	session.Conn

	why    *fault.Error
	again  bool
	warned []time.Time
}

func (e *ended) End(why *fault.Error, again bool) { e.why, e.again = why, again }
func (e *ended) Expiring(at time.Time)            { e.warned = append(e.warned, at) }

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

func TestAnIdentityThatEndsIsToldOnceAMinuteBefore(t *testing.T) {
	begin := time.Unix(1000, 0)
	now := begin
	table := session.NewTable(func() time.Time { return now })
	var c, short ended
	ends := begin.Add(time.Hour)
	s := table.Open("a", gate.Identity{UserID: "ann", ExpiresAt: ends}, "", &c)
	table.Open("b", gate.Identity{UserID: "bob", ExpiresAt: begin.Add(10 * time.Second)}, "", &short)
	at := func(after time.Duration) {
		now = begin.Add(after)
		table.Expire()
		table.Expire()
	}
	at(0)
	if len(short.warned) != 1 || short.why != nil || len(c.warned) > 0 {
		t.Errorf("at once: told %v, ended %v; the other %v", short.warned, short.why, c.warned)
	}
	at(59*time.Minute - 1)
	if len(c.warned) > 0 {
		t.Error("told early")
	}
	at(59 * time.Minute)
	if !slices.Equal(c.warned, []time.Time{ends}) || c.why != nil {
		t.Errorf("told %v, ended %v", c.warned, c.why)
	}
	later := ends.Add(time.Hour)
	table.Refresh(s, gate.Identity{UserID: "ann", Roles: []string{"editor"}, ExpiresAt: later})
	if id := s.Identity(); !slices.Equal(id.Roles, []string{"editor"}) || id.Session != "a" {
		t.Errorf("after it is refreshed it is %v", id)
	}
	at(61 * time.Minute)
	if c.why != nil || len(c.warned) != 1 {
		t.Errorf("after it is refreshed: told %v, ended %v", c.warned, c.why)
	}
	at(2*time.Hour - time.Minute)
	if !slices.Equal(c.warned, []time.Time{ends, later}) || c.why != nil {
		t.Errorf("told %v, ended %v", c.warned, c.why)
	}
	table.Refresh(s, gate.Identity{UserID: "ann"}) // without an end
	at(100 * time.Hour)
	if c.why != nil {
		t.Errorf("what has no end ended: %v", c.why)
	}
	table.Remove(s)
	table.Refresh(s, gate.Identity{UserID: "ann", ExpiresAt: begin})
	at(101 * time.Hour)
	if c.why != nil {
		t.Errorf("who has left ended: %v", c.why)
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
