package course

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/realtime-hub/hub/bench/internal/load"
	"github.com/realtime-hub/hub/bench/internal/peer"
	"github.com/realtime-hub/hub/bench/internal/report"
)

// waiting is a server full of idle sessions, and what it was before.
type waiting struct {
	name       string
	kind       peer.Kind
	way        load.Way
	samples    report.Samples
	peer       *peer.Peer
	held       *held
	resident   int
	goroutines int
	counted    bool // whether goroutines is a number
	full       time.Time
}

// idle fills a server after the other, and looks at each when its time has come.
func (c *Course) idle(ctx context.Context, r *report.Run) {
	all := c.lines(r)
	defer func() {
		for _, w := range all {
			_ = w.end()
		}
	}()
	for _, w := range all {
		began := time.Now()
		err := c.fill(ctx, w)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			_ = w.end()
			note(r, w.name, fmt.Errorf("idle: %w", err))
			c.Say("idle: %-13s failed: %v", w.name, err)
			continue
		}
		c.Say("idle: %-13s %d sessions, in %.1f s", w.name, c.IdleSessions, time.Since(began).Seconds())
	}
	for _, w := range all {
		if w.peer == nil {
			continue
		}
		err := c.look(ctx, w)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			note(r, w.name, fmt.Errorf("idle: %w", err))
		}
	}
}

var errNoTime = errors.New("no time was left for it")

// lines are who waits: every peer, and then the hub's other sessions, which
// are the first to go where time is short.
func (c *Course) lines(r *report.Run) (all []*waiting) {
	for i, k := range c.Kinds {
		all = append(all, &waiting{name: k.Name, kind: k, way: load.WebSocket, samples: r.Peers[i].Samples})
	}
	for _, k := range c.Kinds {
		if k.Name != "hub" {
			continue
		}
		for _, way := range []load.Way{load.Upgraded, load.Polling, load.TLS} {
			v := report.Peer{Name: k.Name + "_" + string(way), Samples: report.Samples{}}
			r.Variants = append(r.Variants, v)
			all = append(all, &waiting{name: v.Name, kind: k, way: way, samples: v.Samples})
		}
	}
	return all
}

// patience is how long a server may take for its sessions now.
func (c *Course) patience() time.Duration {
	if c.IdleEnd.IsZero() {
		return holdTime
	}
	return min(holdTime, time.Until(c.IdleEnd)-c.Settle)
}

// fill starts a server and gives it its sessions.
func (c *Course) fill(ctx context.Context, w *waiting) (err error) {
	if c.patience() <= 0 {
		return errNoTime
	}
	if w.peer, err = w.kind.Start(ctx, c.Workshop, peer.Options{Core: c.Core, TLS: w.way == load.TLS}); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	// The first session makes the server load code and fill tables: not the price of one more.
	first, err := load.Attend(ctx, w.peer.Clients, w.kind.Protocol, w.way, 1, 1, credential(w.kind))
	if err != nil {
		return err
	}
	first.Close()
	if w.resident, err = w.peer.Resident(); err != nil {
		return err
	}
	if w.goroutines, w.counted, err = w.peer.Goroutines(ctx); err != nil {
		return err
	}
	w.held, err = hold(ctx, c.Holder, Holding{Address: w.peer.Clients, Peer: w.kind.Name, Way: w.way, Sessions: c.IdleSessions}, c.patience())
	if err != nil {
		return err
	}
	w.full = time.Now()
	return nil
}

// look measures a server whose sessions have been idle for Settle.
func (c *Course) look(ctx context.Context, w *waiting) error {
	timer := time.NewTimer(time.Until(w.full.Add(c.Settle)))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if err := w.held.lost(); err != nil {
		return err
	}
	resident, err := w.peer.Resident()
	if err != nil {
		return err
	}
	if w.counted {
		n, _, err := w.peer.Goroutines(ctx)
		if err != nil {
			return err
		}
		w.samples.Add(report.Goroutines, float64(n-w.goroutines)/float64(c.IdleSessions))
	}
	w.samples.Add(report.Idle, float64(resident-w.resident)/float64(c.IdleSessions))
	return w.end()
}

// end stops what runs of it; once.
func (w *waiting) end() error {
	if w.held != nil {
		w.held.release()
		w.held = nil
	}
	if w.peer == nil {
		return nil
	}
	err := w.peer.Stop()
	w.peer = nil
	if err != nil {
		return errors.Join(errors.New("while idle"), err)
	}
	return nil
}
