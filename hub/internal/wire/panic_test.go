package wire_test

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/realtime-hub/hub/hub/internal/wire"
)

// journal is a log that a test can look at.
type journal struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(b)
}

func (j *journal) count(s string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Count(j.b.String(), s)
}

// panicking is a handler that does.
type panicking struct {
	*hand
	where string
}

func (p panicking) Message(data []byte, binary bool) bool {
	if p.where == "Message" {
		panic("in Message")
	}
	return p.hand.Message(data, binary)
}

func (p panicking) Closed(why wire.Reason) {
	p.hand.Closed(why)
	if p.where == "Closed" {
		panic("in Closed")
	}
}

func TestAPanicEndsOneConnection(t *testing.T) {
	kinds(t, func(t *testing.T, cfg wire.Config) {
		log := new(journal)
		cfg.Log, cfg.Shards = slog.New(slog.NewTextHandler(log, nil)), 1
		w, stop := start(t, cfg)
		other, pother := dial(t, w, newHand())
		other.Join("x.y")

		h := newHand()
		c := w.Open(panicking{h, "Message"}, false)
		attach(t, c).send(opText, "1")
		h.ends(t, wire.ReasonInternal)

		h = newHand()
		c = w.Open(panicking{h, "Closed"}, false)
		p := attach(t, c)
		c.Abort(wire.ReasonGone)
		h.ends(t, wire.ReasonGone)
		p.end()

		h = newHand()
		c = w.Open(h, false)
		c.SetName("giving")
		c.Take(wire.Taker{Max: 10, Give: func([]*wire.Frame, bool) { panic("in Give") }})
		c.Join("x.y")
		after := w.Open(newHand(), false)
		after.Join("x.y")
		waiting := taking(after, 100)
		w.Broadcast("x.y", wire.Message{Frame: text("1")})
		pother.expect("1") // in the same round
		wantGiven(t, "in the same round", within(t, "Give", waiting), given{texts: []string{"1"}})
		h.ends(t, wire.ReasonInternal)

		for _, s := range []string{"in Message", "in Closed", "in Give"} {
			if n := log.count("panic=\"" + s + "\""); n != 1 {
				t.Errorf("%q is logged %d times", s, n)
			}
		}
		if log.count("session=giving") != 1 {
			t.Error("the log does not say whose panic it was")
		}
		pother.send(opPing, "")
		if op, _, err := pother.frame(); op != opPong || err != nil {
			t.Errorf("got opcode %d, %v", op, err)
		}

		w.Open(panicking{newHand(), "Closed"}, false)
		stop()
	})
}

// A taker that panics when it is told that there is nothing for it takes
// nothing from the one that follows it.
func TestAPanicOfAnOldTakerIsNotTheNextOnes(t *testing.T) {
	log := new(journal)
	w, c, h := open(t, wire.Config{Log: slog.New(slog.NewTextHandler(log, nil))})
	c.Take(wire.Taker{Max: 10, Give: func([]*wire.Frame, bool) { panic("in Give") }})
	next := taking(c, 10)
	wantGiven(t, "the next", within(t, "Give", next), given{last: true})
	h.ends(t, wire.ReasonInternal)

	h = newHand()
	c = w.Open(h, false)
	c.Take(wire.Taker{Max: 10, Give: func([]*wire.Frame, bool) { panic("in Give") }})
	p := attach(t, c)
	p.end()
	h.ends(t, wire.ReasonInternal)
}

// What panics when everything ends, or after it, does not end the process.
func TestAPanicAtTheEndIsCaught(t *testing.T) {
	log := new(journal)
	w, stop := start(t, wire.Config{Log: slog.New(slog.NewTextHandler(log, nil)), Shards: 1})
	h := newHand()
	c := w.Open(panicking{h, "Closed"}, false)
	barrier(t, w)
	for range 2 {
		c.Take(wire.Taker{Max: 10, Give: func(_ []*wire.Frame, last bool) {
			if !last {
				panic("in Give")
			}
		}})
	}
	stop()
	if n := h.closes.Load(); n != 1 {
		t.Errorf("closed %d times", n)
	}
	late := newHand()
	w.Open(panicking{late, "Closed"}, false)
	late.ends(t, wire.ReasonShutdown)
	eventually(t, "the log of it", func() bool { return log.count("in Closed") == 2 })
}
