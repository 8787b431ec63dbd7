package enginetest

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/realtime-hub/hub/hub/internal/engine"
	"github.com/realtime-hub/hub/hub/internal/fault"
)

// kept is a retention that no test of the suite outlives.
func kept(size int) engine.Retention { return engine.Retention{Size: size, TTL: time.Hour} }

func keep(t *testing.T, l engine.Log, channel, id string, r engine.Retention) engine.Position {
	t.Helper()
	p := &engine.Publication{Channel: channel, ID: id, Payload: []byte("{}"), Except: []string{"nobody"}}
	res, err := l.Publish(t.Context(), p, engine.PublishOptions{Keep: r})
	if err != nil {
		t.Fatalf("publish %s to %s: %v", id, channel, err)
	}
	return res.Position
}

// keepMany publishes the numbers and has their positions.
func keepMany(t *testing.T, l engine.Log, channel string, from, to int, r engine.Retention) []engine.Position {
	t.Helper()
	var out []engine.Position
	for i := from; i < to; i++ {
		out = append(out, keep(t, l, channel, fmt.Sprint(i), r))
	}
	return out
}

func resume(t *testing.T, l engine.Log, channel string, s engine.Sink, r engine.Retention, since *engine.Position) engine.Replay {
	t.Helper()
	var replay engine.Replay
	opts := engine.ReadOptions{Keep: r, Since: since, MaxItems: 300, MaxBytes: 1 << 20}
	if err := l.Join(t.Context(), channel, s, opts, func(got engine.Replay) { replay = got }); err != nil {
		t.Fatalf("join %s: %v", channel, err)
	}
	return replay
}

func ids(items []*engine.Publication) []string {
	out := make([]string, len(items))
	for i, p := range items {
		out[i] = p.ID
	}
	return out
}

func numbers(from, to int) []string {
	var out []string
	for i := from; i < to; i++ {
		out = append(out, fmt.Sprint(i))
	}
	return out
}

func replays(t *testing.T, l engine.Log) {
	r := kept(100)
	at := keepMany(t, l, "x.y", 0, 10, r)
	for i := 1; i < len(at); i++ {
		if at[i].Epoch == "" || at[i].Epoch != at[0].Epoch || at[i].Offset <= at[i-1].Offset {
			t.Fatalf("%v comes after %v", at[i], at[i-1])
		}
	}
	for i := range at {
		got := resume(t, l, "x.y", &recorder{}, r, &at[i])
		if got.Lost != "" || !slices.Equal(ids(got.Items), numbers(i+1, 10)) || got.Position != at[9] {
			t.Errorf("since %d: %v, %q, at %v", i, ids(got.Items), got.Lost, got.Position)
		}
		for j, p := range got.Items {
			if p.Position != at[i+1+j] {
				t.Errorf("%s is replayed at %v, and was at %v", p.ID, p.Position, at[i+1+j])
			}
		}
	}
	if got := resume(t, l, "x.y", &recorder{}, r, nil); got.Items != nil || got.Position != at[9] {
		t.Errorf("without a position: %v at %v", ids(got.Items), got.Position)
	}
	// Where nothing was published yet there is a position too, which the first message follows.
	empty := resume(t, l, "x.empty", &recorder{}, r, nil).Position
	keep(t, l, "x.empty", "first", r)
	if got := resume(t, l, "x.empty", &recorder{}, r, &empty); got.Lost != "" || !slices.Equal(ids(got.Items), []string{"first"}) {
		t.Errorf("after an empty channel's position: %v, %q", ids(got.Items), got.Lost)
	}
}

func duplicatesPosition(t *testing.T, l engine.Log) {
	publish := func() engine.PublishResult {
		t.Helper()
		res, err := l.Publish(t.Context(), &engine.Publication{Channel: "x.y", ID: "a"}, engine.PublishOptions{Once: true, Keep: kept(10)})
		if err != nil {
			t.Fatal(err)
		}
		return res
	}
	first := publish()
	keep(t, l, "x.y", "b", kept(10))
	if again := publish(); !again.Duplicate || again.Position != first.Position {
		t.Errorf("first %v, again %v", first, again)
	}
}

// replayIsAtomic has sinks that come and go while others publish: each has its
// replays and what it heard live, together everything once and in order.
func replayIsAtomic(t *testing.T, l engine.Log) {
	const messages, readers = 3000, 8
	r := kept(messages)
	begin := resume(t, l, "x.y", &recorder{}, r, nil).Position
	var all sync.WaitGroup
	all.Go(func() {
		for i := range messages {
			keep(t, l, "x.y", fmt.Sprint(i), r)
		}
	})
	for range readers {
		all.Go(func() {
			reader := &comer{t: t, l: l, keep: r, last: begin}
			for more := true; more && len(reader.got) < messages; {
				more = reader.visit(messages)
			}
			if !slices.Equal(reader.got, numbers(0, messages)) {
				t.Errorf("a reader got %d, not each once and in order", len(reader.got))
			}
		})
	}
	all.Wait()
}

// comer is a sink that comes and goes, and what it got so far.
type comer struct {
	t    *testing.T
	l    engine.Log
	keep engine.Retention
	last engine.Position
	got  []string
}

// visit resumes, hears a few and leaves. It tells whether that went well.
func (c *comer) visit(most int) bool {
	s := &recorder{}
	opts := engine.ReadOptions{Keep: c.keep, Since: &c.last, MaxItems: most, MaxBytes: most * 2}
	complete := true
	err := c.l.Join(c.t.Context(), "x.y", s, opts, func(replay engine.Replay) {
		complete = replay.Lost == "" && len(s.ids()) == 0
		for _, p := range replay.Items {
			c.got, c.last = append(c.got, p.ID), p.Position
		}
	})
	if err != nil || !complete {
		c.t.Errorf("a reader could not resume: %v, complete %v", err, complete)
		return false
	}
	for len(s.ids()) < 5 && len(c.got)+len(s.ids()) < most {
		runtime.Gosched()
	}
	c.l.Leave("x.y", s)
	for _, p := range s.heard {
		c.got, c.last = append(c.got, p.ID), p.Position
	}
	return true
}

func notProven(t *testing.T, l engine.Log) {
	r := kept(5)
	at := keepMany(t, l, "x.y", 0, 10, r)
	for _, c := range []struct {
		name  string
		since engine.Position
		lost  engine.Lost
		most  int
	}{
		{"another epoch", engine.Position{Epoch: "another", Offset: at[9].Offset}, engine.EpochChanged, 300},
		{"no epoch", engine.Position{Offset: at[9].Offset}, engine.EpochChanged, 300},
		{"the future", engine.Position{Epoch: at[9].Epoch, Offset: at[9].Offset + 1}, engine.EpochChanged, 300},
		{"before the ring", at[3], engine.Expired, 300},
		{"right before the ring", at[4], "", 300},
		{"more than a replay has", at[4], engine.TooMany, 4},
		{"as many", at[4], "", 5},
	} {
		var got engine.Replay
		opts := engine.ReadOptions{Keep: r, Since: &c.since, MaxItems: c.most, MaxBytes: 1 << 20}
		if err := l.Join(t.Context(), "x.y", &recorder{}, opts, func(replay engine.Replay) { got = replay }); err != nil {
			t.Fatal(err)
		}
		if got.Lost != c.lost || (c.lost != "") != (got.Items == nil) || got.Position != at[9] {
			t.Errorf("%s: %q, %v, at %v", c.name, got.Lost, ids(got.Items), got.Position)
		}
	}
	tooBig := engine.ReadOptions{Keep: r, Since: &at[4], MaxItems: 300, MaxBytes: 9} // five times {}
	if err := l.Join(t.Context(), "x.y", &recorder{}, tooBig, func(got engine.Replay) {
		if got.Lost != engine.TooMany {
			t.Errorf("too many bytes: %q", got.Lost)
		}
	}); err != nil {
		t.Fatal(err)
	}
	// What is published without being kept leaves a gap that no position may span.
	publish(t, l, "x.y", "not kept", false)
	if got := resume(t, l, "x.y", &recorder{}, r, &at[9]); got.Lost == "" {
		t.Errorf("over what was not kept: %v", ids(got.Items))
	}
}

func pages(t *testing.T, l engine.Log) {
	r := kept(7)
	at := keepMany(t, l, "x.y", 0, 10, r)
	var got []string
	var since *engine.Position
	for len(got) < 7 {
		page, err := l.History(t.Context(), "x.y", page3(r, since))
		if err != nil || len(page.Items) == 0 || len(page.Items) > 3 || page.Position != at[9] {
			t.Fatalf("a page: %v, %v", page, err)
		}
		for _, p := range page.Items {
			got = append(got, p.ID)
		}
		since = &page.Items[len(page.Items)-1].Position
	}
	if !slices.Equal(got, numbers(3, 10)) {
		t.Errorf("the pages have %v", got)
	}
	if page, err := l.History(t.Context(), "x.y", page3(r, since)); err != nil || len(page.Items) > 0 {
		t.Errorf("after the last: %v, %v", page, err)
	}
	small := engine.ReadOptions{Keep: r, MaxItems: 3, MaxBytes: 3} // {} and a half
	if page, err := l.History(t.Context(), "x.y", small); err != nil || len(page.Items) != 1 {
		t.Errorf("a page of few bytes: %v, %v", page, err)
	}
	if _, err := l.History(t.Context(), "x.y", page3(r, &at[1])); !fault.Is(err, fault.PositionUnrecoverable) {
		t.Errorf("from before the ring: %v", err)
	}
	if page, err := l.History(t.Context(), "x.nothing", page3(r, nil)); err != nil || len(page.Items) > 0 || page.Position.Epoch == "" {
		t.Errorf("of an empty channel: %v, %v", page, err)
	}
}

func page3(r engine.Retention, since *engine.Position) engine.ReadOptions {
	return engine.ReadOptions{Keep: r, Since: since, MaxItems: 3, MaxBytes: 1 << 20}
}

func exceptionsAreLive(t *testing.T, l engine.Log) {
	s := &recorder{}
	begin := resume(t, l, "x.y", s, kept(5), nil).Position
	keep(t, l, "x.y", "1", kept(5))
	if got := s.heard[0].Except; !slices.Equal(got, []string{"nobody"}) {
		t.Errorf("live except %v", got)
	}
	if got := resume(t, l, "x.y", &recorder{}, kept(5), &begin); len(got.Items) != 1 || got.Items[0].Except != nil {
		t.Errorf("replayed %v", got.Items)
	}
}
