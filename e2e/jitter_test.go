package e2e_test

import (
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// storm is how much of it there is.
type storm struct {
	sessions, channels int
	lasts, mean        time.Duration // in all; between two blows to a connection
}

const broadcastsPerSecond = 50

// Sessions on a bad network, by every transport, while a backend broadcasts:
// every session ends with every message once and in order, and none is told that
// something could not be recovered. So for who resumes by hand, as the contract
// shows it, and for the client of sdk/ts.
func TestJitter(t *testing.T) {
	s := storm{sessions: 12, channels: 5, lasts: 3 * time.Second, mean: 500 * time.Millisecond}
	if os.Getenv("HUB_LONG") != "" || os.Getenv("LONG") != "" {
		s = storm{sessions: 100, channels: 20, lasts: 2 * time.Minute, mean: 5 * time.Second}
	}
	needsClient(t)
	for _, variant := range []string{"plain", "typescript"} {
		t.Run(variant, func(t *testing.T) { s.rage(t, variant) })
	}
}

// rage is one run.
func (s storm) rage(t *testing.T, variant string) {
	h := startHub(t)
	sessions, err := startDriver(boot, "node", "driver/jitter.mjs")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sessions.stop(); err != nil {
			t.Errorf("the driver ends with %v", err)
		}
	})
	channels := make([]string, s.channels)
	for i := range channels {
		channels[i] = "e2e.story." + unique()
	}
	w := brew(t, h.addresses.HTTP, s.mean, net.Dialer{})
	if _, err := sessions.call("start", "", map[string]any{"variant": variant, "url": w.url, "sessions": s.sessions, "channels": channels}, time.Minute); err != nil {
		t.Fatal(err)
	}
	counts := s.broadcast(t, h, channels)
	w.calm()

	// socket.io-client whose upgrade is cut in the wrong moment polls no more, and knows it by the missing ping, after 45 s.
	bound := 6 * patience
	result, err := sessions.call("complete", "", map[string]any{"counts": counts, "bound": bound.Milliseconds()}, bound+patience)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Complete                                  bool
		Received, Repeated, Missed, Connects, Lag int
		Gaps, Errors, Behind                      []string
	}
	decode(t, string(result), &got)
	sent := 0
	for _, n := range counts {
		sent += n
	}
	t.Logf("%d broadcasts, %d sessions, %d messages received; %d connects, %d refused, %d cuts, %d stalls, %d half-closed; %d repeated, %d missed, %d not recovered; the sessions' process was late by up to %d ms",
		sent, s.sessions, got.Received, got.Connects, w.refused.Load(), w.cuts.Load(), w.stalls.Load(), w.halves.Load(), got.Repeated, got.Missed, len(got.Gaps), got.Lag)
	if !got.Complete {
		t.Errorf("after %s of calm there are who have not everything:\n%s", bound, strings.Join(got.Behind, "\n"))
	}
	if want := sent * s.sessions; got.Received != want || got.Repeated > 0 || got.Missed > 0 {
		t.Errorf("%d messages came, not %d: %d again, %d never", got.Received, want, got.Repeated, got.Missed)
	}
	if len(got.Gaps) > 0 || len(got.Errors) > 0 {
		t.Errorf("not recovered %v, refused %v", got.Gaps, got.Errors)
	}
	if got.Connects < 2*s.sessions {
		t.Errorf("%d sessions connected %d times: that is no storm", s.sessions, got.Connects)
	}
}

// broadcast is a backend that speaks on the channels in turn, as long as the
// storm lasts: 0, 1, 2, … on each. It says how many there were.
func (s storm) broadcast(t *testing.T, h *testHub, channels []string) map[string]int {
	t.Helper()
	var speaking sync.WaitGroup
	turns := make([]chan int, len(channels)) // what is due on each; a hub that is slow for a while makes up for it
	for i, channel := range channels {
		turns[i] = make(chan int, int(s.lasts/time.Second)*broadcastsPerSecond)
		speaking.Go(func() {
			for n := range turns[i] {
				if _, err := h.send(t, onJSON(channel, fmt.Sprintf(`{"n":%d}`, n))); err != nil {
					t.Errorf("broadcast %d on %s: %v", n, channel, err)
				}
			}
		})
	}
	counts := make(map[string]int, len(channels))
	next := time.NewTicker(time.Second / broadcastsPerSecond)
	defer next.Stop()
	for i, begin := 0, time.Now(); time.Since(begin) < s.lasts; <-next.C {
		for due := int(min(time.Since(begin), s.lasts) * broadcastsPerSecond / time.Second); i < due; i++ {
			at := i % len(channels)
			turns[at] <- counts[channels[at]]
			counts[channels[at]]++
		}
	}
	for _, turn := range turns {
		close(turn)
	}
	speaking.Wait()
	return counts
}
