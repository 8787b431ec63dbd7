package report

import (
	"fmt"
	"html"
	"io"
	"strings"
	"time"
)

// A panel is one figure as bars, longest is best or worst by its title.
type panel struct {
	title  string
	figure Figure
	peers  []string
}

var everyone = []string{"raw_coalesced", "hub", "centrifuge", "raw", "node", "library"}

// Of the raw loops memory tells nothing: they hold no sessions.
var panels = []panel{
	{"deliveries per second on one core (more is better)", DeliveriesW32, everyone},
	{"CPU per delivery, microseconds (less is better)", CPUW32, everyone},
	{"KiB per idle session (less is better)", Idle, []string{"hub", "centrifuge", "node", "library"}},
}

// Sizes in SVG units, which are pixels in a README.
const (
	chartWidth = 760
	labelWidth = 130
	valueWidth = 90
	barHeight  = 18
	barStep    = 24
	panelGap   = 18
)

// Colors that can be read on white and on GitHub's dark grey.
const chartStyle = `<style>
text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328 }
.title { font-weight: 600 }
.note { font-size: 11px; fill: #59636e }
.bar { fill: #8c959f }
.hub { fill: #0969da }
.limit { fill: #bfc7d0 }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc }
  .note { fill: #9198a1 }
  .bar { fill: #656c76 }
  .hub { fill: #4493f8 }
  .limit { fill: #3d444d }
}
</style>
`

// WriteChart writes the figures that tell most as bars.
func (r *Run) WriteChart(w io.Writer) error {
	var body strings.Builder
	y := 24
	for _, p := range panels {
		y = r.writePanel(&body, p, y)
	}
	fmt.Fprintf(&body, `<text class="note" x="0" y="%d">%s</text>`+"\n", y, html.EscapeString(fmt.Sprintf(
		"%s. %d subscribers, messages of 128 bytes, 32 outstanding. raw: a write for each message; raw coalesced: the limit.",
		r.Meta.Date.Format(time.DateOnly), r.Meta.Subscribers)))
	height := y + 10
	_, err := fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" `+
		`role="img" aria-label="The hub and its peers">`+"\n%s%s</svg>\n",
		chartWidth, height, chartWidth, height, chartStyle, body.String())
	return err
}

// writePanel draws below y and returns where the next may begin.
func (r *Run) writePanel(b *strings.Builder, p panel, y int) int {
	fmt.Fprintf(b, `<text class="title" x="0" y="%d">%s</text>`+"\n", y, html.EscapeString(p.title))
	y += 10
	longest := 0.0
	for _, name := range p.peers {
		if peer := r.Peer(name); peer != nil {
			if v, ok := peer.Samples.Median(p.figure); ok {
				longest = max(longest, v)
			}
		}
	}
	for _, name := range p.peers {
		peer := r.Peer(name)
		if peer == nil {
			continue
		}
		value, ok := peer.Samples.Median(p.figure)
		length := 1.0
		if ok && longest > 0 {
			length = max(value/longest*(chartWidth-labelWidth-valueWidth), 1)
		}
		fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="end">%s</text>`,
			labelWidth-8, y+14, html.EscapeString(strings.ReplaceAll(name, "_", " ")))
		if ok {
			fmt.Fprintf(b, `<rect class="%s" x="%d" y="%d" width="%.1f" height="%d" rx="2"/>`,
				class(name), labelWidth, y, length, barHeight)
		}
		fmt.Fprintf(b, `<text x="%.1f" y="%d">%s</text>`+"\n", labelWidth+length+6, y+14, cell(value, ok))
		y += barStep
	}
	return y + panelGap
}

func class(name string) string {
	switch name {
	case "hub":
		return "hub"
	case "raw", "raw_coalesced":
		return "limit"
	}
	return "bar"
}
