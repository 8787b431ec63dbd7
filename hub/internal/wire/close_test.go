package wire_test

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/realtime-hub/hub/hub/internal/wire"
)

const notUTF8, tooBig = 1007, 1009

// End delivers what waits, also to a peer that sends all the time: its unread
// input must not make the system reset the connection.
func TestAnEndDeliversEverything(t *testing.T) {
	kinds(t, func(t *testing.T, cfg wire.Config) {
		cfg.MaxBacklog = 64 << 20
		w, _ := start(t, cfg)
		h := newHand()
		c, p := dial(t, w, h)
		talker := make(chan struct{})
		go func() {
			defer close(talker)
			for {
				if _, err := p.nc.Write(masked(opText, pattern(1000))); err != nil {
					return
				}
			}
		}()
		var want []string
		for i := range 100 {
			want = append(want, fmt.Sprint(i, half[:64<<10]))
			c.Send(text(want[i]))
		}
		c.End(text("bye"))
		p.expect(append(want, "bye")...)
		p.closing(normal)
		p.nc.Close()
		within(t, "the end of the talker", talker)
		h.ends(t, wire.ReasonClosed)
	})
}

// Nobody sends the frame that resumes a connection whose end has come.
func TestAnEndDeliversEverythingToAPeerThatIsNotRead(t *testing.T) {
	kinds(t, func(t *testing.T, cfg wire.Config) {
		_, c, h := open(t, cfg)
		paused := make(chan struct{})
		h.message = func([]byte, bool) bool { close(paused); return false }
		p := attach(t, c)
		p.send(opText, "1")
		within(t, "a message", paused)
		p.send(opText, "2")
		c.End(text("bye"))
		p.expect("bye")
		p.closing(normal)
		p.nc.Close()
		begun := time.Now()
		h.ends(t, wire.ReasonClosed)
		if d := time.Since(begun); d > 500*time.Millisecond {
			t.Errorf("the peer's end was noticed after %v", d)
		}
	})
}

func TestAPeersCloseFrameIsAnswered(t *testing.T) {
	kinds(t, func(t *testing.T, cfg wire.Config) {
		_, c, h := open(t, cfg)
		got := make(chan string, 10)
		h.message = func(data []byte, _ bool) bool { got <- string(data); return true }
		p := attach(t, c)
		c.Send(text("1"))
		hi, bye := masked(opText, "hi"), masked(opClose, "\x03\xe8bye")
		if _, err := p.nc.Write(slices.Concat(hi, bye, masked(opText, "too late"))); err != nil {
			t.Fatal(err)
		}
		p.expect("1")
		op, payload, err := p.frame()
		if op != opClose || string(payload) != "\x03\xe8" || err != nil {
			t.Fatalf("got opcode %d, %q, %v", op, payload, err)
		}
		h.ends(t, wire.ReasonGone)
		if s := within(t, "a message", got); s != "hi" || len(got) > 0 {
			t.Errorf("got %q, and %d more", s, len(got))
		}
		_, err = p.r.ReadByte()
		if err == nil {
			t.Error("something came after the close frame")
		}
	})
}

// A peer whose close frame came with its handshake.
func TestACloseFrameBeforeTheSocketIsAnswered(t *testing.T) {
	kinds(t, func(t *testing.T, cfg wire.Config) {
		_, c, h := open(t, cfg)
		c.Send(text("1"))
		server, client := pair(t)
		p := newPeer(t, client)
		c.Attach(server, masked(opClose, "\x03\xe8"))
		p.expect("1")
		p.closing(normal)
		h.ends(t, wire.ReasonGone)
	})
}

func TestWhoBreaksTheProtocolIsTold(t *testing.T) {
	kinds(t, func(t *testing.T, cfg wire.Config) {
		for name, test := range map[string]struct {
			bytes string
			code  uint16
		}{
			"not masked":   {"\x81\x02hi", protocolError},
			"reserved bit": {"\xc1\x80\x00\x00\x00\x00", protocolError},
			"not UTF-8":    {string(masked(opText, "\xff")), notUTF8},
			"too big":      {string(masked(opBinary, strings.Repeat("x", 1001))), tooBig},
			"announced":    {"\x82\xff\x00\x00\x00\x01\x00\x00\x00\x00mask", tooBig},
		} {
			t.Run(name, func(t *testing.T) {
				cfg.MaxMessage = 1000
				w, c, h := open(t, cfg)
				h.conn = c
				got := make(chan string, 10)
				h.message = func(data []byte, _ bool) bool { got <- string(data); return true }
				p := attach(t, c)
				c.Send(text("what waited"))
				barrier(t, w)
				if _, err := p.nc.Write(slices.Concat(masked(opText, "hi"), []byte(test.bytes))); err != nil {
					t.Fatal(err)
				}
				p.expect("what waited")
				p.closing(test.code)
				p.nc.Close()
				h.ends(t, wire.ReasonProtocol)
				if s := within(t, "a message", got); s != "hi" || len(got) > 0 {
					t.Errorf("got %q, and %d more", s, len(got))
				}
			})
		}
	})
}

func TestAFailureIsTold(t *testing.T) {
	kinds(t, func(t *testing.T, cfg wire.Config) {
		w, _ := start(t, cfg)
		h := newHand()
		c, p := dial(t, w, h)
		c.Send(text("1"))
		c.Fail("no such packet")
		p.expect("1")
		op, payload, err := p.frame()
		if op != opClose || string(payload) != "\x03\xeano such packet" || err != nil {
			t.Fatalf("got opcode %d, %q, %v", op, payload, err)
		}
		p.nc.Close()
		h.ends(t, wire.ReasonProtocol)
	})
}

// Who does not take its last frames, and who does not close.
func TestAnEndTakesNoLongerThanItsTimeout(t *testing.T) {
	kinds(t, func(t *testing.T, cfg wire.Config) {
		cfg.MaxBacklog = 2 << 20
		w, _ := start(t, fast(cfg))
		h := newHand()
		c, _ := dial(t, w, h)
		c.Send(text(plug))
		c.End(text("nobody reads this"))
		begun := time.Now()
		h.ends(t, wire.ReasonClosed)
		if d := time.Since(begun); d < 8*tick {
			t.Errorf("ended after %v, had 10 ticks", d)
		}
		eventually(t, "an empty backlog", func() bool { return w.Backlog() == 0 })

		h = newHand()
		c, p := dial(t, w, h)
		c.End()
		begun = time.Now()
		p.closing(normal)
		if d := time.Since(begun); d > 800*time.Millisecond {
			t.Errorf("the end came after %v, as if only the linger time brought it", d)
		}
		h.ends(t, wire.ReasonClosed) // the peer's end stays open
	})
}

func TestAnAbortLosesWhatWaits(t *testing.T) {
	kinds(t, func(t *testing.T, cfg wire.Config) {
		s := newSlow(t, cfg)
		s.c.Send(text("lost"))
		s.c.Abort(wire.ReasonInternal)
		s.c.Abort(wire.ReasonGone)
		s.h.ends(t, wire.ReasonInternal)
		all, err := io.ReadAll(s.p.r)
		if err == nil && strings.Contains(string(all), "lost") {
			t.Error("what waited came")
		}
		eventually(t, "an empty backlog", func() bool { return s.w.Backlog() == 0 })
	})
}

func TestAPeerThatIsGoneIsNoticed(t *testing.T) {
	kinds(t, func(t *testing.T, cfg wire.Config) {
		w, _ := start(t, cfg)
		h := newHand()
		c, p := dial(t, w, h)
		c.Join("x.y")
		p.nc.Close()
		h.ends(t, wire.ReasonGone)
		for range 10 { // to nobody
			w.Broadcast("x.y", wire.Message{Frame: text("1")})
			c.Send(text("2"))
			c.Join("a.b")
			c.Leave("x.y")
		}
		c.End()
		if h.closes.Load() != 1 {
			t.Errorf("closed %d times", h.closes.Load())
		}
	})
}

// An end that comes while a drop is not told yet is still an end.
func TestAnEndAfterADropIsTaken(t *testing.T) {
	kinds(t, func(t *testing.T, cfg wire.Config) {
		s := newSlow(t, cfg)
		s.c.Join("a.a")
		s.broadcast("a.a", wire.SlowDrop, half, half, half)
		s.c.End(text("bye"))
		begun := time.Now()
		s.p.expect(plug, half, half, "bye")
		s.p.closing(normal)
		s.p.nc.Close()
		s.h.ends(t, wire.ReasonClosed)
		if d := time.Since(begun); d > 3*time.Second {
			t.Errorf("took %v", d)
		}
	})
}

// A peer that answers the close frame and leaves the socket to the hub is not
// waited for: here the time for that would be hours.
func TestAnAnsweredCloseFrameIsTheEnd(t *testing.T) {
	kinds(t, func(t *testing.T, cfg wire.Config) {
		cfg.PingInterval, cfg.PingTimeout = 100*time.Hour, time.Hour
		w, _ := start(t, cfg)
		h := newHand()
		c, p := dial(t, w, h)
		c.End(text("bye"))
		p.expect("bye")
		p.closing(normal)
		p.send(opText, "not looked at")
		p.send(opClose, "\x03\xe8")
		h.ends(t, wire.ReasonClosed)
	})
}
