package wire_test

import (
	"testing"

	"github.com/realtime-hub/hub/hub/internal/wire"
)

// What is replayed is more than a backlog may be, and its connection lives: it
// comes before the join's own frames, and these before what is live.
func TestAReplayMayBeLargerThanABacklog(t *testing.T) {
	kinds(t, func(t *testing.T, cfg wire.Config) {
		s := newSlow(t, cfg)
		var replayed []*wire.Frame
		var want []string
		for range 12 {
			replayed = append(replayed, text(half))
			want = append(want, half)
		}
		s.c.Replay("x.y", replayed, text("ack"))
		s.broadcast("x.y", wire.SlowDisconnect, half)
		if got := s.w.Backlog(); got > 2<<20 {
			t.Errorf("%d bytes wait, the replay among them", got)
		}
		s.drains(append(want, "ack", half)...)
	})
}

// Beside its replay a connection has its backlog, and no more.
func TestBesideAReplayABacklogHasItsBound(t *testing.T) {
	kinds(t, func(t *testing.T, cfg wire.Config) {
		s := newSlow(t, cfg)
		s.c.Replay("x.y", []*wire.Frame{text(half), text(half)})
		for range 6 {
			s.broadcast("x.y", wire.SlowDisconnect, half)
		}
		s.h.ends(t, wire.ReasonBacklog)
	})
}

func TestAnEmptyReplayIsAJoin(t *testing.T) {
	kinds(t, func(t *testing.T, cfg wire.Config) {
		w, _ := start(t, cfg)
		c, p := dial(t, w, newHand())
		c.Replay("x.y", nil, text("ack"))
		w.Broadcast("x.y", wire.Message{Frame: text("live")})
		p.expect("ack", "live")
	})
}
