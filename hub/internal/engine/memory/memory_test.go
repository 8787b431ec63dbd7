package memory_test

import (
	"fmt"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/realtime-hub/hub/hub/internal/engine"
	"github.com/realtime-hub/hub/hub/internal/engine/enginetest"
	"github.com/realtime-hub/hub/hub/internal/engine/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestDriverKeepsTheEnginesPromises(t *testing.T) {
	enginetest.Run(t, func(*testing.T) engine.Log { return memory.New(memory.Config{}) })
}

func duplicate(t *testing.T, l *memory.Log, id string) bool {
	t.Helper()
	res, err := l.Publish(t.Context(), &engine.Publication{Channel: "x.y", ID: id}, engine.PublishOptions{Once: true})
	if err != nil {
		t.Fatal(err)
	}
	return res.Duplicate
}

func TestAnIDIsForgottenAfterFiveMinutes(t *testing.T) {
	now := time.Unix(1000, 0)
	l := memory.New(memory.Config{Now: func() time.Time { return now }})
	duplicate(t, l, "a")
	now = now.Add(5*time.Minute - time.Nanosecond)
	if !duplicate(t, l, "a") {
		t.Error("forgotten early")
	}
	now = now.Add(time.Nanosecond)
	if duplicate(t, l, "a") {
		t.Error("remembered for longer than promised")
	}
}

func TestTheNewestIDsAreRemembered(t *testing.T) {
	const most = 100
	l := memory.New(memory.Config{MaxIDs: most})
	for i := range 3 * most {
		if duplicate(t, l, fmt.Sprint(i)) {
			t.Fatalf("%d is new", i)
		}
	}
	for i := 2 * most; i < 3*most; i++ {
		if !duplicate(t, l, fmt.Sprint(i)) {
			t.Errorf("%d is among the newest %d and was forgotten", i, most)
		}
	}
	if duplicate(t, l, fmt.Sprint(2*most-1)) {
		t.Error("more are remembered than the limit")
	}
}

func TestNoPairOfChannelAndIDPosesAsAnother(t *testing.T) {
	l := memory.New(memory.Config{})
	for _, p := range []engine.Publication{{Channel: "x.y", ID: "za"}, {Channel: "x.yz", ID: "a"}} {
		res, err := l.Publish(t.Context(), &p, engine.PublishOptions{Once: true})
		if err != nil || res.Duplicate {
			t.Errorf("%v: duplicate %v, %v", p, res.Duplicate, err)
		}
	}
}

type nobody struct{ heard int }

func (n *nobody) Publication(*engine.Publication) { n.heard++ }

func BenchmarkPublish(b *testing.B) {
	for _, once := range []bool{false, true} {
		b.Run(fmt.Sprintf("once=%v", once), func(b *testing.B) {
			l := memory.New(memory.Config{})
			sink := &nobody{}
			if err := l.Join(b.Context(), "x.y", sink, engine.ReadOptions{}, func(engine.Replay) {}); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				i++
				p := &engine.Publication{Channel: "x.y", ID: fmt.Sprint(i)}
				if _, err := l.Publish(b.Context(), p, engine.PublishOptions{Once: once}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
