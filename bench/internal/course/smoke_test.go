package course_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/realtime-hub/hub/bench/internal/affinity"
	"github.com/realtime-hub/hub/bench/internal/course"
	"github.com/realtime-hub/hub/bench/internal/load"
	"github.com/realtime-hub/hub/bench/internal/peer"
	"github.com/realtime-hub/hub/bench/internal/report"
)

// The test's program is also the one that holds idle sessions, as bench is.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "hold" {
		var h course.Holding
		err := json.Unmarshal([]byte(os.Args[2]), &h)
		if err == nil {
			err = course.Hold(context.Background(), h, os.Stdout)
		}
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

const subscribers = 50

var plan = load.Plan{WarmUp: 20 * time.Millisecond, Measure: 100 * time.Millisecond, Drain: 10 * time.Second}

// workshop has the raw peer, which is built in a second.
func workshop(t *testing.T) (peer.Workshop, []peer.Kind) {
	t.Helper()
	dir, err := peer.Module(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w := peer.Workshop{Bench: dir, Bin: t.TempDir()}
	var kinds []peer.Kind
	for _, k := range peer.Kinds() {
		if k.Name == "raw" || k.Name == "raw_coalesced" {
			kinds = append(kinds, k)
		}
	}
	if err := w.Build(t.Context(), kinds); err != nil {
		t.Fatal(err)
	}
	return w, kinds
}

// A benchmark that measures nothing is worse than none.
func TestEveryBroadcastReachesEverySubscriber(t *testing.T) {
	w, kinds := workshop(t)
	for _, k := range kinds {
		t.Run(k.Name, func(t *testing.T) {
			p, err := k.Start(t.Context(), w, peer.Options{Core: affinity.None})
			if err != nil {
				t.Fatal(err)
			}
			crowd, took, err := load.Gather(t.Context(), p.Clients, k.Protocol, subscribers, 8, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer crowd.Close()
			if took <= 0 {
				t.Errorf("%d clients came in %s", subscribers, took)
			}
			for _, window := range []int{1, 32} {
				d, err := crowd.Outstanding(t.Context(), p.Broadcast, window, plan, p.CPU)
				if err != nil {
					t.Fatal(err)
				}
				if !d.Whole || d.Broadcasts < window || d.Deliveries != d.Broadcasts*subscribers {
					t.Errorf("window %d: %d broadcasts made %d deliveries to %d subscribers (whole: %t)",
						window, d.Broadcasts, d.Deliveries, subscribers, d.Whole)
				}
				if d.MessageBytes != 128 {
					t.Errorf("window %d: a message has %v bytes", window, d.MessageBytes)
				}
			}
			late, err := crowd.Paced(t.Context(), p.Broadcast, 5*time.Millisecond, plan)
			if err != nil || !late.Whole || late.P50 <= 0 || late.P99 < late.P50 {
				t.Errorf("%+v, %v", late, err)
			}
			if err := p.Stop(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAWholeCourseFillsItsFigures(t *testing.T) {
	w, kinds := workshop(t)
	c := course.Course{
		Kinds: kinds, Workshop: w, Core: affinity.None, Subscribers: subscribers, Rounds: 2, Plan: plan,
		IdleSessions: 20, Settle: 50 * time.Millisecond, Holder: []string{os.Args[0], "hold"}, Say: t.Logf,
	}
	r, err := c.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Notes) > 0 {
		t.Errorf("notes: %q", r.Notes)
	}
	for _, p := range r.Peers {
		for figure, rounds := range map[report.Figure]int{
			report.DeliveriesW32: 2, report.CPUW32: 2, report.CoreW32: 2, report.DeliveriesW1: 2, report.CPUW1: 2, report.P50: 2, report.P99: 2,
			report.Connects: 2, report.Requests: 0, report.Idle: 1, report.Goroutines: 1,
		} {
			if got := len(p.Samples[figure]); got != rounds {
				t.Errorf("%s: %s was measured %d times, not %d", p.Name, figure, got, rounds)
			}
		}
		// One or two of the first session may still be on their way out.
		if g, _ := p.Samples.Median(report.Goroutines); g > 0.2 || g < -0.2 {
			t.Errorf("%s has %v goroutines for a session", p.Name, g)
		}
	}
}

func TestAServerThatEndsIsANoteAndNotAFigure(t *testing.T) {
	w, kinds := workshop(t)
	p, err := kinds[0].Start(t.Context(), w, peer.Options{Core: affinity.None})
	if err != nil {
		t.Fatal(err)
	}
	crowd, _, err := load.Gather(t.Context(), p.Clients, kinds[0].Protocol, subscribers, 8, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer crowd.Close()
	cpu := func() (time.Duration, error) { return p.CPU() }
	if err := p.Stop(); err != nil {
		t.Fatal(err)
	}
	if d, err := crowd.Outstanding(t.Context(), p.Broadcast, 1, plan, cpu); err == nil {
		t.Errorf("a server that is not there delivers %+v", d)
	}
}

// The hub's workers are measured with the hub that its users build.
func TestInboundIsMeasuredOfTheHub(t *testing.T) {
	dir, err := peer.Module(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w := peer.Workshop{Bench: dir, Bin: t.TempDir()}
	kinds := slices.DeleteFunc(peer.Kinds(), func(k peer.Kind) bool { return !k.Inbound })
	if err := w.Build(t.Context(), kinds); err != nil {
		t.Fatal(err)
	}
	c := course.Course{Kinds: kinds, Workshop: w, Core: affinity.None, Subscribers: subscribers, Rounds: 1, Plan: plan, Say: t.Logf}
	r, err := c.Run(t.Context())
	if err != nil || len(r.Notes) > 0 {
		t.Fatalf("%v, notes: %q", err, r.Notes)
	}
	for _, figure := range []report.Figure{report.InboundALO, report.InboundALOCPU, report.InboundAMO, report.InboundAMOCPU} {
		if m, ok := r.Peer("hub").Samples.Median(figure); !ok || m < 0 { // 0: a tick of the processor clock is 10 ms
			t.Errorf("%s is %v", figure, m)
		}
	}
}

// What is kept is measured with those who keep.
func TestHistoryAndPresenceAreMeasuredOfTheHubAndOfCentrifuge(t *testing.T) {
	dir, err := peer.Module(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w := peer.Workshop{Bench: dir, Bin: t.TempDir()}
	kinds := slices.DeleteFunc(peer.Kinds(), func(k peer.Kind) bool { return !k.Keeps })
	if err := w.Build(t.Context(), kinds); err != nil {
		t.Fatal(err)
	}
	for i := range kinds {
		kinds[i].Inbound = false // measured above
	}
	c := course.Course{
		Kinds: kinds, Workshop: w, Core: affinity.None, Subscribers: subscribers, Rounds: 1, Plan: plan, Say: t.Logf,
		Keeping: course.Keeping{Resumes: 20, Channels: 10, Joins: 30, Listed: 20, Quiet: 300 * time.Millisecond, Settle: 50 * time.Millisecond},
	}
	r, err := c.Run(t.Context())
	if err != nil || r.Failed || len(r.Peers) != 2 {
		t.Fatalf("%v, %d peers, notes: %q", err, len(r.Peers), r.Notes)
	}
	for _, p := range r.Peers {
		figures := []report.Figure{report.Resumes, report.ResumeCPU, report.Returns, report.ReturnCPU, report.KeptHeap, report.HeardHeap}
		if built := !slices.ContainsFunc(r.Notes, func(n string) bool { return strings.HasPrefix(n, p.Name+": presence: ") }); built {
			figures = append(figures, report.Joins, report.JoinCPU, report.LeaveCPU, report.Listed, report.ListedCPU, report.UnlistedCPU)
		}
		for _, figure := range figures {
			if m, ok := p.Samples.Median(figure); !ok || m <= 0 && figure != report.KeptHeap && figure != report.HeardHeap { // of ten channels it is noise
				t.Errorf("%s: %s is %v", p.Name, figure, m)
			}
		}
		if m, _ := p.Samples.Median(report.ResumeBytes); m < 100*128 {
			t.Errorf("%s: a resume has %v bytes", p.Name, m)
		}
	}
}

// A quick run ends in time, and says what it had no time for.
func TestWhatIsOutOfTimeIsANote(t *testing.T) {
	w, kinds := workshop(t)
	kinds[0].Keeps = true // it is not asked to: there is no time
	c := course.Course{
		Kinds: kinds[:1], Workshop: w, Core: affinity.None, Subscribers: subscribers, Plan: plan, Say: t.Logf,
		Keeping: course.Keeping{Channels: 10, Listed: 20}, End: time.Now(),
	}
	r, err := c.Run(t.Context())
	if err != nil || r.Failed || len(r.Notes) != 2 { // both weighings are one note
		t.Errorf("%v, failed: %t, notes: %q", err, r.Failed, r.Notes)
	}
}
