package course

import (
	"context"
	"fmt"
	"time"

	"github.com/realtime-hub/hub/bench/internal/load"
	"github.com/realtime-hub/hub/bench/internal/peer"
	"github.com/realtime-hub/hub/bench/internal/report"
)

// round measures one peer once. Its figures come together or not at all: so
// the i-th value of each is of the same round, unless a peer failed in one.
func (c *Course) round(ctx context.Context, k peer.Kind, samples report.Samples) (err error) {
	p, err := k.Start(ctx, c.Workshop, peer.Options{Core: c.Core})
	if err != nil {
		return fmt.Errorf("start: %w", err)
	}
	defer func() {
		if stopped := p.Stop(); err == nil {
			err = stopped
		}
	}()
	seen := report.Samples{}
	if err := c.measure(ctx, k, p, seen); err != nil {
		return err
	}
	for figure, values := range seen {
		samples[figure] = append(samples[figure], values...)
	}
	return nil
}

// measure begins with what leaves nothing behind in the server, and ends with
// what an overloaded one may not recover from.
func (c *Course) measure(ctx context.Context, k peer.Kind, p *peer.Peer, seen report.Samples) error {
	crowd, took, err := load.Gather(ctx, p.Clients, k.Protocol, c.Subscribers, width, credential(k))
	if err != nil {
		return fmt.Errorf("connects: %w", err)
	}
	defer crowd.Close()
	seen.Add(report.Connects, float64(c.Subscribers)/took.Seconds())

	if k.Protocol.Request != "" {
		answers, err := crowd.Requests(ctx, width, c.Plan)
		if err != nil {
			return fmt.Errorf("requests: %w", err)
		}
		seen.Add(report.Requests, answers)
	}

	alone, err := crowd.Outstanding(ctx, p.Broadcast, 1, c.Plan, p.CPU)
	if err == nil {
		err = c.complete(alone)
	}
	if err != nil {
		return fmt.Errorf("W1: %w", err)
	}
	seen.Add(report.DeliveriesW1, perSecond(alone))
	seen.Add(report.CPUW1, perMillion(alone))
	seen.Add(report.MessageBytes, alone.MessageBytes)

	interval := time.Duration(c.Subscribers) * time.Second / pace
	late, err := crowd.Paced(ctx, p.Broadcast, interval, c.Plan)
	if err != nil {
		return fmt.Errorf("latency: %w", err)
	}
	seen.Add(report.P50, milliseconds(late.P50))
	seen.Add(report.P99, milliseconds(late.P99))
	if !late.Whole {
		return fmt.Errorf("latency: %d deliveries/s for %s were not through %s later", pace, c.Plan.Measure, c.Plan.Drain)
	}

	// The last: what a slow server still has in its queues ends with it. What
	// was counted has arrived all the same.
	plan := c.Plan
	plan.Drain = min(plan.Drain, 2*time.Second)
	many, err := crowd.Outstanding(ctx, p.Broadcast, window, plan, p.CPU)
	if err == nil && many.Whole {
		err = c.complete(many)
	}
	if err != nil {
		return fmt.Errorf("W32: %w", err)
	}
	seen.Add(report.DeliveriesW32, perSecond(many))
	seen.Add(report.CPUW32, perMillion(many))
	return nil
}

// complete holds the measurement to its word: what was not delivered to
// everyone must not count as fast.
func (c *Course) complete(d load.Delivered) error {
	switch want := d.Broadcasts * c.Subscribers; {
	case !d.Whole:
		return fmt.Errorf("%d of %d deliveries did not arrive in %s", want-d.Arrived, want, c.Plan.Drain)
	case d.Arrived != want:
		return fmt.Errorf("%d broadcasts to %d subscribers made %d deliveries", d.Broadcasts, c.Subscribers, d.Arrived)
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
