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

// What the inbound path is measured with. The window is below the 64 messages
// of one session and channel that the hub lets wait.
const (
	InboundSessions = 100
	InboundWindow   = 32
	InboundWorkers  = 4
)

// inbound measures browser → worker → ack → browser once, on a server of its
// own, which nobody else is connected to. Both channels' figures come together
// or not at all.
func (c *Course) inbound(ctx context.Context, k peer.Kind, samples report.Samples) (err error) {
	p, err := k.Start(ctx, c.Workshop, peer.Options{Core: c.Core})
	if err != nil {
		return fmt.Errorf("start: %w", err)
	}
	defer func() {
		if stopped := p.Stop(); stopped != nil {
			err = errors.Join(err, stopped)
		}
	}()
	workers, err := p.Work(ctx, InboundWorkers, load.AtLeastOnce, load.AtMostOnce)
	if err != nil {
		return err
	}
	defer workers.Close()
	crowd, _, err := load.Gather(ctx, p.Clients, k.Protocol, InboundSessions, width, credential(k))
	if err != nil {
		return fmt.Errorf("connects: %w", err)
	}
	defer crowd.Close()
	least, err := c.send(ctx, p, crowd, workers, load.AtLeastOnce)
	if err != nil {
		return err
	}
	most, err := c.send(ctx, p, crowd, workers, load.AtMostOnce)
	if err != nil {
		return err
	}
	samples.Add(report.InboundALO, answersPerSecond(least))
	samples.Add(report.InboundALOCPU, perAnswer(least.CPU, least))
	samples.Add(report.InboundALOOwn, perAnswer(least.OwnCPU, least))
	samples.Add(report.InboundAMO, answersPerSecond(most))
	samples.Add(report.InboundAMOCPU, perAnswer(most.CPU, most))
	samples.Add(report.InboundAMOOwn, perAnswer(most.OwnCPU, most))
	return nil
}

// send holds the measurement to its word: every message was acked, and
// handed to a worker exactly once.
func (c *Course) send(ctx context.Context, p *peer.Peer, crowd *load.Crowd, workers *peer.Workers, channel string) (load.Answered, error) {
	before := workers.Delivered()
	a, err := crowd.Ask(ctx, load.Inbound(channel), InboundSessions, InboundWindow, c.Plan, p.CPU)
	if err != nil {
		return a, fmt.Errorf("%s: %w", channel, errors.Join(err, workers.Err()))
	}
	// At most once the ack may be there before the delivery is.
	if err := workers.Await(ctx, before+a.Asked, c.Plan.Drain); err != nil {
		return a, fmt.Errorf("%s: %w", channel, err)
	}
	return a, nil
}

func answersPerSecond(a load.Answered) float64 { return float64(a.Answers) / a.Took.Seconds() }

// perAnswer is in microseconds.
func perAnswer(spent time.Duration, a load.Answered) float64 {
	return float64(spent) / float64(time.Microsecond) / float64(a.Answers)
}
