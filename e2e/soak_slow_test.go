//go:build linux

package e2e_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/realtime-hub/hub/hub/server"
)

// drops is how many connections wire has ended, for any reason that is named.
func (h *testHub) drops(t *testing.T) (sum float64) {
	t.Helper()
	res, err := http.Get("http://" + h.addresses.Ops + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		rest, found := strings.CutPrefix(lines.Text(), `hub_wire_drops_total{reason="`)
		if !found {
			continue
		}
		reason, value, _ := strings.Cut(rest, `"} `)
		n, err := strconv.ParseFloat(value, 64)
		if err != nil || reason == "" {
			t.Fatalf("a drop's metric is %s", lines.Text())
		}
		sum += n
	}
	return sum
}

// live is the heap that is in use, after what was garbage has gone.
func live() int64 {
	for range 2 { // the second takes what the first one's finalizers let go
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// Fifty subscribers that never read, at 500 messages of 1 KiB a second: each
// is dropped with a named reason, what waits for them is bounded, and whoever
// reads in the same channel loses nothing.
func TestSlowSubscribersCostOnlyThemselves(t *testing.T) {
	const (
		slow    = 50
		quick   = 8
		backlog = 128 << 10
		enough  = 1000 // messages at least: thrice what a slow one's backlog and sockets take
	)
	h := startHub(t, func(cfg *server.Config) { cfg.Limits.MaxBacklogBytes = backlog })
	s := newStream(1 << 10)
	stuck := make([]*follower, slow)
	for i := range stuck {
		f, err := socketFollower(h, narrow)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(f.link.close)
		if err := f.join(s); err != nil {
			t.Fatal(err)
		}
		stuck[i] = f
	}
	var last atomic.Int64 // 0: not known yet
	var reading sync.WaitGroup
	for range quick {
		f, err := socketFollower(h, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(f.link.close)
		if err := f.join(s); err != nil {
			t.Fatal(err)
		}
		reading.Go(func() {
			for last.Load() == 0 || f.in[s].at < last.Load() {
				if err := f.until(s, f.in[s].at+1); err != nil {
					t.Errorf("a quick subscriber: %v", err)
					return
				}
			}
		})
	}

	before, most := live(), int64(0)
	stop := h.flow(t, s, 2*time.Millisecond)
	look := time.NewTicker(250 * time.Millisecond)
	defer look.Stop()
	for begin := time.Now(); !t.Failed(); <-look.C {
		took := time.Since(begin)
		if took > long(5*time.Second, time.Minute) && s.done.Load() >= enough || took > 12*patience {
			break
		}
		most = max(most, live()-before)
	}
	stop()
	last.Store(s.begun.Load() + 1)
	if err := h.count(s); err != nil {
		t.Error(err)
	}
	reading.Wait()

	if n := h.drops(t); n != slow {
		t.Errorf("%v connections were dropped, not the %d slow ones", n, slow)
	}
	for i, f := range stuck {
		if err := f.link.drain(); err != nil {
			t.Fatalf("slow subscriber %d: %v", i, err)
		}
	}
	// All that may wait for the slow ones, and 8 MiB for what the quick ones have under way.
	if bound := int64(slow*backlog + 8<<20); most > bound {
		t.Errorf("the heap grew by %d KiB; %d KiB may wait", most>>10, bound>>10)
	}
	after := live() - before
	t.Logf("the heap grew by %d KiB at most, and has %d KiB more at the end", most>>10, after>>10)
	// What was dropped holds nothing any more.
	if after > 4<<20 {
		t.Errorf("%d KiB are left of those that were dropped", after>>10)
	}
}

// drain reads to the connection's end, which must come.
func (s *tcpLine) drain() error {
	_ = s.conn.SetReadDeadline(time.Now().Add(s.patient))
	if _, err := io.Copy(io.Discard, s.in); err != nil && !dead(err) {
		if timeout, ok := err.(net.Error); ok && timeout.Timeout() { //nolint:errorlint // it is net's own
			return fmt.Errorf("the hub does not close it: %w", err)
		}
		return err
	}
	return nil
}
