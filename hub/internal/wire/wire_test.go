package wire_test

import (
	"bytes"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"github.com/realtime-hub/hub/hub/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// browser is a link whose other end takes frames when it is told to.
type browser struct {
	t    *testing.T
	conn *wire.Conn
	gate chan struct{} // one token lets one Write through; closed: all

	mu      sync.Mutex
	frames  []string
	closed  chan struct{}
	dropped chan wire.Reason
}

func connect(t *testing.T, w *wire.Wire, name string) *browser {
	t.Helper()
	b := &browser{t: t, gate: make(chan struct{}), closed: make(chan struct{}), dropped: make(chan wire.Reason, 1)}
	b.conn = w.Open(b, func(r wire.Reason) { b.dropped <- r })
	b.conn.SetName(name)
	return b
}

func eager(t *testing.T, w *wire.Wire, name string) *browser {
	b := connect(t, w, name)
	close(b.gate)
	return b
}

func (b *browser) Write(frames []wire.Frame, done func()) {
	select {
	case <-b.gate:
		b.mu.Lock()
		for _, f := range frames {
			b.frames = append(b.frames, string(f))
		}
		b.mu.Unlock()
	case <-b.closed:
	}
	done()
}

func (b *browser) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case <-b.closed:
	default:
		close(b.closed)
	}
}

func (b *browser) got() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.frames)
}

func within[T any](t *testing.T, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(10 * time.Second):
		t.Fatalf("%s did not happen", what)
		panic("unreachable")
	}
}

// settle ends the connections after what waits for them, and the writers with them.
func settle(w *wire.Wire, all ...*browser) {
	for _, b := range all {
		b.conn.End()
	}
	w.Wait()
}

func TestABroadcastReachesMembersAloneAndOnce(t *testing.T) {
	w := wire.New(wire.Config{})
	in, twice, out, left := eager(t, w, "in"), eager(t, w, "twice"), eager(t, w, "out"), eager(t, w, "left")
	in.conn.Join("a.b")
	twice.conn.Join("a.b")
	twice.conn.Join("a.b")
	out.conn.Join("a.c")
	left.conn.Join("a.b")
	left.conn.Leave("a.b")
	w.Broadcast("a.b", []byte("1"), nil)
	settle(w, in, twice, out, left)
	for b, want := range map[*browser][]string{in: {"1"}, twice: {"1"}, out: nil, left: nil} {
		if got := b.got(); !slices.Equal(got, want) {
			t.Errorf("%s got %v, want %v", b.conn.Name(), got, want)
		}
	}
}

func TestExceptedConnectionsGetNothing(t *testing.T) {
	w := wire.New(wire.Config{})
	a, b := eager(t, w, "a"), eager(t, w, "b")
	a.conn.Join("x.y")
	b.conn.Join("x.y")
	w.Broadcast("x.y", []byte("1"), []string{"nobody", "a"})
	settle(w, a, b)
	if len(a.got()) != 0 || len(b.got()) != 1 {
		t.Errorf("a got %v, b got %v", a.got(), b.got())
	}
}

func TestWhatIsPlacedComesBetweenBroadcasts(t *testing.T) {
	w := wire.New(wire.Config{})
	b := eager(t, w, "b")
	var others sync.WaitGroup
	others.Go(func() {
		for i := range 2000 {
			w.Broadcast("x.y", fmt.Appendf(nil, "%d", i), nil)
		}
	})
	for range 200 {
		b.conn.Join("x.y", []byte("joined"))
		b.conn.Leave("x.y", []byte("left"))
	}
	others.Wait()
	settle(w, b)
	in := false
	for _, f := range b.got() {
		switch f {
		case "joined":
			in = true
		case "left":
			in = false
		default:
			if !in {
				t.Fatalf("broadcast %s outside of a subscription", f)
			}
		}
	}
}

func TestSendsKeepTheirOrder(t *testing.T) {
	w := wire.New(wire.Config{})
	b := eager(t, w, "b")
	var want []string
	for i := range 5000 {
		b.conn.Send(fmt.Appendf(nil, "%d", i))
		want = append(want, fmt.Sprint(i))
	}
	settle(w, b)
	if !slices.Equal(b.got(), want) {
		t.Error("frames lost, repeated or reordered")
	}
}

func TestTheLastFramesLeaveBeforeTheLinkCloses(t *testing.T) {
	w := wire.New(wire.Config{})
	b := connect(t, w, "b")
	b.conn.Send([]byte("first"))
	b.conn.End([]byte("last"))
	b.conn.Send([]byte("too late"))
	select {
	case <-b.closed:
		t.Fatal("closed before its frames were taken")
	default:
	}
	close(b.gate)
	within(t, "closing", b.closed)
	w.Wait()
	if got := b.got(); !slices.Equal(got, []string{"first", "last"}) {
		t.Errorf("got %v", got)
	}
}

func TestASlowConnectionIsDroppedAndNobodyElse(t *testing.T) {
	w := wire.New(wire.Config{MaxBacklog: 1000})
	slow, quick := connect(t, w, "slow"), eager(t, w, "quick")
	slow.conn.Join("x.y")
	quick.conn.Join("x.y")
	frame := bytes.Repeat([]byte("x"), 100)
	for range 20 {
		w.Broadcast("x.y", frame, nil)
		for quick.conn.Backlog() > 0 { // the quick one keeps up by definition
			runtime.Gosched()
		}
	}
	if reason := within(t, "the drop", slow.dropped); reason != wire.ReasonBacklog {
		t.Errorf("dropped for %q", reason)
	}
	within(t, "closing the slow link", slow.closed)
	settle(w, quick)
	if len(quick.got()) != 20 || w.Backlog() != 0 {
		t.Errorf("quick got %d of 20, %d bytes still counted", len(quick.got()), w.Backlog())
	}
}

func TestAllBacklogsTogetherAreBounded(t *testing.T) {
	counters := prometheus.NewRegistry()
	w := wire.New(wire.Config{MaxBacklogTotal: 250, Metrics: wire.NewMetrics(counters)})
	var all []*browser
	for i := range 5 {
		b := connect(t, w, fmt.Sprint(i))
		b.conn.Join("x.y")
		all = append(all, b)
	}
	for range 2 { // 150 bytes, then 3 × 30 more; the fourth is dropped, and makes room for the fifth
		w.Broadcast("x.y", bytes.Repeat([]byte("x"), 30), nil)
	}
	if w.Backlog() > 250 {
		t.Errorf("%d bytes wait, at most 250 may", w.Backlog())
	}
	counted := strings.NewReader(`
# HELP hub_wire_drops_total Connections ended because they did not take what was sent to them, by reason.
# TYPE hub_wire_drops_total counter
hub_wire_drops_total{reason="backlog_total"} 1
`)
	if err := testutil.GatherAndCompare(counters, counted, "hub_wire_drops_total"); err != nil {
		t.Error(err)
	}
	for _, b := range all {
		b.conn.Gone()
		b.Close()
	}
	w.Wait()
}

func TestAFrameLargerThanTheLimitPassesWhenNothingWaits(t *testing.T) {
	w := wire.New(wire.Config{MaxBacklog: 10})
	b := eager(t, w, "b")
	b.conn.Send(bytes.Repeat([]byte("x"), 100))
	settle(w, b)
	if len(b.got()) != 1 {
		t.Errorf("got %d frames", len(b.got()))
	}
}

func TestAConnectionThatIsGoneIsGoneEverywhere(t *testing.T) {
	counters := prometheus.NewRegistry()
	w := wire.New(wire.Config{Metrics: wire.NewMetrics(counters)})
	for range 500 {
		b := eager(t, w, "b")
		var both sync.WaitGroup
		both.Go(func() { b.conn.Join("x.y") })
		both.Go(func() { b.Close(); b.conn.Gone() })
		both.Wait()
	}
	w.Broadcast("x.y", []byte("x"), nil)
	w.Wait()
	none := strings.NewReader(`
# HELP hub_wire_deliveries_total Frames queued for a connection by a broadcast.
# TYPE hub_wire_deliveries_total counter
hub_wire_deliveries_total 0
`)
	if err := testutil.GatherAndCompare(counters, none, "hub_wire_deliveries_total"); err != nil {
		t.Errorf("connections are left in the channel: %v", err)
	}
}
