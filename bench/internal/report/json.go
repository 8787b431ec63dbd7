package report

import (
	"encoding/json"
	"io"
	"math"
)

// figures are a peer's in JSON. A pointer is nil, and null in JSON, where a
// figure was not measured or has no meaning for the peer.
type figures struct {
	DeliveriesW32 *float64 `json:"deliveries_per_s_w32"`
	CPUW32        *float64 `json:"cpu_s_per_million_w32"`
	CPUW1         *float64 `json:"cpu_s_per_million_w1"`
	P50           *float64 `json:"p50_ms"`
	P99           *float64 `json:"p99_ms"`
	Idle          *float64 `json:"idle_kib_per_session"`
	Goroutines    *float64 `json:"goroutines_per_session"`
	Connects      *float64 `json:"connects_per_s"`
	// Beyond what is promised.
	DeliveriesW1 *float64 `json:"deliveries_per_s_w1"`
	Requests     *float64 `json:"requests_per_s"`
	MessageBytes *float64 `json:"message_bytes"`
	CoreW32      *float64 `json:"core_share_w32"`
	// The hub's and centrifuge's.
	Resumes      *float64 `json:"resumes_per_s"`
	ResumeCPU    *float64 `json:"resume_cpu_ms_per_thousand"`
	Returns      *float64 `json:"returns_per_s"`
	ReturnCPU    *float64 `json:"return_cpu_ms_per_thousand"`
	ResumeBytes  *float64 `json:"resume_bytes"`
	KeptHeap     *float64 `json:"kept_bytes_beyond_payload"`
	HeardHeap    *float64 `json:"heard_bytes_beyond_payload"`
	KeptResident *float64 `json:"kept_resident_bytes_beyond_payload"`
	Joins        *float64 `json:"presence_joins_per_s"`
	JoinCPU      *float64 `json:"presence_join_cpu_ms_per_thousand"`
	LeaveCPU     *float64 `json:"presence_leave_cpu_ms_per_thousand"`
	Listed       *float64 `json:"presence_listed_joins_per_s"`
	ListedCPU    *float64 `json:"presence_listed_join_cpu_ms_per_thousand"`
	UnlistedCPU  *float64 `json:"presence_listed_leave_cpu_ms_per_thousand"`
	// The hub's only.
	InboundALO    *float64 `json:"inbound_alo_per_s"`
	InboundALOCPU *float64 `json:"inbound_alo_cpu_us"`
	InboundAMO    *float64 `json:"inbound_amo_per_s"`
	InboundAMOCPU *float64 `json:"inbound_amo_cpu_us"`
}

func (s Samples) figures() figures {
	value := func(f Figure) *float64 {
		m, ok := s.Median(f)
		if !ok || math.IsNaN(m) || math.IsInf(m, 0) { // JSON has no such numbers
			return nil
		}
		rounded := math.Round(m*1e4) / 1e4
		return &rounded
	}
	return figures{
		DeliveriesW32: value(DeliveriesW32), CPUW32: value(CPUW32), CPUW1: value(CPUW1), P50: value(P50), P99: value(P99),
		Idle: value(Idle), Goroutines: value(Goroutines), Connects: value(Connects),
		DeliveriesW1: value(DeliveriesW1), Requests: value(Requests), MessageBytes: value(MessageBytes), CoreW32: value(CoreW32),
		Resumes: value(Resumes), ResumeCPU: value(ResumeCPU), Returns: value(Returns), ReturnCPU: value(ReturnCPU),
		ResumeBytes: value(ResumeBytes), KeptHeap: value(KeptHeap), HeardHeap: value(HeardHeap), KeptResident: value(KeptResident),
		Joins: value(Joins), JoinCPU: value(JoinCPU), LeaveCPU: value(LeaveCPU),
		Listed: value(Listed), ListedCPU: value(ListedCPU), UnlistedCPU: value(UnlistedCPU),
		InboundALO: value(InboundALO), InboundALOCPU: value(InboundALOCPU), InboundAMO: value(InboundAMO), InboundAMOCPU: value(InboundAMOCPU),
	}
}

// idle is what is known of a variant.
type idle struct {
	Idle       *float64 `json:"idle_kib_per_session"`
	Goroutines *float64 `json:"goroutines_per_session"`
}

// WriteJSON writes the medians: an object for each peer, and how they were
// measured under "meta". A peer that was not measured has its object too, all null.
func (r *Run) WriteJSON(w io.Writer) error {
	out := map[string]any{}
	for _, name := range []string{"hub", "node", "centrifuge", "library", "raw", "raw_coalesced"} {
		out[name] = Samples{}.figures()
	}
	rounds := map[string]Samples{}
	for _, p := range r.Peers {
		out[p.Name] = p.Samples.figures()
		rounds[p.Name] = p.Samples
	}
	variants := map[string]idle{}
	for _, v := range r.Variants {
		f := v.Samples.figures()
		variants[v.Name] = idle{f.Idle, f.Goroutines}
	}
	out["meta"] = struct {
		Meta
		Idle   map[string]idle    `json:"idle_variants"`
		Rounds map[string]Samples `json:"rounds_measured"`
		Notes  []string           `json:"notes"`
	}{r.Meta, variants, rounds, r.Notes}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(out)
}
