package wire_test

import (
	"testing"

	"github.com/realtime-hub/hub/hub/internal/wire"
)

func status(t *testing.T, c *wire.Conn) wire.Status {
	t.Helper()
	told := make(chan wire.Status, 2) // two, so that a second answer is seen and does not block
	c.Status(func(s wire.Status) { told <- s })
	return within(t, "the status", told)
}

func TestAStatusSaysWhatWaitsAndWhatWasLeftOut(t *testing.T) {
	for name, test := range map[string]struct {
		slow   wire.Slow
		frames int
		want   string
	}{
		"nothing was left out": {wire.SlowDrop, 1, ""},
		"dropped":              {wire.SlowDrop, 6, "drop"},
		"replaced":             {wire.SlowLatest, 2, "latest"},
	} {
		t.Run(name, func(t *testing.T) {
			kinds(t, func(t *testing.T, cfg wire.Config) {
				s := newSlow(t, cfg)
				s.c.Join("x.y")
				for range test.frames {
					s.broadcast("x.y", test.slow, half)
				}
				if got := status(t, s.c); got.Skipped != test.want || got.Backlog < len(half) {
					t.Errorf("got %+v, want %q and a backlog", got, test.want)
				}
				idle := s.w.Open(newHand(), false)
				if got := status(t, idle); got != (wire.Status{}) {
					t.Errorf("an idle connection: %+v", got)
				}
			})
		})
	}
}

// Whoever asks waits: an answer comes also when nobody looks any more.
func TestAStatusIsToldByAWireThatHasEnded(t *testing.T) {
	w, stop := start(t, wire.Config{})
	h := newHand()
	c, _ := dial(t, w, h)
	stop()
	h.ends(t, wire.ReasonShutdown)
	if got := status(t, c); got != (wire.Status{}) {
		t.Errorf("got %+v", got)
	}
}
