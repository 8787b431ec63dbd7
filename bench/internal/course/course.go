// Package course is the order of a benchmark: who is measured when, for how
// long, and what becomes of what was seen.
//
// All peers run in turn, and then again, round by round: a machine that is
// busier for a minute spoils one round of everyone, not everything of one.
// Each peer's round is a new process, and one server runs at a time. What is
// idle is measured after that, of all side by side, since being idle takes no
// processor from a neighbour.
//
// What goes wrong with one peer is a note, and the others go on.
package course

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/realtime-hub/hub/bench/internal/load"
	"github.com/realtime-hub/hub/bench/internal/peer"
	"github.com/realtime-hub/hub/bench/internal/report"
)

// A Course is how is measured.
type Course struct {
	Kinds       []peer.Kind
	Workshop    peer.Workshop
	Core        int // of the servers, or affinity.None
	Subscribers int
	Rounds      int
	Plan        load.Plan // of each figure of a round
	Keeping     Keeping
	// IdleSessions are held for Settle after the last connect; 0: not measured.
	IdleSessions int
	Settle       time.Duration
	// Budget is for the rounds: no round begins that would not end in it by the
	// time of the one before; 0: no limit. The first is always run.
	Budget time.Duration
	// IdleEnd is when the last look at idle sessions should be over; a server
	// that cannot be filled by then is left out. Zero: no limit.
	IdleEnd time.Time
	// End is when everything should be over; what is not is left out. Zero: no limit.
	End time.Time
	// Holder is the command of a process that calls Hold; the Holding's JSON
	// follows as its last argument.
	Holder []string
	// Say tells the user where it stands.
	Say func(format string, args ...any)
}

const (
	// width is how many clients connect, and how many ask, at the same time.
	width = 256
	// window is W32's.
	window = 32
	// pace is the deliveries per second at which latency is measured.
	pace = 100_000
)

// Run runs the whole course. The error is ctx's; all others are notes.
func (c *Course) Run(ctx context.Context) (*report.Run, error) {
	r := &report.Run{}
	for _, k := range c.Kinds {
		r.Peers = append(r.Peers, report.Peer{Name: k.Name, Samples: report.Samples{}})
	}
	begin := time.Now()
	for round := range c.Rounds {
		if passed := time.Since(begin); c.Budget > 0 && round > 0 && passed+passed/time.Duration(round) > c.Budget {
			r.Notes = append(r.Notes, fmt.Sprintf("rounds: %d of %d; there was no time for more", round, c.Rounds))
			break
		}
		r.Meta.Rounds = round + 1
		for i, k := range c.Kinds {
			c.turn(ctx, k, r, r.Peers[i].Samples)
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
		}
	}
	if c.IdleSessions > 0 {
		c.idle(ctx, r)
	}
	c.once(ctx, r)
	return r, context.Cause(ctx)
}

// turn is a round of one peer. When ctx has ended what is noted is worth nothing.
func (c *Course) turn(ctx context.Context, k peer.Kind, r *report.Run, samples report.Samples) {
	say := func(outcome string) { c.Say("round %d of %d: %-13s %s", r.Meta.Rounds, c.Rounds, k.Name, outcome) }
	began := time.Now()
	err := c.round(ctx, k, samples)
	note(r, k.Name, err)
	say(fmt.Sprintf("%s, in %.1f s", outcome(samples, err), time.Since(began).Seconds()))
	if k.Inbound && ctx.Err() == nil {
		err := c.inbound(ctx, k, samples)
		if err != nil {
			note(r, k.Name, fmt.Errorf("inbound: %w", err))
		}
		say(inboundOutcome(samples, err))
	}
	if k.Keeps && ctx.Err() == nil && c.Keeping.Resumes > 0 {
		err := c.alone(ctx, k, func(p *peer.Peer) error { return c.resumes(ctx, k, p, samples) })
		if err != nil {
			note(r, k.Name, fmt.Errorf("resumes: %w", err))
		}
		say(resumesOutcome(samples, err))
	}
	if k.Keeps && ctx.Err() == nil && c.Keeping.Joins > 0 {
		err := c.alone(ctx, k, func(p *peer.Peer) error { return c.presence(ctx, k, p, samples) })
		if err != nil {
			note(r, k.Name, fmt.Errorf("presence: %w", err))
		}
		say(presenceOutcome(samples, err))
	}
}

// note keeps an error, once. Want of time is none, and what is not built yet.
func note(r *report.Run, name string, err error) {
	if err == nil {
		return
	}
	r.Failed = r.Failed || !errors.Is(err, errNoTime) && !errors.Is(err, load.ErrNotBuilt)
	if text := name + ": " + err.Error(); !slices.Contains(r.Notes, text) {
		r.Notes = append(r.Notes, text)
	}
}

func outcome(s report.Samples, err error) string {
	if err != nil {
		return "failed: " + err.Error()
	}
	last := s.Last
	return fmt.Sprintf("%.0f deliveries/s, %.2f CPU-s per million (W1 %.2f), p50 %.0f ms, %.0f connects/s",
		last(report.DeliveriesW32), last(report.CPUW32), last(report.CPUW1), last(report.P50), last(report.Connects))
}

func inboundOutcome(s report.Samples, err error) string {
	if err != nil {
		return "inbound failed: " + err.Error()
	}
	return fmt.Sprintf("inbound %.0f messages/s at least once (%.1f µs of CPU each), %.0f at most once (%.1f)",
		s.Last(report.InboundALO), s.Last(report.InboundALOCPU), s.Last(report.InboundAMO), s.Last(report.InboundAMOCPU))
}

func resumesOutcome(s report.Samples, err error) string {
	if err != nil {
		return "resumes failed: " + err.Error()
	}
	return fmt.Sprintf("%.0f resumes/s, %.1f CPU-ms per thousand (%.1f with connects)",
		s.Last(report.Resumes), s.Last(report.ResumeCPU), s.Last(report.ReturnCPU))
}

func presenceOutcome(s report.Samples, err error) string {
	if err != nil {
		return "presence failed: " + err.Error()
	}
	return fmt.Sprintf("%.0f joins/s of which all are told, %.1f CPU-ms per thousand, leaves %.1f",
		s.Last(report.Joins), s.Last(report.JoinCPU), s.Last(report.LeaveCPU))
}
