// Package report is what a benchmark says at its end: medians and ratios of
// what was measured, as a table for people, JSON for programs, and a chart.
//
// Nothing is left out silently: a figure that could not be measured is null in
// JSON and a dash in the table, with a note that says why.
package report

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// A Figure is something that is measured of each peer; its text is the key in JSON.
type Figure string

// The figures.
const (
	DeliveriesW32 Figure = "deliveries_per_s_w32"
	CPUW32        Figure = "cpu_s_per_million_w32"
	DeliveriesW1  Figure = "deliveries_per_s_w1"
	CPUW1         Figure = "cpu_s_per_million_w1"
	P50           Figure = "p50_ms"
	P99           Figure = "p99_ms"
	Idle          Figure = "idle_kib_per_session"
	Goroutines    Figure = "goroutines_per_session"
	Connects      Figure = "connects_per_s"
	Requests      Figure = "requests_per_s"
	MessageBytes  Figure = "message_bytes"
	// InboundALO and the others are of the hub's inbound path, at least once and
	// at most once: messages per second, and CPU-microseconds of the hub's and of the
	// generator's for each.
	InboundALO    Figure = "inbound_alo_per_s"
	InboundALOCPU Figure = "inbound_alo_cpu_us"
	InboundALOOwn Figure = "inbound_alo_generator_cpu_us"
	InboundAMO    Figure = "inbound_amo_per_s"
	InboundAMOCPU Figure = "inbound_amo_cpu_us"
	InboundAMOOwn Figure = "inbound_amo_generator_cpu_us"
	// Returns and the others are of sessions that come back to a channel that has
	// kept what they missed: with their connects, and where they are connected.
	Returns     Figure = "returns_per_s"
	ReturnCPU   Figure = "return_cpu_ms_per_thousand"
	Resumes     Figure = "resumes_per_s"
	ResumeCPU   Figure = "resume_cpu_ms_per_thousand"
	ResumeBytes Figure = "resume_bytes"
	// KeptHeap and the others are the bytes of a kept message beyond its payload: of
	// one that nobody heard, and of one that was delivered.
	KeptHeap     Figure = "kept_bytes_beyond_payload"
	HeardHeap    Figure = "heard_bytes_beyond_payload"
	KeptResident Figure = "kept_resident_bytes_beyond_payload"
	// Joins and the others are of sessions that come into one channel and are told
	// of each other.
	Joins    Figure = "presence_joins_per_s"
	JoinCPU  Figure = "presence_join_cpu_ms_per_thousand"
	LeaveCPU Figure = "presence_leave_cpu_ms_per_thousand"
	// Listed and the others are the same of a channel that is too large for that.
	Listed      Figure = "presence_listed_joins_per_s"
	ListedCPU   Figure = "presence_listed_join_cpu_ms_per_thousand"
	UnlistedCPU Figure = "presence_listed_leave_cpu_ms_per_thousand"
	// CoreW32 is the part of its core that the server had: much less than 1
	// where others had it, or where the generator was the slower one.
	CoreW32 Figure = "core_share_w32"
)

// Samples are the values of a figure, one for each round; none: not measured.
type Samples map[Figure][]float64

// Add appends a round's value.
func (s Samples) Add(f Figure, value float64) { s[f] = append(s[f], value) }

// Last is the value of the last round that has one, or 0.
func (s Samples) Last(f Figure) float64 {
	if len(s[f]) == 0 {
		return 0
	}
	return s[f][len(s[f])-1]
}

// Median is the middle of a figure's values, the mean of both middles of an
// even number.
func (s Samples) Median(f Figure) (float64, bool) { return median(s[f]) }

func median(values []float64) (float64, bool) {
	if len(values) == 0 {
		return 0, false
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 0 {
		return (sorted[middle-1] + sorted[middle]) / 2, true
	}
	return sorted[middle], true
}

// spread is from the least to the greatest value, as a text; empty where there
// is only one.
func spread(values []float64) string {
	if len(values) < 2 {
		return ""
	}
	return number(slices.Min(values)) + "–" + number(slices.Max(values))
}

// number writes a value with three significant digits.
func number(v float64) string {
	switch abs := math.Abs(v); {
	case abs >= 999_500:
		return fmt.Sprintf("%.3gM", v/1e6)
	case abs >= 9_995:
		return fmt.Sprintf("%.0fk", v/1e3)
	case abs >= 99.95:
		return fmt.Sprintf("%.0f", v)
	case abs >= 9.995:
		return fmt.Sprintf("%.1f", v)
	case abs < 0.005:
		return "0"
	default:
		return fmt.Sprintf("%.2f", v)
	}
}

// A Peer is all that was measured of one server.
type Peer struct {
	Name    string
	Samples Samples
}

// A Run is a whole benchmark.
type Run struct {
	Meta Meta
	// Peers are in the order of the table.
	Peers []Peer
	// Variants are the hub's other sessions, of which only the cost of being
	// idle is measured.
	Variants []Peer
	// Notes say what is missing, and why.
	Notes []string
	// Failed says that one of them is a failure, not a lack of time or of Node.
	Failed bool
}

// Meta is how and where was measured.
type Meta struct {
	Date         time.Time `json:"date"`
	Quick        bool      `json:"quick"`
	Commit       string    `json:"commit,omitempty"`
	Machine      string    `json:"machine"`
	Load         string    `json:"load_average_at_start,omitempty"`
	Go           string    `json:"go"`
	Node         string    `json:"node,omitempty"`
	Subscribers  int       `json:"subscribers"`
	IdleSessions int       `json:"idle_sessions"`
	Settle       string    `json:"idle_settle"`
	Rounds       int       `json:"rounds"`
	Measured     string    `json:"measured_per_figure_and_round"`
	Pinned       bool      `json:"pinned"`
	Inbound      Inbound   `json:"inbound"`
	Keeping      Keeping   `json:"keeping"`
}

// Inbound is what the inbound path was measured with.
type Inbound struct {
	Sessions int `json:"sessions"`
	Window   int `json:"window"` // messages that each has unanswered
	Workers  int `json:"workers"`
}

// Peer is the one of that name, or nil.
func (r *Run) Peer(name string) *Peer {
	for i := range r.Peers {
		if r.Peers[i].Name == name {
			return &r.Peers[i]
		}
	}
	return nil
}
