package report_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/realtime-hub/hub/bench/internal/report"
)

var update = flag.Bool("update", false, "write the golden files anew")

// example has everything that a writer may meet: a peer without figures,
// rounds that differ, a figure that is missing, a note of several lines.
func example() *report.Run {
	return &report.Run{
		Meta: report.Meta{
			Date: time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC), Quick: true, Commit: "0123456789ab", Machine: "a machine, 2 cores",
			Load: "0.50", Go: "go1.26", Node: "v20", Subscribers: 5000, IdleSessions: 10_000, Settle: "10s", Rounds: 3, Measured: "1s", Pinned: true,
			Inbound: report.Inbound{Sessions: 100, Window: 32, Workers: 4},
			Keeping: report.Keeping{Resumes: 1000, Messages: 100, Bytes: 128, Channels: 2000, Joins: 500, Listed: 10_000},
		},
		Peers: []report.Peer{
			{Name: "hub", Samples: report.Samples{
				report.DeliveriesW32: {4e6, 3.5e6, 4.2e6}, report.CPUW32: {0.25, 0.27, 0.24}, report.CoreW32: {1, 0.95, 1}, report.CPUW1: {4, 4.2, 4.4},
				report.P50: {14, 15, 13}, report.P99: {33, 36, 30}, report.Connects: {12_000, 11_000, 13_000}, report.Requests: {90_000, 95_000, 85_000},
				report.Idle: {2.4}, report.Goroutines: {0.0003}, report.MessageBytes: {128, 128, 128},
				report.InboundALO: {18_000, 17_000, 19_000}, report.InboundALOCPU: {50, 55, 45},
				report.InboundALOOwn: {40, 41, 39},
				report.Resumes:       {24_000, 26_000, 25_000}, report.ResumeCPU: {35, 36, 34}, report.KeptHeap: {210},
			}},
			{Name: "node", Samples: report.Samples{
				report.DeliveriesW32: {136_000, 130_000, 140_000}, report.CPUW32: {7.1, 7, 7.3}, report.CPUW1: {12, 11.5, 12.2},
				report.P50: {245, 250, 230}, report.P99: {525, 530, 510}, report.Connects: {5000, 4800, 5200}, report.Idle: {18},
			}},
			{Name: "centrifuge", Samples: report.Samples{
				report.Resumes: {10_000, 13_000, 12_500}, report.ResumeCPU: {90, 88, 85}, report.KeptHeap: {200}, report.Joins: {15_000, 16_000, 17_000},
			}},
			{Name: "raw_coalesced", Samples: report.Samples{report.DeliveriesW32: {5e6, 4.9e6, 5.1e6}, report.CPUW32: {0.2, 0.21, 0.2}}},
		},
		Variants: []report.Peer{
			{Name: "hub_upgraded", Samples: report.Samples{report.Idle: {2.6}, report.Goroutines: {0}}},
			{Name: "hub_polling", Samples: report.Samples{}},
		},
		Notes: []string{"centrifuge: start: it ended at once\nwith <much> to say", "hub_polling: idle: no time was left for it"},
	}
}

func TestWritersAreAsTheyWere(t *testing.T) {
	r := example()
	for name, write := range map[string]func(io.Writer) error{"table.md": r.WriteTable, "latest.json": r.WriteJSON, "chart.svg": r.WriteChart} {
		t.Run(name, func(t *testing.T) {
			var got bytes.Buffer
			if err := write(&got); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join("testdata", name)
			if *update {
				if err := os.WriteFile(path, got.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.Bytes(), want) {
				t.Errorf("not as %s (go test ./internal/report -update, if it should be so):\n%s", path, &got)
			}
		})
	}
}

// These keys are promised to whoever reads the file.
func TestJSONHasEveryPeerAndKeyAlsoWhereNothingWasMeasured(t *testing.T) {
	for name, r := range map[string]*report.Run{"full": example(), "empty": {}} {
		var out bytes.Buffer
		if err := r.WriteJSON(&out); err != nil {
			t.Fatal(err)
		}
		var got map[string]map[string]any
		if err := json.Unmarshal(out.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		for _, peer := range []string{"hub", "node", "centrifuge", "library", "raw", "raw_coalesced"} {
			for _, key := range []string{
				"deliveries_per_s_w32", "cpu_s_per_million_w32", "cpu_s_per_million_w1", "p50_ms", "p99_ms",
				"idle_kib_per_session", "goroutines_per_session", "connects_per_s",
				"resumes_per_s", "resume_cpu_ms_per_thousand", "kept_bytes_beyond_payload", "presence_joins_per_s",
				"inbound_alo_per_s", "inbound_alo_cpu_us", "inbound_amo_per_s", "inbound_amo_cpu_us",
			} {
				if _, there := got[peer][key]; !there {
					t.Errorf("%s: %s has no %s", name, peer, key)
				}
			}
		}
		if name == "full" && (got["hub"]["deliveries_per_s_w32"] != 4e6 || got["node"]["goroutines_per_session"] != nil) {
			t.Errorf("hub: %v, node: %v", got["hub"], got["node"])
		}
	}
}

func TestTheChartIsXMLWithABarForEachMedian(t *testing.T) {
	var out bytes.Buffer
	if err := example().WriteChart(&out); err != nil {
		t.Fatal(err)
	}
	bars := 0
	for in := xml.NewDecoder(&out); ; {
		token, err := in.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if element, ok := token.(xml.StartElement); ok && element.Name.Local == "rect" {
			bars++
		}
	}
	if bars != 3+3+2 { // hub, node, raw coalesced twice; memory of hub and node
		t.Errorf("%d bars", bars)
	}
}

func TestMediansAndRatios(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{{[]float64{3}, 3}, {[]float64{9, 1, 2}, 2}, {[]float64{4, 1, 3, 2}, 2.5}} {
		s := report.Samples{report.P50: c.values}
		if got, ok := s.Median(report.P50); !ok || got != c.want {
			t.Errorf("the median of %v is %v", c.values, got)
		}
	}
	if _, ok := (report.Samples{}).Median(report.P50); ok {
		t.Error("nothing has a median")
	}
	var table strings.Builder
	if err := example().WriteTable(&table); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"| deliveries/s, W32: hub ÷ node | 29.4 | 26.9–30.0 | ≥ 25.0 | reached |",
		"| CPU per delivery, W1: hub ÷ raw | – |  | ≤ 1.25 | not measured |",
		"| goroutines per idle session | 0 | | ≤ 0 | reached |",
		"| at least once | 18k | 17k–19k | ≥ 15k | reached | 50.0 | 0.90 | 40.0 | 0.72 |",
		"| resumes/s, of connected sessions | 25k | 12k | 2.00 | 2.00–2.40 | ≥ 1.00 | reached |",
		"| heap bytes per kept message beyond its payload | 210 | 200 | 1.05 |  | ≤ 1.00 | **missed** |",
		"| presence joins/s, until all are told of all | – | 16k | – |  | ≥ 1.00 | not measured |",
		"| at most once | – |  | ≥ 25k | not measured | – | – | – | – |",
		"- centrifuge: start: it ended at once\n- hub_polling",
	} {
		if !strings.Contains(table.String(), line) {
			t.Errorf("the table has no line %q", line)
		}
	}
}
