package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/realtime-hub/hub/bench/internal/course"
	"github.com/realtime-hub/hub/bench/internal/peer"
)

// flags are what the user wants.
type flags struct {
	quick       bool
	peers       string
	subscribers int
	idle        int
	rounds      int
	measure     time.Duration
	settle      time.Duration
	out         string
}

var errUsage = errors.New("usage")

const usage = `bench measures the hub beside its peers, each a process on a core of its own.

  go run -C bench .                      everything, some ten minutes; writes results/
  go run -C bench . -quick               within three minutes; writes results/quick/ and results/latest.json
  go run -C bench . -quick -out results  a quick run whose figures are to be kept
  go run -C bench . -peers hub,raw       only these; writes results/partial/

The table goes to standard output too. Exit status 1: something could not be
measured, and the notes under the table say what.

`

// A quick run is to end within three minutes, whatever the servers are like:
// its rounds have the first part of them, from its start, the last look at idle
// sessions is before the second, and what is measured once has the rest.
const (
	quickRounds = 85 * time.Second
	quickIdle   = 150 * time.Second
	quickEnd    = 175 * time.Second
)

func parseFlags(args []string) (flags, error) {
	var f flags
	set := flag.NewFlagSet("bench", flag.ContinueOnError)
	set.BoolVar(&f.quick, "quick", false, "shorter and fewer rounds")
	set.StringVar(&f.peers, "peers", strings.Join(names(), ","), "which servers, separated by commas")
	set.IntVar(&f.subscribers, "subscribers", 5000, "who hears each broadcast")
	set.IntVar(&f.idle, "idle", 10_000, "sessions whose memory is measured; 0: it is not")
	set.IntVar(&f.rounds, "rounds", 0, "how often all run in turn (default 5, quick 2)")
	set.DurationVar(&f.measure, "measure", 0, "how long each figure is measured in a round (default 3s, quick 0.7s)")
	set.DurationVar(&f.settle, "settle", 0, "when memory is measured after the last connect (default 30s, quick 10s)")
	set.StringVar(&f.out, "out", "", "folder for the table, latest.json and chart.svg; - for none (default: as above)")
	set.Usage = func() {
		fmt.Fprint(os.Stderr, usage)
		set.PrintDefaults()
	}
	if err := set.Parse(args); errors.Is(err, flag.ErrHelp) {
		return f, errUsage
	} else if err != nil {
		return f, errUsage // flag has said it
	}
	rounds, measure, settle := 5, 3*time.Second, 30*time.Second
	if f.quick {
		rounds, measure, settle = 2, 700*time.Millisecond, 10*time.Second
	}
	f.rounds, f.measure, f.settle = cmp.Or(f.rounds, rounds), cmp.Or(f.measure, measure), cmp.Or(f.settle, settle)
	for name := range strings.SplitSeq(f.peers, ",") {
		if !slices.Contains(names(), name) {
			return f, fmt.Errorf("no peer is called %q; there are %s", name, strings.Join(names(), ", "))
		}
	}
	// More than a process may commonly open does not work, and with a handful
	// nothing is measured but the generator.
	sane := f.subscribers >= 10 && f.subscribers <= 15_000 && f.idle >= 0 && f.idle <= 15_000
	if !sane || f.rounds < 0 || f.measure < 0 || f.settle < 0 || set.NArg() > 0 {
		set.Usage()
		return f, errUsage
	}
	return f, nil
}

// whole says that the run is of everything, as the kept results are.
func (f flags) whole() bool {
	return f.peers == strings.Join(names(), ",") && f.subscribers == 5000 && f.idle == 10_000
}

func names() (all []string) {
	for _, k := range peer.Kinds() {
		all = append(all, k.Name)
	}
	return all
}

// present are the wanted peers that this machine can run; notes say which it cannot.
func (f flags) present(w peer.Workshop) (kinds []peer.Kind, notes []string) {
	wanted := strings.Split(f.peers, ",")
	for _, k := range peer.Kinds() {
		if !slices.Contains(wanted, k.Name) {
			continue
		}
		if lack := k.Lacks(w); lack != "" {
			notes = append(notes, k.Name+" is skipped: "+lack)
			sayf("%s is skipped: %s", k.Name, lack)
			continue
		}
		kinds = append(kinds, k)
	}
	return kinds, notes
}

// course is what the flags say of it.
func (f flags) course(began time.Time) course.Course {
	c := course.Course{
		Subscribers: f.subscribers, Rounds: f.rounds, Plan: f.plan(), IdleSessions: f.idle, Settle: f.settle,
	}
	c.Keeping = course.Keeping{Resumes: 1000, Channels: 2000, Joins: 500, Listed: 10_000, Quiet: 3 * time.Second, Settle: 2 * time.Second}
	if f.quick {
		c.Keeping = course.Keeping{Resumes: 1000, Channels: 500, Joins: 300, Listed: 5000, Quiet: 2 * time.Second, Settle: time.Second}
		c.Budget = quickRounds - time.Since(began)
		c.IdleEnd = began.Add(quickIdle)
		c.End = began.Add(quickEnd)
	}
	return c
}
