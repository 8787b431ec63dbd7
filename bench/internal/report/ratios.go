package report

import "slices"

// A ratio compares the hub with a peer in one figure. Ratios are taken within
// a round, whose servers ran within a minute of each other, and then the median
// of the rounds: what else happens on the machine hits both sides.
type ratio struct {
	title  string
	figure Figure
	peer   string
	// wanted is the bound the hub was built for; atMost: from above.
	wanted float64
	atMost bool
}

// ratios are what the hub is built to reach.
var ratios = []ratio{
	{title: "deliveries/s, W32: hub ÷ node", figure: DeliveriesW32, peer: "node", wanted: 25},
	{title: "deliveries/s, W32: hub ÷ centrifuge", figure: DeliveriesW32, peer: "centrifuge", wanted: 10},
	{title: "deliveries/s, W32: hub ÷ raw coalesced", figure: DeliveriesW32, peer: "raw_coalesced", wanted: 0.6},
	{title: "CPU per delivery, W1: hub ÷ node", figure: CPUW1, peer: "node", wanted: 0.4, atMost: true},
	{title: "CPU per delivery, W1: hub ÷ raw", figure: CPUW1, peer: "raw", wanted: 1.25, atMost: true},
	{title: "CPU per delivery, W32: hub ÷ raw coalesced", figure: CPUW32, peer: "raw_coalesced"},
	{title: "p50 at 100k deliveries/s: hub ÷ raw", figure: P50, peer: "raw", wanted: 1.2, atMost: true},
	{title: "connects/s: hub ÷ node", figure: Connects, peer: "node", wanted: 2},
}

// bound is a figure of the hub's own.
type bound struct {
	title  string
	figure Figure
	wanted float64
}

var bounds = []bound{
	{title: "idle memory per session, KiB", figure: Idle, wanted: 3},
	{title: "goroutines per idle session", figure: Goroutines, wanted: 0},
}

// of are the values of the rounds that both sides have.
func (q ratio) of(r *Run) []float64 {
	hub, other := r.Peer("hub"), r.Peer(q.peer)
	if hub == nil || other == nil {
		return nil
	}
	ours, theirs := hub.Samples[q.figure], other.Samples[q.figure]
	var values []float64
	for i := range min(len(ours), len(theirs)) {
		if theirs[i] > 0 {
			values = append(values, ours[i]/theirs[i])
		}
	}
	return slices.Clip(values)
}

func (q ratio) met(value float64) bool {
	if q.atMost {
		return value <= q.wanted
	}
	return value >= q.wanted
}

// goal is what is wanted and what became of it, as texts.
func (q ratio) goal(value float64, known bool) (wanted, verdict string) {
	switch {
	case q.wanted == 0:
		return "–", ""
	case q.atMost:
		wanted = "≤ " + number(q.wanted)
	default:
		wanted = "≥ " + number(q.wanted)
	}
	return wanted, verdictOf(known, q.met(value))
}
