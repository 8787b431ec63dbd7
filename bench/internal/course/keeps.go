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
	// Joins are the sessions that come into one channel at once, whose members
	// are told of each other.
	Joins int
	// Listed are those that come into one that is too large for that, and Quiet is
	// how long nothing has come to them when all is told: the hub waits 2.5 s after
	// it has told ten thousand.
	Listed int
	Quiet  time.Duration
	// Settle is how long a server was left alone when its memory is measured.
	Settle time.Duration
}

// quietTold is Quiet where all are told of all. The hub gathers what changes
// for a quarter of a second.
const quietTold = 800 * time.Millisecond

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
	again, leave := protocol.Keeps.Resuming(channel, since, control.KeptMessages), protocol.Keeps.Leaving(channel, 0)
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
	n := c.Keeping.Resumes
	samples.Add(report.Returns, float64(n)/returned.Took.Seconds())
	samples.Add(report.ReturnCPU, perThousand(returned.CPU, n))
	n *= bursts
	samples.Add(report.Resumes, float64(n)/all.Took.Seconds())
	samples.Add(report.ResumeCPU, perThousand(all.CPU, n))
	samples.Add(report.ResumeBytes, float64(all.Bytes)/float64(n))
	return nil
}

// presence measures sessions that come into one channel and leave it, each at
// once, and are told of each other.
func (c *Course) presence(ctx context.Context, k peer.Kind, p *peer.Peer, samples report.Samples) error {
	n := c.Keeping.Joins
	came, went, err := c.visit(ctx, k, p, n, control.Told, quietTold)
	if err != nil {
		return err
	}
	// Whoever was there was to hear of each who came later, at least.
	if came.Names < n*(n-1)/2 {
		return fmt.Errorf("%d sessions came, and all together heard of %d", n, came.Names)
	}
	samples.Add(report.Joins, float64(n)/came.Told.Seconds())
	samples.Add(report.JoinCPU, perThousand(came.CPU, n))
	samples.Add(report.LeaveCPU, perThousand(went.CPU, n))
	return nil
}

// listed is the same of a channel that is too large, once.
func (c *Course) listed(ctx context.Context, k peer.Kind, p *peer.Peer, samples report.Samples) error {
	n := c.Keeping.Listed
	came, went, err := c.visit(ctx, k, p, n, control.Listed, c.Keeping.Quiet)
	if err != nil {
		return err
	}
	samples.Add(report.Listed, float64(n)/came.Took.Seconds())
	samples.Add(report.ListedCPU, perThousand(came.CPU, n))
	samples.Add(report.UnlistedCPU, perThousand(went.CPU, n))
	return nil
}

// visit has n sessions join a channel and leave it. The server must count them.
func (c *Course) visit(ctx context.Context, k peer.Kind, p *peer.Peer, n int, channel string, quiet time.Duration) (
	came, went load.Spent, err error,
) {
	protocol := k.Protocol.Unsubscribed()
	observer, _, err := load.Gather(ctx, p.Clients, protocol, 1, 1, nobodyElse(k))
	if err != nil {
		return came, went, err
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
		return came, went, err
	}
	join, leave := protocol.Keeps.Joining(channel, quiet), protocol.Keeps.Leaving(channel, quiet)
	// The first makes a server load code.
	for _, b := range []load.Burst{protocol.Keeps.Joining(channel, quietTold), protocol.Keeps.Leaving(channel, quietTold)} {
		if _, err := observer.Burst(ctx, b, c.Plan.Drain, p.CPU); err != nil {
			return came, went, err
		}
	}
	crowd, _, err := load.Gather(ctx, p.Clients, protocol, n, width, credential(k))
	if err != nil {
		return came, went, err
	}
	defer crowd.Close()
	came, err = crowd.Burst(ctx, join, c.Plan.Drain, p.CPU)
	if err == nil {
		err = count(n)
	}
	if err != nil {
		return came, went, fmt.Errorf("joins: %w", err)
	}
	went, err = crowd.Burst(ctx, leave, c.Plan.Drain, p.CPU)
	if err == nil {
		err = count(0)
	}
	if err != nil {
		return came, went, fmt.Errorf("leaves: %w", err)
	}
	return came, went, nil
}

// once measures what is measured once of all that keep, one after the other.
func (c *Course) once(ctx context.Context, r *report.Run) {
	for i, k := range c.Kinds {
		samples := r.Peers[i].Samples
		for _, heard := range []bool{false, true} {
			if k.Keeps && c.Keeping.Channels > 0 && ctx.Err() == nil {
				err := c.inTime(ctx, k, func(ctx context.Context, p *peer.Peer) error { return c.memory(ctx, k, p, samples, heard) })
				c.outcome(r, k.Name, "kept", err, fmt.Sprintf("%.0f bytes beyond a payload (heard: %.0f, resident %.0f)",
					samples.Last(report.KeptHeap), samples.Last(report.HeardHeap), samples.Last(report.KeptResident)))
			}
		}
		if k.Keeps && c.Keeping.Listed > 0 && ctx.Err() == nil {
			err := c.inTime(ctx, k, func(ctx context.Context, p *peer.Peer) error { return c.listed(ctx, k, p, samples) })
			c.outcome(r, k.Name, "presence", err, fmt.Sprintf("%.0f joins/s into one channel, %.1f CPU-ms per thousand",
				samples.Last(report.Listed), samples.Last(report.ListedCPU)))
		}
	}
}

// inTime is alone, until End at most.
func (c *Course) inTime(ctx context.Context, k peer.Kind, f func(context.Context, *peer.Peer) error) error {
	if !c.End.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadlineCause(ctx, c.End, errNoTime)
		defer cancel()
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	err := c.alone(ctx, k, func(p *peer.Peer) error { return f(ctx, p) })
	if errors.Is(context.Cause(ctx), errNoTime) {
		return errNoTime // and what else ended with it
	}
	return err
}

// outcome is told, and noted where it is an error.
func (c *Course) outcome(r *report.Run, name, what string, err error, text string) {
	if err != nil {
		note(r, name, fmt.Errorf("%s: %w", what, err))
		text = "failed: " + err.Error()
	}
	c.Say("%s: %-13s %s", what, name, text)
}

// memory measures what a kept message takes beyond its payload, once: of what
// the process has in memory, and of what is alive in its heap. Heard ones were
// delivered to one session.
func (c *Course) memory(ctx context.Context, k peer.Kind, p *peer.Peer, samples report.Samples, heard bool) error {
	// The first channel makes the server load code: not the price of one more.
	if _, err := p.Keep(ctx, control.Keeping{First: 2 * c.Keeping.Channels, Channels: 1, Each: control.KeptMessages}); err != nil {
		return err
	}
	if heard {
		crowd, err := c.listen(ctx, k, p)
		if err != nil {
			return err
		}
		defer crowd.Close()
	}
	resident, heap, err := c.weigh(ctx, p)
	if err != nil {
		return err
	}
	// Twice what is kept: channels that are full give up one message for each.
	if _, err := p.Keep(ctx, control.Keeping{Channels: c.Keeping.Channels, Each: 2 * control.KeptMessages}); err != nil {
		return err
	}
	residentAfter, heapAfter, err := c.weigh(ctx, p)
	if err != nil {
		return err
	}
	messages := float64(c.Keeping.Channels * control.KeptMessages)
	if heard {
		samples.Add(report.HeardHeap, float64(heapAfter-heap)/messages-control.MessageBytes)
		return nil
	}
	samples.Add(report.KeptResident, float64(residentAfter-resident)/messages-control.MessageBytes)
	samples.Add(report.KeptHeap, float64(heapAfter-heap)/messages-control.MessageBytes)
	return nil
}

// listen has sessions subscribe to all channels, at most a hundred each: the
// hub lets a session have 128.
func (c *Course) listen(ctx context.Context, k peer.Kind, p *peer.Peer) (*load.Crowd, error) {
	const each = 100
	sessions := (c.Keeping.Channels + each - 1) / each
	protocol := k.Protocol.Unsubscribed()
	crowd, _, err := load.Gather(ctx, p.Clients, protocol, sessions, width, credential(k))
	if err != nil {
		return nil, err
	}
	for first := 0; first < c.Keeping.Channels; first += sessions {
		if _, err := crowd.Burst(ctx, protocol.Keeps.Listening(first), c.Plan.Drain, p.CPU); err != nil {
			crowd.Close()
			return nil, err
		}
	}
	return crowd, nil
}

// weigh is the bytes of both: the resident ones first, since the heap is collected for the other.
func (c *Course) weigh(ctx context.Context, p *peer.Peer) (resident, heap int, err error) {
	timer := time.NewTimer(c.Keeping.Settle)
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
func perThousand(spent time.Duration, n int) float64 { return milliseconds(spent) * 1000 / float64(n) }
