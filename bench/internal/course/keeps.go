package course

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/realtime-hub/hub/bench/internal/control"
	"github.com/realtime-hub/hub/bench/internal/load"
	"github.com/realtime-hub/hub/bench/internal/peer"
	"github.com/realtime-hub/hub/bench/internal/report"
)

// Keeping is how much is kept and who is present; where a number is 0 that is
// not measured.
type Keeping struct {
	// Resumes are the sessions that return at once, each to what a channel keeps.
	Resumes int
	// Channels are full of messages when their memory is measured.
	Channels int
	// Joins are the sessions that come into one channel at once.
	Joins int
}

// told is how long a server has after a burst for what it tells the others of
// it. The hub gathers that for a quarter of a second.
const told = time.Second

// alone starts a server, and ends it after f.
func (c *Course) alone(ctx context.Context, k peer.Kind, f func(*peer.Peer) error) (err error) {
	p, err := k.Start(ctx, c.Workshop, peer.Options{Core: c.Core})
	if err != nil {
		return fmt.Errorf("start: %w", err)
	}
	defer func() { err = errors.Join(err, p.Stop()) }()
	return f(p)
}

// resumes measures sessions that return to a channel that has kept all they
// missed: with their connects, and then without, again and again.
func (c *Course) resumes(ctx context.Context, k peer.Kind, p *peer.Peer, samples report.Samples) error {
	one := control.Keeping{Channels: 1, Each: control.KeptMessages}
	since, err := p.Keep(ctx, one) // what the sessions have seen
	if err == nil {
		_, err = p.Keep(ctx, one) // what they have missed
	}
	if err != nil {
		return err
	}
	channel, protocol := control.KeptChannel(0), k.Protocol.Unsubscribed()
	again, leave := protocol.Keeps.Resuming(channel, since, control.KeptMessages), protocol.Keeps.Leaving(channel)
	first, _, err := load.Return(ctx, p.Clients, protocol, 1, credential(k), again, c.Plan.Drain, p.CPU)
	if err != nil {
		return err
	}
	first.Close()
	crowd, returned, err := load.Return(ctx, p.Clients, protocol, c.Keeping.Resumes, credential(k), again, c.Plan.Drain, p.CPU)
	if err != nil {
		return err
	}
	defer crowd.Close()
	var all load.Spent
	bursts := 0
	for ; all.Took < c.Plan.Measure; bursts++ {
		if _, err := crowd.Burst(ctx, leave, c.Plan.Drain, p.CPU); err != nil {
			return err
		}
		s, err := crowd.Burst(ctx, again, c.Plan.Drain, p.CPU)
		if err != nil {
			return err
		}
		all.Took, all.CPU, all.Bytes = all.Took+s.Took, all.CPU+s.CPU, all.Bytes+s.Bytes
	}
	n := float64(c.Keeping.Resumes)
	samples.Add(report.Returns, n/returned.Took.Seconds())
	samples.Add(report.ReturnCPU, perThousand(returned.CPU, n))
	n *= float64(bursts)
	samples.Add(report.Resumes, n/all.Took.Seconds())
	samples.Add(report.ResumeCPU, perThousand(all.CPU, n))
	samples.Add(report.ResumeBytes, float64(all.Bytes)/n)
	return nil
}

// presence measures sessions that come into one channel at once, and leave it.
func (c *Course) presence(ctx context.Context, k peer.Kind, p *peer.Peer, samples report.Samples) error {
	protocol, channel := k.Protocol.Unsubscribed(), control.Present
	join, leave := protocol.Keeps.Joining(channel), protocol.Keeps.Leaving(channel)
	observer, _, err := load.Gather(ctx, p.Clients, protocol, 1, 1, nobodyElse(k))
	if err != nil {
		return err
	}
	defer observer.Close()
	count := func(want int) error {
		n, err := observer.CountMembers(ctx, channel, c.Plan.Drain)
		if err == nil && n != want {
			err = fmt.Errorf("%d are present, and the server says %d", want, n)
		}
		return err
	}
	if err := count(0); err != nil {
		return err
	}
	for _, b := range []load.Burst{join, leave} { // the first makes a server load code
		if _, err := observer.Burst(ctx, b, c.Plan.Drain, p.CPU); err != nil {
			return err
		}
	}
	crowd, _, err := load.Gather(ctx, p.Clients, protocol, c.Keeping.Joins, width, credential(k))
	if err != nil {
		return err
	}
	defer crowd.Close()
	join.After, leave.After = told, told
	came, err := crowd.Burst(ctx, join, c.Plan.Drain, p.CPU)
	if err == nil {
		err = count(c.Keeping.Joins)
	}
	if err != nil {
		return fmt.Errorf("joins: %w", err)
	}
	went, err := crowd.Burst(ctx, leave, c.Plan.Drain, p.CPU)
	if err == nil {
		err = count(0)
	}
	if err != nil {
		return fmt.Errorf("leaves: %w", err)
	}
	n := float64(c.Keeping.Joins)
	samples.Add(report.Joins, n/came.Took.Seconds())
	samples.Add(report.JoinCPU, perThousand(came.CPU, n))
	samples.Add(report.LeaveCPU, perThousand(went.CPU, n))
	return nil
}

// settled is how long a server has been left alone when its memory is measured.
const settled = 2 * time.Second

// memories are of all that keep, one after the other.
func (c *Course) memories(ctx context.Context, r *report.Run) {
	for i, k := range c.Kinds {
		if !k.Keeps || ctx.Err() != nil {
			continue
		}
		began := time.Now()
		err := c.memory(ctx, k, r.Peers[i].Samples)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			note(r, k.Name, fmt.Errorf("kept: %w", err))
		}
		c.Say("kept: %-13s %.0f bytes beyond a payload (resident %.0f), in %.1f s", k.Name,
			r.Peers[i].Samples.Last(report.KeptHeap), r.Peers[i].Samples.Last(report.KeptResident), time.Since(began).Seconds())
	}
}

// memory measures what a kept message takes beyond its payload, once: of what
// the process has in memory, and of what is alive in its heap.
func (c *Course) memory(ctx context.Context, k peer.Kind, samples report.Samples) error {
	return c.alone(ctx, k, func(p *peer.Peer) error {
		// The first channel makes the server load code: not the price of one more.
		if _, err := p.Keep(ctx, control.Keeping{First: c.Keeping.Channels, Channels: 1, Each: control.KeptMessages}); err != nil {
			return err
		}
		resident, heap, err := look(ctx, p)
		if err != nil {
			return err
		}
		// Twice what is kept: channels that are full give up one message for each.
		if _, err := p.Keep(ctx, control.Keeping{Channels: c.Keeping.Channels, Each: 2 * control.KeptMessages}); err != nil {
			return err
		}
		residentAfter, heapAfter, err := look(ctx, p)
		if err != nil {
			return err
		}
		messages := float64(c.Keeping.Channels * control.KeptMessages)
		samples.Add(report.KeptResident, float64(residentAfter-resident)/messages-control.MessageBytes)
		samples.Add(report.KeptHeap, float64(heapAfter-heap)/messages-control.MessageBytes)
		return nil
	})
}

// look is at bytes: the resident ones first, since the heap is collected for the other.
func look(ctx context.Context, p *peer.Peer) (resident, heap int, err error) {
	timer := time.NewTimer(settled)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return 0, 0, context.Cause(ctx)
	}
	if resident, err = p.Resident(); err != nil {
		return 0, 0, err
	}
	heap, err = p.Heap(ctx)
	return resident << 10, heap, err
}

// nobodyElse is the credential of a client that is none of a crowd.
func nobodyElse(k peer.Kind) func(int) string {
	if !k.Identity {
		return nil
	}
	return func(int) string { return peer.Token(-1) }
}

// perThousand is in milliseconds.
func perThousand(spent time.Duration, n float64) float64 { return milliseconds(spent) * 1000 / n }
