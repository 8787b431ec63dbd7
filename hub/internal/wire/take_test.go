package wire_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/realtime-hub/hub/hub/internal/wire"
)

// open is a connection without a socket, in a wire of one shard.
func open(t testing.TB, cfg wire.Config) (*wire.Wire, *wire.Conn, *hand) {
	t.Helper()
	cfg.Shards = 1
	w, _ := start(t, cfg)
	h := newHand()
	c := w.Open(h, false)
	return w, c, h
}

func wantGiven(t testing.TB, what string, got, want given) {
	t.Helper()
	if !slices.Equal(got.texts, want.texts) || got.last != want.last {
		t.Fatalf("%s: got %v, want %v", what, got, want)
	}
}

func TestFramesWaitUntilTheyAreTaken(t *testing.T) {
	w, c, _ := open(t, wire.Config{})
	c.Send(text("1"), text("2"))
	barrier(t, w)
	wantGiven(t, "what waited", take(t, c), given{texts: []string{"1", "2"}})
	if w.Backlog() == 0 {
		t.Error("taken frames do not count before they are handed on")
	}
	next := taking(c, 100)
	barrier(t, w)
	if n := w.Backlog(); n != 0 {
		t.Errorf("%d bytes count after they were handed on", n)
	}
	c.Send(text("3"))
	wantGiven(t, "what came", within(t, "Give", next), given{texts: []string{"3"}})
	if len(next) != 0 {
		t.Error("given twice")
	}
}

func TestATakerGetsWhatItCanHold(t *testing.T) {
	w, c, _ := open(t, wire.Config{})
	for i := range 10 {
		c.Send(text(fmt.Sprint("frame-", i))) // 7 bytes
	}
	c.Send(text(pattern(1000)))
	barrier(t, w)
	var got []string
	for range 3 {
		g := within(t, "Give", taking(c, 28))
		if len(g.texts) != 4 && len(got) < 8 {
			t.Fatalf("%d frames of 7 bytes in 28", len(g.texts))
		}
		got = append(got, g.texts...)
	}
	if len(got) != 10 {
		t.Fatalf("got %d of 10 frames, then a long one", len(got))
	}
	wantGiven(t, "a frame that is larger", within(t, "Give", taking(c, 28)), given{texts: []string{pattern(1000)}})
}

func TestASecondTakeEndsTheFirst(t *testing.T) {
	w, c, _ := open(t, wire.Config{})
	first, second := taking(c, 100), taking(c, 100)
	wantGiven(t, "the first", within(t, "Give", first), given{})
	c.Send(text("1"))
	wantGiven(t, "the second", within(t, "Give", second), given{texts: []string{"1"}})
	barrier(t, w)
	if len(first)+len(second) > 0 {
		t.Error("given twice")
	}
}

func TestTheLastFramesAreGivenAsTheLast(t *testing.T) {
	_, c, h := open(t, wire.Config{})
	c.Send(text("1"), text("2"))
	c.End(text("bye"))
	c.Send(text("too late"))
	wantGiven(t, "the first part", within(t, "Give", taking(c, 2)), given{texts: []string{"1", "2"}})
	wantGiven(t, "the last part", within(t, "Give", taking(c, 100)), given{texts: []string{"bye"}})
	wantGiven(t, "the end", within(t, "Give", taking(c, 100)), given{last: true})
	h.ends(t, wire.ReasonClosed)
	wantGiven(t, "after the end", take(t, c), given{last: true})
}

func TestAWaitingTakerHearsOfTheEnd(t *testing.T) {
	t.Run("End", func(t *testing.T) {
		_, c, _ := open(t, wire.Config{})
		g := taking(c, 100)
		c.End()
		wantGiven(t, "the last", within(t, "Give", g), given{last: true})
	})
	t.Run("Abort", func(t *testing.T) {
		_, c, h := open(t, wire.Config{})
		g := taking(c, 100)
		c.Abort(wire.ReasonGone)
		h.ends(t, wire.ReasonGone)
		wantGiven(t, "the last", within(t, "Give", g), given{last: true})
		wantGiven(t, "after the end", take(t, c), given{last: true})
	})
	t.Run("Fail", func(t *testing.T) {
		_, c, _ := open(t, wire.Config{})
		g := taking(c, 100)
		c.Fail("no")
		wantGiven(t, "the last", within(t, "Give", g), given{last: true})
	})
}

// A socket's frames are nothing for a taker: with one attached, nothing is
// given, and what a taker takes before has no close frame.
func TestASocketTakesEverythingItself(t *testing.T) {
	kinds(t, func(t *testing.T, cfg wire.Config) {
		w, c, _ := open(t, cfg)
		waiting := taking(c, 100)
		barrier(t, w)
		p := attach(t, c)
		wantGiven(t, "at the attaching", within(t, "Give", waiting), given{})
		wantGiven(t, "with a socket", take(t, c), given{})
		c.Send(text("1"))
		c.End()
		p.expect("1")
		p.closing(normal)
	})
}

// A ping that came with the handshake is answered before the socket is there,
// and the answer is none of a taker's business.
func TestATakerGetsNoControlFrames(t *testing.T) {
	kinds(t, func(t *testing.T, cfg wire.Config) {
		cfg.MaxBacklog = 2 // so that every frame is a round of its own
		_, c, _ := open(t, cfg)
		waiting := taking(c, 100)
		server, client := pair(t)
		p := newPeer(t, client)
		c.Attach(server, masked(opPing, "early"))
		wantGiven(t, "at the attaching", within(t, "Give", waiting), given{})
		c.Send(text("1"))
		c.End()
		if got := p.all(); !slices.Equal(got, []string{"1"}) {
			t.Errorf("got %v", got)
		}
	})
}

func TestAnEndWithoutASocketIsTakenOrTimesOut(t *testing.T) {
	w, c, h := open(t, fast(wire.Config{}))
	c.Send(text("nobody takes this"))
	c.End()
	h.ends(t, wire.ReasonClosed)
	if n := w.Backlog(); n != 0 {
		t.Errorf("%d bytes of a connection that ended", n)
	}
}
