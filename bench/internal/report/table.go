package report

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// row is a figure of the table.
type row struct {
	title  string
	figure Figure
}

var rows = []row{
	{"deliveries/s, 32 broadcasts outstanding (W32)", DeliveriesW32},
	{"CPU-seconds per million deliveries, W32", CPUW32},
	{"share of its core that the server had, W32", CoreW32},
	{"deliveries/s, one outstanding (W1)", DeliveriesW1},
	{"CPU-seconds per million deliveries, W1", CPUW1},
	{"p50 ms at 100k deliveries/s", P50},
	{"p99 ms at 100k deliveries/s", P99},
	{"KiB per idle session", Idle},
	{"goroutines per idle session", Goroutines},
	{"connects/s, with handshake and one subscription", Connects},
	{"requests with an answer per second, no worker asked", Requests},
	{"bytes of a message", MessageBytes},
}

// WriteTable writes Markdown: medians, ratios with what was wanted, and how it was measured.
func (r *Run) WriteTable(w io.Writer) error {
	var b strings.Builder
	kind := "make bench"
	if r.Meta.Quick {
		kind = "make bench QUICK=1"
	}
	fmt.Fprintf(&b, "# The hub and its peers, %s\n\n", r.Meta.Date.Format(time.DateOnly))
	fmt.Fprintf(&b, "`%s`, commit %s. %s, %s%s. %d subscribers, medians of %d rounds of %s a figure.\n",
		kind, or(r.Meta.Commit, "unknown"), r.Meta.Machine, r.Meta.Go, prefixed(", Node ", r.Meta.Node),
		r.Meta.Subscribers, r.Meta.Rounds, r.Meta.Measured)
	if r.Meta.Pinned {
		b.WriteString("The server is bound to one core, the generator to another.")
	} else {
		b.WriteString("Server and generator are not bound to cores: compare with care.")
	}
	if r.Meta.Load != "" {
		fmt.Fprintf(&b, " Load average at the start: %s.", r.Meta.Load)
	}
	b.WriteString("\n\n")
	r.writeFigures(&b)
	r.writeRatios(&b)
	r.writeInbound(&b)
	r.writeKeeping(&b)
	r.writeIdle(&b)
	r.writeSpread(&b)
	if len(r.Notes) > 0 {
		b.WriteString("\n## Not measured\n")
		for _, n := range r.Notes {
			first, _, _ := strings.Cut(n, "\n")
			fmt.Fprintf(&b, "- %s\n", first)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Run) writeFigures(b *strings.Builder) {
	r.writeHead(b)
	for _, line := range rows {
		fmt.Fprintf(b, "| %s |", line.title)
		for _, p := range r.Peers {
			fmt.Fprintf(b, " %s |", cell(p.Samples.Median(line.figure)))
		}
		b.WriteString("\n")
	}
	b.WriteString("\nThe hub is told to broadcast by gRPC calls (Broadcast, or BroadcastBatch where several are due), which its figures\n" +
		"hold; the others by a line on a socket. Requests are `hub:unsubscribe` at the hub, an event with an ack in Socket.IO, an RPC in\n" +
		"centrifuge; what the hub's workers answer has its own section.\n")
}

func (r *Run) writeHead(b *strings.Builder) {
	b.WriteString("| |")
	for _, p := range r.Peers {
		fmt.Fprintf(b, " %s |", strings.ReplaceAll(p.Name, "_", " "))
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(r.Peers)) + "\n")
}

func (r *Run) writeRatios(b *strings.Builder) {
	if r.Peer("hub") == nil {
		return
	}
	b.WriteString("\n## The hub against what it is built to reach\n\n| | median | spread | wanted | |\n|---|---|---|---|---|\n")
	for _, q := range ratios {
		values := q.of(r)
		m, ok := median(values)
		wanted, verdict := q.goal(m, ok)
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s |\n", q.title, cell(m, ok), spread(values), wanted, verdict)
	}
	for _, q := range bounds {
		m, ok := r.Peer("hub").Samples.Median(q.figure)
		met := number(m) == number(0) || m <= q.wanted // 3 goroutines of 10,000 sessions are the server's own
		fmt.Fprintf(b, "| %s | %s | | ≤ %s | %s |\n", q.title, cell(m, ok), number(q.wanted), verdictOf(ok, met))
	}
}

func (r *Run) writeInbound(b *strings.Builder) {
	hub := r.Peer("hub")
	if hub == nil {
		return
	}
	in := r.Meta.Inbound
	fmt.Fprintf(b, "\n## Inbound: browser → worker → ack → browser\n\n"+
		"%d sessions, each with %d messages of 128 bytes unanswered, to %d workers that ack at once. The hub has its core; browsers and\n"+
		"workers share the generator's.\n\n"+
		"| | messages/s | spread | wanted | | the hub's CPU-µs per message | share of its core | the generator's | share |\n"+
		"|---|---|---|---|---|---|---|---|---|\n",
		in.Sessions, in.Window, in.Workers)
	line := func(title string, messages, cpu, own Figure, wanted float64) {
		perSecond, known := hub.Samples.Median(messages)
		each, _ := hub.Samples.Median(cpu)
		generator, measured := hub.Samples.Median(own)
		fmt.Fprintf(b, "| %s | %s | %s | ≥ %s | %s | %s | %s | %s | %s |\n", title, cell(perSecond, known), spread(hub.Samples[messages]),
			number(wanted), verdictOf(known, perSecond >= wanted), cell(each, known), cell(perSecond*each/1e6, known),
			cell(generator, measured), cell(perSecond*generator/1e6, measured))
	}
	line("at least once", InboundALO, InboundALOCPU, InboundALOOwn, 15_000)
	line("at most once", InboundAMO, InboundAMOCPU, InboundAMOOwn, 25_000)
}

func (r *Run) writeIdle(b *strings.Builder) {
	if len(r.Variants) == 0 {
		return
	}
	fmt.Fprintf(b, "\n## The hub's idle sessions by how they came\n\n%d sessions, %s after the last connect, no forced collection.\n\n"+
		"| | KiB per session | goroutines |\n|---|---|---|\n", r.Meta.IdleSessions, r.Meta.Settle)
	all := r.Variants
	if hub := r.Peer("hub"); hub != nil {
		all = append([]Peer{{Name: "hub_websocket", Samples: hub.Samples}}, all...)
	}
	for _, v := range all {
		fmt.Fprintf(b, "| %s | %s | %s |\n", strings.TrimPrefix(v.Name, "hub_"),
			cell(v.Samples.Median(Idle)), cell(v.Samples.Median(Goroutines)))
	}
}

func (r *Run) writeSpread(b *strings.Builder) {
	if r.Meta.Rounds < 2 {
		return
	}
	b.WriteString("\n## Least and greatest of the rounds\n\n")
	r.writeHead(b)
	for _, line := range rows {
		if line.figure == Idle || line.figure == Goroutines || line.figure == MessageBytes {
			continue // measured once
		}
		fmt.Fprintf(b, "| %s |", line.title)
		for _, p := range r.Peers {
			fmt.Fprintf(b, " %s |", or(spread(p.Samples[line.figure]), "–"))
		}
		b.WriteString("\n")
	}
}

func verdictOf(known, met bool) string {
	switch {
	case !known:
		return "not measured"
	case met:
		return "reached"
	}
	return "**missed**"
}

func cell(value float64, ok bool) string {
	if !ok {
		return "–"
	}
	return number(value)
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

func prefixed(prefix, text string) string {
	if text == "" {
		return ""
	}
	return prefix + text
}
