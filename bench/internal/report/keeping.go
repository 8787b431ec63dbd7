package report

import (
	"fmt"
	"strings"
)

// Keeping is what history and presence were measured with.
type Keeping struct {
	Resumes  int `json:"resumes"`  // sessions that return at once
	Messages int `json:"messages"` // that each is told then, and that a channel keeps
	Bytes    int `json:"bytes"`    // of a kept message's payload
	Channels int `json:"channels"` // whose memory is measured
	Joins    int `json:"joins"`    // sessions that come into one channel at once and are told of each other
	Listed   int `json:"listed"`   // those that come into one that is too large for that
}

// keptRows compare the hub with centrifuge: at least is what the hub is to be
// ahead in, at most what it is to be below in.
var keptRows = []ratio{
	{title: "resumes/s, of connected sessions", figure: Resumes, wanted: 1},
	{title: "CPU-ms per 1,000 resumes", figure: ResumeCPU, wanted: 1, atMost: true},
	{title: "resumes/s, with connects", figure: Returns, wanted: 1},
	{title: "CPU-ms per 1,000 resumes with connects", figure: ReturnCPU, wanted: 1, atMost: true},
	{title: "bytes that a resume sends", figure: ResumeBytes},
	{title: "heap bytes per kept message beyond its payload", figure: KeptHeap, wanted: 1, atMost: true},
	{title: "resident bytes, the same", figure: KeptResident},
	{title: "heap bytes, the same, delivered to one session", figure: HeardHeap, wanted: 1, atMost: true},
	{title: "presence joins/s, until all are told of all", figure: Joins, wanted: 1},
	{title: "CPU-ms per 1,000 joins", figure: JoinCPU, wanted: 1, atMost: true},
	{title: "CPU-ms per 1,000 leaves", figure: LeaveCPU, wanted: 1, atMost: true},
	{title: "joins/s into a large channel", figure: Listed},
	{title: "CPU-ms per 1,000 joins into it", figure: ListedCPU},
	{title: "CPU-ms per 1,000 leaves out of it", figure: UnlistedCPU},
}

func (r *Run) writeKeeping(b *strings.Builder) {
	hub, k := r.Peer("hub"), r.Meta.Keeping
	if hub == nil || k == (Keeping{}) {
		return
	}
	fmt.Fprintf(b, "\n## History and presence\n\n"+
		"%d sessions return at once, each to %d messages with payloads of %d bytes, which it gets once and in order. %d channels keep\n"+
		"%[2]d messages each, which nobody has heard, or one session where a row says so. %[5]d sessions come into one channel with presence\n"+
		"and leave it, and are told of each other. In a large channel, of %[6]d, the hub tells that there was too much to tell, and\n"+
		"centrifuge tells nothing.\n\n"+
		"| | hub | centrifuge | hub ÷ centrifuge | spread | wanted | |\n|---|---|---|---|---|---|---|\n",
		k.Resumes, k.Messages, k.Bytes, k.Channels, k.Joins, k.Listed)
	theirs := Samples{}
	if peer := r.Peer("centrifuge"); peer != nil {
		theirs = peer.Samples
	}
	for _, q := range keptRows {
		q.peer = "centrifuge"
		values := q.of(r)
		m, ok := median(values)
		wanted, verdict := q.goal(m, ok)
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s | %s |\n", q.title, cell(hub.Samples.Median(q.figure)), cell(theirs.Median(q.figure)),
			cell(m, ok), spread(values), wanted, verdict)
	}
}
