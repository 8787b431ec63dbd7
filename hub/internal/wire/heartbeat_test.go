package wire_test

import (
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/realtime-hub/hub/hub/internal/wire"
)

// beating is a connection with a heartbeat, and a handler that knows it.
func beating(t *testing.T, cfg wire.Config, message func(c *wire.Conn, s string) bool) (*wire.Conn, *hand, *peer) {
	t.Helper()
	cfg.Ping, cfg.Shards = text("ping"), 1
	w, _ := start(t, fast(cfg))
	h := newHand()
	c := w.Open(h, true)
	h.message = func(data []byte, _ bool) bool { return message(c, string(data)) }
	return c, h, attach(t, c)
}

func pongs(c *wire.Conn, s string) bool {
	if s == "pong" {
		c.Pong()
	}
	return s != "that is enough"
}

func TestAPeerThatAnswersLives(t *testing.T) {
	kinds(t, func(t *testing.T, cfg wire.Config) {
		_, h, p := beating(t, cfg, pongs)
		begun := time.Now()
		for range 4 {
			p.expect("ping")
			p.send(opText, "pong")
		}
		if d := time.Since(begun); d < 3*25*tick-5*tick {
			t.Errorf("four pings within %v", d)
		}
		p.nc.Close()
		h.ends(t, wire.ReasonGone)
	})
}

func TestAPeerThatDoesNotAnswerIsEnded(t *testing.T) {
	kinds(t, func(t *testing.T, cfg wire.Config) {
		c, h, p := beating(t, cfg, pongs)
		c.Pong() // before the ping: it does not count
		p.expect("ping")
		pinged := time.Now()
		p.end()
		if d := time.Since(pinged); d < 18*tick {
			t.Errorf("ended after %v, had 20 ticks", d)
		}
		h.ends(t, wire.ReasonPing)
	})
}

// Nobody is judged by a ping that has only just left, also not in the first
// seconds of the process.
func TestEveryPingTimeoutIsWaitedFor(t *testing.T) {
	for _, ticks := range []int{1, 22, 24} {
		t.Run(fmt.Sprint("ticks=", ticks), func(t *testing.T) {
			cfg := wire.Config{Ping: text("ping"), Shards: 1, PingInterval: 25 * tick, PingTimeout: time.Duration(ticks) * tick}
			w, _ := start(t, cfg)
			var conns [25]*wire.Conn
			var judged [25]chan time.Duration
			for i := range conns {
				h := newHand()
				conns[i], judged[i] = w.Open(h, true), make(chan time.Duration, 1)
				conns[i].Take(wire.Taker{Max: 10, Give: func([]*wire.Frame, bool) {
					pinged := time.Now()
					go func() {
						<-h.closed
						judged[i] <- time.Since(pinged)
					}()
				}})
			}
			for i := range judged {
				if d := within(t, "the end", judged[i]); d < time.Duration(ticks-1)*tick*3/4 {
					t.Errorf("ended %v after the ping, had %d ticks", d, ticks)
				}
			}
		})
	}
}

// While a peer is not read its pong cannot be seen: its time-out stands still,
// but not for ever.
func TestAnUnreadPeerHasGrace(t *testing.T) {
	kinds(t, func(t *testing.T, cfg wire.Config) {
		c, _, p := beating(t, cfg, pongs)
		p.send(opText, "that is enough")
		p.expect("ping")
		p.send(opText, "pong")
		p.expect("ping") // 25 ticks later: five more than it has
		c.Resume()
		p.expect("ping")

		_, h, p := beating(t, cfg, pongs)
		p.send(opText, "that is enough")
		p.expect("ping")
		pinged := time.Now()
		p.expect("ping")
		p.end()
		if d := time.Since(pinged); d < 30*tick {
			t.Errorf("ended after %v, had 20 ticks and 15 of grace", d)
		}
		h.ends(t, wire.ReasonPing)
	})
}

func TestWhoHasNoHeartbeatIsNotPinged(t *testing.T) {
	w, _ := start(t, fast(wire.Config{Ping: text("ping"), Shards: 1}))
	quiet, p := dial(t, w, newHand())
	h := newHand()
	w.Open(h, true)
	h.ends(t, wire.ReasonPing) // somebody's heartbeat was looked at
	quiet.Send(text("1"))
	p.expect("1")
}

func TestASocketThatTakesNothingIsStalled(t *testing.T) {
	sockets := func(t *testing.T, cfg wire.Config, wrap func(a, b net.Conn) (net.Conn, net.Conn)) {
		cfg.WriteTimeout = 30 * tick
		w, _ := start(t, fast(cfg))
		h := newHand()
		c := w.Open(h, false)
		server, client := wrap(pair(t))
		newPeer(t, client)
		c.Attach(server, nil)
		begun := time.Now()
		c.Send(text(plug))
		h.ends(t, wire.ReasonStalled)
		if d := time.Since(begun); d < 25*tick {
			t.Errorf("ended after %v, had 30 ticks", d)
		}
		eventually(t, "an empty backlog", func() bool { return w.Backlog() == 0 })
	}
	kinds(t, func(t *testing.T, cfg wire.Config) {
		sockets(t, cfg, func(a, b net.Conn) (net.Conn, net.Conn) { return a, b })
	})
	t.Run("tls", func(t *testing.T) {
		sockets(t, wire.Config{}, func(a, b net.Conn) (net.Conn, net.Conn) { return secure(t, a, b) })
	})
}

func TestPingTimeoutsAreShorterThanIntervals(t *testing.T) {
	if _, err := wire.New(wire.Config{PingInterval: time.Second, PingTimeout: time.Second}); err == nil {
		t.Error("no error")
	}
}
