package wire_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/realtime-hub/hub/hub/internal/wire"
)

// all is the text messages up to a normal end.
func (p *peer) all() []string {
	p.t.Helper()
	var all []string
	for {
		op, payload, err := p.frame()
		switch {
		case err != nil:
			p.t.Fatalf("after %d messages: %v", len(all), err)
		case op == opText:
			all = append(all, string(payload))
		case op == opClose:
			return all
		}
	}
}

func TestABroadcastReachesMembersAloneAndOnce(t *testing.T) {
	kinds(t, func(t *testing.T, cfg wire.Config) {
		w, _ := start(t, cfg)
		in, pin := dial(t, w, newHand())
		twice, ptwice := dial(t, w, newHand())
		out, pout := dial(t, w, newHand())
		left, pleft := dial(t, w, newHand())
		excepted, pexcepted := dial(t, w, newHand())
		in.Join("a.b")
		twice.Join("a.b")
		twice.Join("a.b")
		out.Join("a.c")
		left.Join("a.b")
		left.Leave("a.b")
		left.Leave("a.b")
		excepted.SetName("me")
		excepted.Join("a.b")
		w.Broadcast("a.b", wire.Message{Frame: text("1"), Except: []string{"nobody", "me"}})
		w.Broadcast("nobody.here", wire.Message{Frame: text("2")})
		for _, c := range []*wire.Conn{in, twice, out, left, excepted} {
			c.End()
		}
		for p, want := range map[*peer][]string{pin: {"1"}, ptwice: {"1"}, pout: nil, pleft: nil, pexcepted: nil} {
			if got := p.all(); !slices.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
		}
	})
}

func TestWhatIsPlacedComesBetweenBroadcasts(t *testing.T) {
	kinds(t, func(t *testing.T, cfg wire.Config) {
		w, _ := start(t, cfg)
		c, p := dial(t, w, newHand())
		stop := make(chan struct{})
		var others sync.WaitGroup
		others.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
					w.Broadcast("x.y", wire.Message{Frame: text(strconv.Itoa(i))})
				}
				runtime.Gosched()
			}
		})
		const rounds = 200
		for range rounds {
			c.Join("x.y", text("in"), text("in too"))
			runtime.Gosched()
			c.Leave("x.y", text("out"), text("out too"))
		}
		c.End()
		got := p.all()
		close(stop)
		others.Wait()
		inside, ins, last := false, 0, -1
		for i, s := range got {
			switch s {
			case "in":
				inside, ins = true, ins+1
			case "in too", "out too":
				if want := s[:len(s)-len(" too")]; got[i-1] != want {
					t.Fatalf("%q between %q and %q", got[i-1], want, s)
				}
			case "out":
				inside = false
			default:
				n, _ := strconv.Atoi(s)
				if !inside || n <= last {
					t.Fatalf("broadcast %d after %d, a member: %v", n, last, inside)
				}
				last = n
			}
		}
		if ins != rounds {
			t.Errorf("%d joins of %d", ins, rounds)
		}
	})
}

func TestWhatOneCallerSendsComesInOrder(t *testing.T) {
	kinds(t, func(t *testing.T, cfg wire.Config) {
		w, _ := start(t, cfg)
		c, p := dial(t, w, newHand())
		c.Join("x.y")
		var want []string
		for i := range 2000 {
			want = append(want, fmt.Sprint(i))
			switch i % 3 {
			case 0:
				w.Broadcast("x.y", wire.Message{Frame: text(want[i])})
			default:
				c.Send(text(want[i]))
			}
		}
		c.Send()
		c.End(text("last"), text("very last"))
		c.Send(text("too late"))
		w.Broadcast("x.y", wire.Message{Frame: text("too late")})
		if got := p.all(); !slices.Equal(got, append(want, "last", "very last")) {
			t.Errorf("%d messages lost, repeated or reordered", len(got))
		}
	})
}

// Joins, leaves and ends in any order, against a model: the dense lists and
// the indices between them stay right.
func TestChannelsHaveExactlyTheirMembers(t *testing.T) {
	const conns, channels, steps = 40, 12, 20_000
	random := rand.New(rand.NewPCG(1, 2))
	w, _ := start(t, wire.Config{Shards: 2, MaxBacklog: 64 << 20})
	type one struct {
		c    *wire.Conn
		in   map[int]bool
		want []string
	}
	fresh := func() *one { return &one{c: w.Open(newHand(), false), in: map[int]bool{}} }
	check := func(o *one) {
		t.Helper()
		var got []string
		if len(o.want) > 0 {
			got = take(t, o.c).texts
		}
		if !slices.Equal(got, o.want) {
			t.Fatalf("got %d messages, want %d", len(got), len(o.want))
		}
		o.want = nil
	}
	all := make([]*one, conns)
	for i := range all {
		all[i] = fresh()
	}
	for step := range steps {
		i, ch := random.IntN(conns), random.IntN(channels)
		o, name := all[i], fmt.Sprint("channel.", ch)
		switch n := random.IntN(100); {
		case n < 35:
			o.c.Join(name)
			o.in[ch] = true
		case n < 60:
			o.c.Leave(name)
			delete(o.in, ch)
		case n < 62:
			check(o)
			o.c.Abort(wire.ReasonClosed)
			all[i] = fresh()
		case n < 64:
			check(o)
		default:
			s := fmt.Sprint(step)
			w.Broadcast(name, wire.Message{Frame: text(s)})
			for _, o := range all {
				if o.in[ch] {
					o.want = append(o.want, s)
				}
			}
		}
	}
	for _, o := range all {
		check(o)
	}
}
