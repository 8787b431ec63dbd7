package memory_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/realtime-hub/hub/hub/internal/engine"
	"github.com/realtime-hub/hub/hub/internal/engine/memory"
)

// world is an engine, and all that ever was published to it.
type world struct {
	t     *rapid.T
	clock *clock
	log   *memory.Log
	told  map[string][]told // by channel, in order
	seen  []seen            // positions that somebody may come back with
	sinks map[string]*listener
}

// told is one accepted publication.
type told struct {
	id   string
	at   time.Time
	pos  engine.Position
	kept bool
}

// seen is a reader's last position: it has all of the channel's first n.
type seen struct {
	channel string
	pos     engine.Position
	n       int
	at      time.Time
}

// listener hears a channel from its join on.
type listener struct {
	ids   []string
	since time.Time
}

func (l *listener) Publication(p *engine.Publication) { l.ids = append(l.ids, p.ID) }

var retentions = []engine.Retention{{}, {Size: 1, TTL: time.Minute}, {Size: 5, TTL: time.Minute}, {Size: 5, TTL: time.Hour}, {Size: 50, TTL: time.Hour}}

func (w *world) publish(channel string, keep engine.Retention, size int) {
	p := &engine.Publication{Channel: channel, ID: fmt.Sprint(len(w.told[channel])), Payload: make([]byte, size)}
	res, err := w.log.Publish(w.t.Context(), p, engine.PublishOptions{Keep: keep})
	if err != nil {
		w.t.Fatal(err)
	}
	if keep.Keeps() != (res.Position.Epoch != "") {
		w.t.Fatalf("published with %v, it is at %v", keep, res.Position)
	}
	list := w.told[channel]
	for _, before := range list {
		if before.kept && keep.Keeps() && before.pos.Offset >= res.Position.Offset {
			w.t.Fatalf("%v comes after %v", res.Position, before.pos)
		}
	}
	w.told[channel] = append(list, told{id: p.ID, at: w.clock.now, pos: res.Position, kept: keep.Keeps()})
	if keep.Keeps() {
		w.seen = append(w.seen, seen{channel, res.Position, len(w.told[channel]), w.clock.now})
	}
}

// resume joins with a position that somebody had, and holds what comes against all
// that was ever published.
func (w *world) resume(from seen, keep engine.Retention, items, bytes int) {
	opts := engine.ReadOptions{Keep: keep, Since: &from.pos, MaxItems: items, MaxBytes: bytes}
	missed := w.told[from.channel][from.n:]
	sink := &listener{}
	err := w.log.Join(w.t.Context(), from.channel, sink, opts, func(r engine.Replay) {
		switch {
		case r.Lost == engine.TooMany:
			if len(r.Items) > 0 {
				w.t.Fatalf("%d are replayed, and it is too many", len(r.Items))
			}
		case r.Lost != "":
			w.needs(from, keep, missed, r.Lost)
		default:
			w.equal(from, missed, r.Items)
		}
		if keep.Keeps() {
			w.seen = append(w.seen, seen{from.channel, r.Position, len(w.told[from.channel]), w.clock.now})
		}
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.log.Leave(from.channel, sink)
}

// equal is the promise: what is said to be recovered is exactly what was missed.
func (w *world) equal(from seen, missed []told, items []*engine.Publication) {
	if len(items) != len(missed) {
		w.t.Fatalf("since %v %d are replayed, %d were missed", from, len(items), len(missed))
	}
	for i, p := range items {
		if p.ID != missed[i].id || p.Position != missed[i].pos {
			w.t.Fatalf("since %v comes %s at %v, not %s at %v", from, p.ID, p.Position, missed[i].id, missed[i].pos)
		}
	}
}

// needs is the other half: nothing is given up without a reason. A reader who came
// back in time, to a channel that had a listener all along, gets everything.
func (w *world) needs(from seen, keep engine.Retention, missed []told, lost engine.Lost) {
	if all := w.sinks[from.channel]; all == nil || all.since.After(from.at) || !w.roomy() {
		return
	}
	for _, m := range missed {
		if !m.kept || w.clock.now.Sub(m.at) >= time.Minute {
			return
		}
	}
	if len(missed) == 0 || keep.Size > 1 && len(missed) <= 1 {
		if from.n > 0 && !w.allKept(from.channel) {
			return
		}
		w.t.Fatalf("since %v nothing old was missed (%d), and it is %s", from, len(missed), lost)
	}
}

// allKept tells whether the channel never had a publication that was not kept.
func (w *world) allKept(channel string) bool {
	for _, p := range w.told[channel] {
		if !p.kept {
			return false
		}
	}
	return true
}

const bound = 64 << 10

func (w *world) roomy() bool { return w.log.Bytes() < bound/2 }

// Random publications, expiries, retentions, listeners and resumes: what is said to
// be recovered is all that was missed, once and in order, and what all rings take
// stays within the bound.
func TestRecoveryKeepsToItsModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := &clock{time.Unix(1000, 0)}
		w := &world{
			t: t, clock: c, told: map[string][]told{}, sinks: map[string]*listener{},
			log: memory.New(memory.Config{Now: c.read, MaxHistoryBytes: bound}),
		}
		channel := rapid.SampledFrom([]string{"a.a", "b.b", "c.c", "d.d"})
		retention := rapid.SampledFrom(retentions)
		t.Repeat(map[string]func(*rapid.T){
			"publish": func(t *rapid.T) {
				w.t = t
				name, keep := channel.Draw(t, "channel"), retention.Draw(t, "keep")
				size := rapid.SampledFrom([]int{1, 100, 3000}).Draw(t, "size")
				for range rapid.IntRange(1, 12).Draw(t, "number") {
					c.now = c.now.Add(time.Millisecond)
					w.publish(name, keep, size)
				}
			},
			"resume": func(t *rapid.T) {
				w.t = t
				if len(w.seen) == 0 {
					t.Skip("nobody has a position yet")
				}
				from := rapid.SampledFrom(w.seen).Draw(t, "from")
				w.resume(from, retention.Filter(engine.Retention.Keeps).Draw(t, "keep"),
					rapid.SampledFrom([]int{0, 3, 300}).Draw(t, "items"), rapid.SampledFrom([]int{0, 1000, 1 << 20}).Draw(t, "bytes"))
			},
			"listen": func(t *rapid.T) {
				w.t = t
				name := channel.Draw(t, "channel")
				if w.sinks[name] != nil {
					w.log.Leave(name, w.sinks[name])
					delete(w.sinks, name)
					return
				}
				w.sinks[name] = &listener{since: c.now}
				opts := engine.ReadOptions{Keep: retentions[2]}
				if err := w.log.Join(t.Context(), name, w.sinks[name], opts, func(engine.Replay) {}); err != nil {
					t.Fatal(err)
				}
			},
			"wait": func(t *rapid.T) {
				c.now = c.now.Add(rapid.SampledFrom([]time.Duration{time.Second, 40 * time.Second, time.Hour}).Draw(t, "time"))
				if rapid.Bool().Draw(t, "sweep") {
					for range 30 {
						w.log.Sweep()
					}
				}
			},
			"": func(t *rapid.T) {
				if n := w.log.Bytes(); n < 0 || n > bound {
					t.Fatalf("%d bytes are kept, of %d", n, bound)
				}
			},
		})
	})
}
