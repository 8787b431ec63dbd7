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

// round measures one peer once. Its figures come together or not at all: so
// the i-th value of each is of the same round, unless a peer failed in one.
func (c *Course) round(ctx context.Context, k peer.Kind, samples report.Samples) error {
	seen := report.Samples{}
	whole := false
	err := c.serve(ctx, k, func(p *peer.Peer, crowd *load.Crowd, took time.Duration) (err error) {
		seen.Add(report.Connects, float64(c.Subscribers)/took.Seconds())
		if whole, err = c.first(ctx, k, p, crowd, seen); err == nil && whole {
			err = c.last(ctx, p, crowd, seen)
		}
		return err
	})
	if err == nil && !whole { // it is still busy with what was too much for it
		err = c.serve(ctx, k, func(p *peer.Peer, crowd *load.Crowd, _ time.Duration) error {
			return c.last(ctx, p, crowd, seen)
		})
	}
	if err != nil {
		return err
	}
	for figure, values := range seen {
		samples[figure] = append(samples[figure], values...)
	}
	return nil
}

// serve starts a server, fills it, and ends it after f.
func (c *Course) serve(ctx context.Context, k peer.Kind, f func(*peer.Peer, *load.Crowd, time.Duration) error) (err error) {
	p, err := k.Start(ctx, c.Workshop, peer.Options{Core: c.Core})
	if err != nil {
		return fmt.Errorf("start: %w", err)
	}
	defer func() {
		if stopped := p.Stop(); stopped != nil { // it explains what went wrong before
			err = errors.Join(err, stopped)
		}
	}()
	crowd, took, err := load.Gather(ctx, p.Clients, k.Protocol, c.Subscribers, width, credential(k))
	if err != nil {
		return fmt.Errorf("connects: %w", err)
	}
	defer crowd.Close()
	return f(p, crowd, took)
}

// first measures what leaves nothing behind in the server, and then how late
// it is. whole says that it came to an end with that.
func (c *Course) first(ctx context.Context, k peer.Kind, p *peer.Peer, crowd *load.Crowd, seen report.Samples) (whole bool, err error) {
	if k.Protocol.Request != "" {
		answers, err := crowd.Requests(ctx, width, c.Plan)
		if err != nil {
			return false, fmt.Errorf("requests: %w", err)
		}
		seen.Add(report.Requests, answers)
	}
	warm := c.Plan
	warm.Measure = c.Plan.WarmUp
	if _, err := crowd.Outstanding(ctx, p.Broadcast, 1, warm, p.CPU); err != nil {
		return false, fmt.Errorf("warm-up: %w", err)
	}
	alone, err := crowd.Outstanding(ctx, p.Broadcast, 1, c.Plan, p.CPU)
	if err == nil {
		err = c.complete(alone)
	}
	if err != nil {
		return false, fmt.Errorf("W1: %w", err)
	}
	seen.Add(report.DeliveriesW1, perSecond(alone))
	seen.Add(report.CPUW1, perMillion(alone))
	seen.Add(report.MessageBytes, alone.MessageBytes)

	interval := time.Duration(c.Subscribers) * time.Second / pace
	late, err := crowd.Paced(ctx, p.Broadcast, interval, c.Plan)
	if err != nil {
		return false, fmt.Errorf("latency: %w", err)
	}
	seen.Add(report.P50, milliseconds(late.P50))
	seen.Add(report.P99, milliseconds(late.P99))
	return late.Whole, nil
}

// last measures what an overloaded server may not recover from: what it still
// has in its queues after all that time ends with it.
func (c *Course) last(ctx context.Context, p *peer.Peer, crowd *load.Crowd, seen report.Samples) error {
	many, err := crowd.Outstanding(ctx, p.Broadcast, window, c.Plan, p.CPU)
	if err == nil && many.Whole {
		err = c.complete(many)
	}
	if err != nil {
		return fmt.Errorf("W32: %w", err)
	}
	seen.Add(report.DeliveriesW32, perSecond(many))
	seen.Add(report.CPUW32, perMillion(many))
	seen.Add(report.CoreW32, many.CPU.Seconds()/many.Took.Seconds())
	return nil
}

// complete holds the measurement to its word: what was not delivered to
// everyone must not count as fast.
func (c *Course) complete(d load.Delivered) error {
	switch want := d.Broadcasts * c.Subscribers; {
	case !d.Whole:
		return fmt.Errorf("%d of %d deliveries did not arrive in %s", want-d.Deliveries, want, c.Plan.Drain)
	case d.Deliveries != want:
		return fmt.Errorf("%d broadcasts to %d subscribers made %d deliveries", d.Broadcasts, c.Subscribers, d.Deliveries)
	}
	return nil
}

// credential is the one of each client, made before any connects.
func credential(k peer.Kind) func(i int) string {
	if !k.Identity {
		return nil
	}
	return peer.Token
}

func perSecond(d load.Delivered) float64 { return float64(d.Deliveries) / d.Took.Seconds() }

func perMillion(d load.Delivered) float64 {
	return d.CPU.Seconds() / float64(d.Deliveries) * 1e6
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
