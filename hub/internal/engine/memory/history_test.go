package memory_test

import (
	"bytes"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/realtime-hub/hub/hub/internal/engine"
	"github.com/realtime-hub/hub/hub/internal/engine/memory"
)

// clock is one that a test moves.
type clock struct{ now time.Time }

func (c *clock) read() time.Time { return c.now }

func publish(t testing.TB, l *memory.Log, channel string, size int, keep engine.Retention) engine.Position {
	t.Helper()
	p := &engine.Publication{Channel: channel, Payload: bytes.Repeat([]byte("x"), size)}
	res, err := l.Publish(t.Context(), p, engine.PublishOptions{Keep: keep})
	if err != nil {
		t.Fatal(err)
	}
	return res.Position
}

// since is how many are replayed since a position, and why not.
func since(t *testing.T, l *memory.Log, channel string, keep engine.Retention, at engine.Position) (n int, lost engine.Lost) {
	t.Helper()
	sink := &nobody{}
	opts := engine.ReadOptions{Keep: keep, Since: &at, MaxItems: 1 << 20, MaxBytes: 1 << 30}
	if err := l.Join(t.Context(), channel, sink, opts, func(r engine.Replay) { n, lost = len(r.Items), r.Lost }); err != nil {
		t.Fatal(err)
	}
	l.Leave(channel, sink)
	return n, lost
}

func TestWhatIsTooOldIsNotReplayedAndLosesItsMemory(t *testing.T) {
	for name, listener := range map[string]bool{"somebody listens": true, "nobody does": false} {
		t.Run(name, func(t *testing.T) {
			c := &clock{time.Unix(1000, 0)}
			l := memory.New(memory.Config{Now: c.read})
			keep := engine.Retention{Size: 10, TTL: time.Minute}
			if listener {
				if err := l.Join(t.Context(), "x.y", &nobody{}, engine.ReadOptions{Keep: keep}, func(engine.Replay) {}); err != nil {
					t.Fatal(err)
				}
			}
			first := publish(t, l, "x.y", 1, keep)
			c.now = c.now.Add(30 * time.Second)
			second := publish(t, l, "x.y", 1, keep)
			c.now = c.now.Add(30*time.Second - 1)
			if n, lost := since(t, l, "x.y", keep, first); n != 1 || lost != "" {
				t.Errorf("within its time: %d, %q", n, lost)
			}
			c.now = c.now.Add(30*time.Second + 1)
			for range 30 { // half a minute of the server's ticks
				l.Sweep()
			}
			if l.Bytes() != 0 {
				t.Errorf("%d bytes are kept of what has expired", l.Bytes())
			}
			if n, lost := since(t, l, "x.y", keep, first); n != 0 || lost != engine.Expired {
				t.Errorf("beyond its time: %d, %q", n, lost)
			}
			if n, lost := since(t, l, "x.y", keep, second); n != 0 || lost != "" {
				t.Errorf("who has seen the last, and comes back in time: %d, %q", n, lost)
			}
			third := publish(t, l, "x.y", 1, keep)
			if third.Offset <= second.Offset {
				t.Errorf("the offset %d comes after %d", third.Offset, second.Offset)
			}
		})
	}
}

// A ring that is gone must not be mistaken for a new one that begins behind it.
func TestAPositionOfARingThatIsGoneProvesNothing(t *testing.T) {
	c := &clock{time.Unix(1000, 0)}
	l := memory.New(memory.Config{Now: c.read})
	keep := engine.Retention{Size: 10, TTL: time.Minute}
	seen := publish(t, l, "x.y", 1, keep)
	publish(t, l, "x.y", 1, keep) // is missed, and expires
	c.now = c.now.Add(time.Hour)
	for range 30 {
		l.Sweep()
	}
	publish(t, l, "x.y", 1, keep)
	if n, lost := since(t, l, "x.y", keep, seen); lost != engine.Expired {
		t.Errorf("replayed %d over a gap, %q", n, lost)
	}
}

func TestARetentionThatChangesHoldsAtOnce(t *testing.T) {
	l := memory.New(memory.Config{})
	wide, narrow := engine.Retention{Size: 10, TTL: time.Hour}, engine.Retention{Size: 3, TTL: time.Hour}
	var at []engine.Position
	for range 10 {
		at = append(at, publish(t, l, "x.y", 1, wide))
	}
	if n, lost := since(t, l, "x.y", narrow, at[6]); n != 3 || lost != "" {
		t.Errorf("the newest three: %d, %q", n, lost)
	}
	if _, lost := since(t, l, "x.y", wide, at[5]); lost != engine.Expired {
		t.Errorf("what was given up comes back: %q", lost)
	}
}

// Strangers can join as many channels as they like, and leave nothing for long.
func TestRingsThatNobodyNeedsAreBounded(t *testing.T) {
	c := &clock{time.Unix(1000, 0)}
	l := memory.New(memory.Config{Now: c.read})
	keep := engine.Retention{Size: 10, TTL: time.Hour}
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	sink := &nobody{}
	for i := range 500_000 {
		name := fmt.Sprintf("x.%d", i)
		if err := l.Join(t.Context(), name, sink, engine.ReadOptions{Keep: keep}, func(engine.Replay) {}); err != nil {
			t.Fatal(err)
		}
		l.Leave(name, sink)
	}
	const most = 24 << 20
	if took := heap() - before; took > most {
		t.Errorf("%d bytes are left of channels that nobody listens to, at most %d", took, most)
	}
	c.now = c.now.Add(time.Hour)
	for range 30 {
		l.Sweep()
	}
	const rest = 6 << 20 // Go's maps keep what they grew to
	if took := heap() - before; took > rest {
		t.Errorf("%d bytes are left after their time, at most %d", took, rest)
	}
	runtime.KeepAlive(l)
}

// All channels share one bound, and the oldest go first, whosever they are.
func TestBeyondTheBoundTheOldestOfAllGoFirst(t *testing.T) {
	const size, channels, each = 1000, 50, 20
	c := &clock{time.Unix(1000, 0)}
	l := memory.New(memory.Config{Now: c.read, MaxHistoryBytes: channels * each / 2 * (size + 500)})
	keep := engine.Retention{Size: 1000, TTL: time.Hour}
	var last []engine.Position
	for range each {
		last = last[:0]
		for i := range channels {
			c.now = c.now.Add(time.Millisecond)
			last = append(last, publish(t, l, fmt.Sprintf("x.%d", i), size, keep))
		}
	}
	bound := int64(channels * each / 2 * (size + 500))
	if l.Bytes() > bound || l.Bytes() < bound*9/10 {
		t.Errorf("%d bytes are kept, the bound is %d", l.Bytes(), bound)
	}
	least, most := each, 0
	for i := range channels {
		h, err := l.History(t.Context(), fmt.Sprintf("x.%d", i), engine.ReadOptions{Keep: keep, MaxItems: 1000, MaxBytes: 1 << 30})
		if err != nil {
			t.Fatal(err)
		}
		if h.Position != last[i] {
			t.Errorf("channel %d is at %v, not %v", i, h.Position, last[i])
		}
		least, most = min(least, len(h.Items)), max(most, len(h.Items))
	}
	if most-least > 1 || least == 0 {
		t.Errorf("channels keep from %d to %d", least, most)
	}
}

// What Bytes counts is what the process has, within a tenth: the bound is one of
// memory. Ids, payloads and frames of the size they have in use.
func TestBytesAreThoseOfTheHeap(t *testing.T) {
	const messages, channels = 20_000, 200
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	l := memory.New(memory.Config{})
	keep := engine.Retention{Size: 100, TTL: time.Hour}
	before := heap()
	for i := range messages {
		name := fmt.Sprintf("x.%d", i%channels)
		frame := &struct { // as the door's: the payload is a part of what a browser gets
			bytes   []byte
			payload int
			channel string
		}{bytes: make([]byte, 128+130)}
		p := &engine.Publication{Channel: name, ID: fmt.Sprintf("%026d", i), Payload: frame.bytes[50 : 50+128], Frame: frame}
		if _, err := l.Publish(t.Context(), p, engine.PublishOptions{Keep: keep}); err != nil {
			t.Fatal(err)
		}
	}
	took, counted := heap()-before, l.Bytes()
	t.Logf("%d bytes a message beyond its payload, counted %d", took/messages-128, counted/messages-128)
	if took > counted*115/100 || took < counted*85/100 {
		t.Errorf("%d bytes are counted and %d were taken", counted, took)
	}
	runtime.KeepAlive(l)
}

func BenchmarkPublishKept(b *testing.B) {
	l := memory.New(memory.Config{})
	keep := engine.Retention{Size: 100, TTL: time.Hour}
	if err := l.Join(b.Context(), "x.y", &nobody{}, engine.ReadOptions{Keep: keep}, func(engine.Replay) {}); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		publish(b, l, "x.y", 128, keep)
	}
}

func BenchmarkReplay(b *testing.B) {
	l := memory.New(memory.Config{})
	keep := engine.Retention{Size: 1000, TTL: time.Hour}
	var at engine.Position
	for range 101 {
		if p := publish(b, l, "x.y", 128, keep); at.Epoch == "" {
			at = p
		}
	}
	opts := engine.ReadOptions{Keep: keep, Since: &at, MaxItems: 300, MaxBytes: 1 << 20}
	sink := &nobody{}
	b.ReportAllocs()
	for b.Loop() {
		if err := l.Join(b.Context(), "x.y", sink, opts, func(engine.Replay) {}); err != nil {
			b.Fatal(err)
		}
		l.Leave("x.y", sink)
	}
}
