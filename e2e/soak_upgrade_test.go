//go:build linux

package e2e_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/realtime-hub/hub/hub/server"
)

// patientHub drops nobody for being slow: a machine that is busy with -race is
// no slow reader.
func patientHub(cfg *server.Config) {
	cfg.Limits.MaxBacklogBytes = 64 << 20
	cfg.Limits.MaxBacklogTotalBytes = 1 << 30
}

// Sessions start with polling and upgrade while 200 numbers a second are
// broadcast: each sees each number once, in order, from its subscribe's ack on.
func TestUpgradesLoseNothing(t *testing.T) {
	sessions := long(100, 1000)
	h := startHub(t, patientHub)
	s := newStream(10)
	stop := h.flow(t, s, 5*time.Millisecond)

	var last atomic.Int64 // the number that ends it; known before it is sent
	last.Store(math.MaxInt64)
	var risen, all sync.WaitGroup
	risen.Add(sessions)
	pace := time.NewTicker(20 * time.Millisecond)
	defer pace.Stop()
	for range sessions {
		<-pace.C
		all.Go(func() {
			f, err := rise(h, s)
			risen.Done()
			for err == nil && f.in[s].at < last.Load() {
				err = f.until(s, f.in[s].at+1)
			}
			if f != nil {
				f.link.close()
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	risen.Wait()
	stop()
	last.Store(s.begun.Load() + 1)
	if err := h.count(s); err != nil {
		t.Error(err)
	}
	all.Wait()
}

// rise is a session that has subscribed and seen some numbers by polling, and
// some more after its upgrade.
func rise(h *testHub, s *stream) (*follower, error) {
	f, err := pollingFollower(h)
	if err != nil {
		return nil, err
	}
	if err := f.join(s); err != nil {
		return f, fmt.Errorf("by polling: %w", err)
	}
	if err := f.until(s, f.in[s].at+rand.Int64N(10)); err != nil {
		return f, fmt.Errorf("by polling: %w", err)
	}
	if err := f.upgrade(); err != nil {
		return f, err
	}
	if err := f.until(s, f.in[s].at+20); err != nil {
		return f, fmt.Errorf("after the upgrade: %w", err)
	}
	return f, nil
}

func pollingFollower(h *testHub) (*follower, error) {
	p, err := plugIn(h.addresses.HTTP, nil)
	if err != nil {
		return nil, err
	}
	l, err := joinByPolling(p)
	if err != nil {
		p.close()
		return nil, fmt.Errorf("by polling: %w", err)
	}
	return follow(l), nil
}
