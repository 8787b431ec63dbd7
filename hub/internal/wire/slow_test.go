package wire_test

import (
	"fmt"
	"runtime"
	"slices"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/realtime-hub/hub/hub/internal/wire"
)

// spare is more than headers need, and less than the system's buffers take:
// what is there counts as written by epoll, and as waiting by a goroutine
// until its write is over.
const spare = 64 << 10

// slow is a wire of one shard whose backlogs are 2 MiB, with its counters, and
// a socket that takes nothing more: a plug of 1 MiB is in its way.
type slow struct {
	t        *testing.T
	w        *wire.Wire
	c        *wire.Conn
	h        *hand
	p        *peer
	counters *prometheus.Registry
}

var plug = pattern(1 << 20)

func newSlow(t *testing.T, cfg wire.Config) *slow {
	t.Helper()
	s := &slow{t: t, h: newHand(), counters: prometheus.NewRegistry()}
	cfg.Shards, cfg.Metrics = 1, wire.NewMetrics(s.counters)
	if cfg.MaxBacklog == 0 {
		cfg.MaxBacklog = 2<<20 + spare
	}
	cfg.Gap = func(channel string, first *wire.Frame) *wire.Frame {
		return text(fmt.Sprintf("gap in %s, first %.2s", channel, first.Payload()))
	}
	s.w, _ = start(t, cfg)
	s.c, s.p = dial(t, s.w, s.h)
	s.c.Send(text(plug))
	barrier(t, s.w)
	eventually(t, "a backlog", func() bool { return s.w.Backlog() > 0 })
	return s
}

func (s *slow) broadcast(channel string, slow wire.Slow, frames ...string) {
	for _, f := range frames {
		s.w.Broadcast(channel, wire.Message{Frame: text(f), Slow: slow})
		barrier(s.t, s.w) // a round of its own
	}
}

// counted compares a counter with a label.
func (s *slow) counted(name, reason string, want int) {
	s.t.Helper()
	families, err := s.counters.Gather()
	if err != nil {
		s.t.Fatal(err)
	}
	got := 0
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name && len(m.GetLabel()) == 1 && m.GetLabel()[0].GetValue() == reason {
				got = int(m.GetCounter().GetValue())
			}
		}
	}
	if got != want {
		s.t.Errorf("%s of %s is %d, want %d", name, reason, got, want)
	}
}

// drains takes what waits, and then the end.
func (s *slow) drains(want ...string) {
	s.t.Helper()
	s.p.expect(plug)
	s.p.expect(want...)
	eventually(s.t, "an empty backlog", func() bool { return s.w.Backlog() == 0 })
	s.c.End()
	s.p.closing(normal)
	s.p.nc.Close()
	s.h.ends(s.t, wire.ReasonClosed)
}

var half = pattern(512 << 10)

func TestASlowConnectionIsDroppedAndNobodyElse(t *testing.T) {
	kinds(t, func(t *testing.T, cfg wire.Config) {
		s := newSlow(t, cfg)
		quick, p := dial(t, s.w, newHand())
		s.c.Join("x.y")
		quick.Join("x.y")
		for range 6 {
			s.broadcast("x.y", wire.SlowDisconnect, half)
			p.expect(half)
		}
		s.h.ends(t, wire.ReasonBacklog)
		s.counted("hub_wire_drops_total", "backlog", 1)
		eventually(t, "an empty backlog", func() bool { return s.w.Backlog() == 0 })
	})
}

func TestWhatASlowConnectionIsSentAloneEndsIt(t *testing.T) {
	kinds(t, func(t *testing.T, cfg wire.Config) {
		s := newSlow(t, cfg)
		for range 6 {
			s.c.Send(text(half))
		}
		s.h.ends(t, wire.ReasonBacklog)
	})
}

func TestWhatIsDroppedIsToldWhenTheBacklogIsGone(t *testing.T) {
	kinds(t, func(t *testing.T, cfg wire.Config) {
		s := newSlow(t, cfg)
		for _, ch := range []string{"a.a", "b.b", "c.c", "d.d"} {
			s.c.Join(ch)
		}
		s.broadcast("a.a", wire.SlowDrop, half, half, half, "a small") // the third does not fit, and nothing overtakes it
		s.broadcast("b.b", wire.SlowDrop, half)                        // does not fit
		s.broadcast("c.c", wire.SlowDrop, "c small")
		s.broadcast("d.d", wire.SlowDrop, half)
		s.c.Leave("d.d") // whose gap is nobody's any more
		s.p.expect(plug)
		s.p.expect(half, half, "c small")
		gaps := []string{s.p.text(), s.p.text()}
		slices.Sort(gaps)
		if !slices.Equal(gaps, []string{"gap in a.a, first " + half[:2], "gap in b.b, first " + half[:2]}) {
			t.Errorf("got %.100q", gaps)
		}
		s.counted("hub_wire_skipped_total", "drop", 4)
		s.broadcast("a.a", wire.SlowDrop, "after")
		s.p.expect("after")
		s.c.End()
		s.p.closing(normal)
	})
}

// What is about the channel, and no message of it, does not hide which message was
// the first that is missing.
func TestTheGapBeginsWithTheFirstMessage(t *testing.T) {
	for name, test := range map[string]struct {
		dropped string // a for aside, m for a message
		first   string
	}{
		"asides alone": {"aa", "a1"}, "messages first": {"mam", "m1"}, "messages later": {"aamam", "m3"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSlow(t, wire.Config{})
			s.c.Join("a.a")
			s.broadcast("a.a", wire.SlowDrop, half, half) // after which half of that does not fit
			for i, kind := range test.dropped {
				f := text(fmt.Sprint(string(kind), i+1, half))
				s.w.Broadcast("a.a", wire.Message{Frame: f, Slow: wire.SlowDrop, Aside: kind == 'a'})
				barrier(t, s.w)
			}
			s.p.expect(plug, half, half, "gap in a.a, first "+test.first)
			s.c.End()
			s.p.closing(normal)
		})
	}
}

func TestTheLatestReplacesTheOneThatWaits(t *testing.T) {
	kinds(t, func(t *testing.T, cfg wire.Config) {
		s := newSlow(t, cfg)
		for _, ch := range []string{"price.a", "price.b", "x.y"} {
			s.c.Join(ch)
		}
		s.broadcast("x.y", wire.SlowDisconnect, "1")
		s.broadcast("price.a", wire.SlowLatest, "a1")
		s.broadcast("x.y", wire.SlowDisconnect, "2")
		s.broadcast("price.b", wire.SlowLatest, "b1")
		for i := range 20 { // however many there are, one waits
			s.w.Broadcast("price.a", wire.Message{Frame: text(fmt.Sprint("a", i, half)), Slow: wire.SlowLatest})
		}
		s.broadcast("price.b", wire.SlowLatest, "b2")
		s.c.Send(text("3"))
		s.drains("1", fmt.Sprint("a", 19, half), "2", "b2", "3")
		s.counted("hub_wire_skipped_total", "latest", 21)
	})
}

func TestTheLatestThatDoesNotFitEndsTheConnection(t *testing.T) {
	t.Run("where none waits", func(t *testing.T) {
		s := newSlow(t, wire.Config{})
		s.c.Join("price.a")
		s.broadcast("price.a", wire.SlowLatest, pattern(2<<20))
		s.h.ends(t, wire.ReasonBacklog)
	})
	t.Run("where a smaller one waits", func(t *testing.T) {
		s := newSlow(t, wire.Config{})
		s.c.Join("price.a")
		s.broadcast("price.a", wire.SlowLatest, "small", pattern(2<<20))
		s.h.ends(t, wire.ReasonBacklog)
	})
}

// A frame that has begun to leave cannot be replaced: the next one waits
// behind it.
func TestTheLatestDoesNotReplaceWhatHasBegunToLeave(t *testing.T) {
	kinds(t, func(t *testing.T, cfg wire.Config) {
		cfg.Shards, cfg.MaxBacklog = 1, 8<<20
		w, _ := start(t, cfg)
		c, p := dial(t, w, newHand())
		c.Join("price.a")
		big := pattern(2 << 20)
		for _, f := range []string{big, "2", "3", "4"} {
			w.Broadcast("price.a", wire.Message{Frame: text(f), Slow: wire.SlowLatest})
			barrier(t, w)
		}
		p.expect(big, "4")
		c.End()
		p.closing(normal)
	})
}

func TestTheLargestBacklogGoesFirst(t *testing.T) {
	kinds(t, func(t *testing.T, cfg wire.Config) {
		cfg.MaxBacklog, cfg.MaxBacklogTotal = 64<<20, 4<<20+spare
		s := newSlow(t, cfg) // 1 MiB
		var hands []*hand
		for i := range 3 { // 1.5, 1 and 0.5 MiB without a socket
			h := newHand()
			hands = append(hands, h)
			c := s.w.Open(h, false)
			for range 3 - i {
				c.Send(text(half))
			}
			barrier(t, s.w)
		}
		s.c.Send(text(half), text(half), text(half)) // 2.5 MiB now, less what the buffers took
		s.h.ends(t, wire.ReasonBacklogTotal)
		s.counted("hub_wire_drops_total", "backlog_total", 1)
		for _, h := range hands {
			if h.closes.Load() > 0 {
				t.Error("a smaller one went too")
			}
		}
		if got := s.w.Backlog(); got < 3<<20 || got > 3<<20+spare {
			t.Errorf("%d bytes wait", got)
		}
	})
}

func TestAFrameLargerThanTheLimitPassesWhenNothingWaits(t *testing.T) {
	kinds(t, func(t *testing.T, cfg wire.Config) {
		cfg.MaxBacklog = 1000
		w, _ := start(t, cfg)
		c, p := dial(t, w, newHand())
		c.Send(text(plug))
		p.expect(plug)
		eventually(t, "an empty backlog", func() bool { return w.Backlog() == 0 })
		c.Send(text(plug))
		p.expect(plug)
	})
}

// A round is never more than a backlog: whoever keeps up is not slow, however
// low the limit is. (A goroutine's writes are not over when the round is.)
func TestALowLimitDropsNobodyWhoKeepsUp(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("no epoll")
	}
	w, _ := start(t, wire.Config{MaxBacklog: 1000})
	c, p := dial(t, w, newHand())
	c.Join("x.y")
	for range 20 {
		for range 100 {
			w.Broadcast("x.y", wire.Message{Frame: text(pattern(100))})
		}
		for range 100 {
			p.expect(pattern(100))
		}
	}
}
