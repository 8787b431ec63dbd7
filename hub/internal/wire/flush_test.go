package wire_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/realtime-hub/hub/hub/internal/wire"
)

// pattern is n bytes that tell where they belong.
func pattern(n int) string { return numbers()[:n] }

var numbers = sync.OnceValue(func() string {
	var b []byte
	for i := 0; len(b) < 4<<20; i++ {
		b = append(strconv.AppendInt(b, int64(i), 10), ',')
	}
	return string(b)
})

func TestABurstComesWholeAndInOrder(t *testing.T) {
	kinds(t, func(t *testing.T, cfg wire.Config) {
		cfg.MaxBacklog = 64 << 20
		w, _ := start(t, cfg)
		a, pa := dial(t, w, newHand())
		b, pb := dial(t, w, newHand())
		a.Join("x.y")
		b.Join("x.y")
		var want []string
		const messages = 20_000
		for i := range messages {
			want = append(want, fmt.Sprintf("%d:%s", i, strings.Repeat("x", i%300)))
			w.Broadcast("x.y", wire.Message{Frame: text(want[i])})
			if i%1000 == 0 {
				b.Send(text("b alone")) // from here on the two do not share what is written
			}
		}
		a.End()
		b.End()
		if got := pa.all(); !slices.Equal(got, want) {
			t.Errorf("%d messages lost, repeated or reordered", len(got))
		}
		got := slices.DeleteFunc(pb.all(), func(s string) bool { return s == "b alone" })
		if !slices.Equal(got, want) {
			t.Errorf("%d messages lost, repeated or reordered beside others", len(got))
		}
		eventually(t, "an empty backlog", func() bool { return w.Backlog() == 0 })
	})
}

// In one round, as many frames of the same length for each, of which one is
// another: only those with the same frames share what is written.
func TestNobodyGetsAnothersFrames(t *testing.T) {
	kinds(t, func(t *testing.T, cfg wire.Config) {
		cfg.Shards = 1
		w, _ := start(t, cfg)
		a, pa := dial(t, w, newHand())
		b, pb := dial(t, w, newHand())
		a.Join("x.y")
		b.Join("x.y")
		barrier(t, w)
		inOneRound(t, w, func() {
			w.Broadcast("x.y", wire.Message{Frame: text("1")})
			a.Send(text("a"))
			b.Send(text("b"))
			w.Broadcast("x.y", wire.Message{Frame: text("2")})
		})
		pa.expect("1", "a", "2")
		pb.expect("1", "b", "2")
	})
}

// inOneRound has the loop wait until everything is queued.
func inOneRound(t *testing.T, w *wire.Wire, calls func()) {
	t.Helper()
	c := w.Open(newHand(), false)
	done := make(chan struct{})
	c.Take(wire.Taker{Give: func([]*wire.Frame, bool) { calls(); close(done) }})
	c.Send(text("go"))
	within(t, "the round", done)
	c.Abort(wire.ReasonClosed)
}

// Around the lengths where the header grows, a round ends and a socket's
// buffer is full.
func TestFramesOfEveryLengthComeWhole(t *testing.T) {
	kinds(t, func(t *testing.T, cfg wire.Config) {
		cfg.MaxBacklog = 64 << 20
		w, _ := start(t, cfg)
		c, p := dial(t, w, newHand())
		var want []string
		for _, n := range []int{0, 1, 125, 126, 127, 65535, 65536, 65537, 256<<10 - 10, 256 << 10, 256<<10 + 1, 3 << 20, 7, 1 << 20, 0} {
			want = append(want, pattern(n))
		}
		for _, s := range want {
			c.Send(text(s))
		}
		c.End()
		for i, got := range p.all() {
			if got != want[i] {
				t.Fatalf("message %d of %d bytes came as %d bytes", i, len(want[i]), len(got))
			}
		}
	})
}

func TestAPeerThatReadsByteByByteGetsEverything(t *testing.T) {
	kinds(t, func(t *testing.T, cfg wire.Config) {
		cfg.MaxBacklog = 64 << 20
		w, _ := start(t, cfg)
		c, p := dial(t, w, newHand())
		p.r.Reset(iotest.OneByteReader(p.nc))
		var want []string
		for i := range 300 {
			want = append(want, fmt.Sprint(i, pattern(i)))
			c.Send(text(want[i]))
		}
		c.End()
		if got := p.all(); !slices.Equal(got, want) {
			t.Errorf("%d messages lost, repeated or reordered", len(got))
		}
	})
}

// Pipes have no buffer, and TLS is no descriptor's bytes: both are streams in
// either kind.
func TestStreamsCarryWhatSocketsCarry(t *testing.T) {
	for _, secured := range []bool{false, true} {
		t.Run(fmt.Sprint("tls=", secured), func(t *testing.T) {
			w, _ := start(t, wire.Config{MaxBacklog: 64 << 20})
			h := newHand()
			echo := w.Open(h, false)
			h.message = func(data []byte, _ bool) bool {
				echo.Send(text(string(data)))
				return true
			}
			server, client := netPipe()
			if secured {
				server, client = pair(t)
				server, client = secure(t, server, client)
			}
			p := newPeer(t, client)
			echo.Attach(server, nil)
			for _, n := range []int{0, 1, 63, 64, 65, 128, 16 << 10, 300 << 10, 64} {
				p.send(opText, pattern(n))
				p.expect(pattern(n))
			}
			p.send(opPing, "are you there?")
			if op, payload, err := p.frame(); op != opPong || string(payload) != "are you there?" || err != nil {
				t.Fatalf("a ping was answered by %d %q, %v", op, payload, err)
			}
			echo.End(text("bye"))
			p.expect("bye")
			p.closing(normal)
			p.nc.Close()
			h.ends(t, wire.ReasonClosed)
		})
	}
}
