// Command bench measures the hub beside its peers on one machine: how many
// deliveries, at which cost, how late, how many bytes for a session that
// waits. README.md says what each figure is.
//
//	make bench            everything, some ten minutes; writes bench/results
//	make bench QUICK=1    within three minutes; writes bench/results/quick
//	go run -C bench . -h  flags
//
// Linux only: it reads /proc and binds processes to cores.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/realtime-hub/hub/bench/internal/affinity"
	"github.com/realtime-hub/hub/bench/internal/course"
	"github.com/realtime-hub/hub/bench/internal/load"
	"github.com/realtime-hub/hub/bench/internal/peer"
)

// errIncomplete: the results are written, and say what is missing.
var errIncomplete = errors.New("not everything could be measured; see the notes")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	var err error
	if len(os.Args) == 3 && os.Args[1] == holdCommand {
		err = hold(ctx, os.Args[2])
	} else {
		err = bench(ctx, os.Args[1:])
	}
	told := ctx.Err() != nil // to stop
	stop()
	switch {
	case err == nil:
	case errors.Is(err, errUsage):
		os.Exit(2)
	case told:
		os.Exit(130)
	default:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// holdCommand makes this program the one that holds idle sessions. It is no
// flag: only the course starts it.
const holdCommand = "hold"

func hold(ctx context.Context, argument string) error {
	var h course.Holding
	if err := json.Unmarshal([]byte(argument), &h); err != nil {
		return err
	}
	return course.Hold(ctx, h, os.Stdout)
}

func bench(ctx context.Context, args []string) (err error) {
	f, err := parseFlags(args)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	dir, err := peer.Module(ctx)
	if err != nil {
		return err
	}
	bin, err := os.MkdirTemp("", "hub-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(bin)) }()
	w := peer.Workshop{Bench: dir, Bin: bin}

	began := time.Now()
	kinds, missing := f.present(w)
	sayf("building %d servers", len(kinds))
	if err := w.Build(ctx, kinds); err != nil {
		return err
	}
	server, generator, err := affinity.Cores()
	if err == nil {
		err = affinity.Pin(generator) // after the build, which may take all cores
	}
	if err != nil {
		return err
	}
	if server == affinity.None {
		sayf("one core: server and generator share it, so compare nothing with other machines")
	}
	c := f.course(began)
	c.Kinds, c.Workshop, c.Core, c.Holder, c.Say = kinds, w, server, []string{self, holdCommand}, sayf
	meta := describe(ctx, f, c)
	r, err := c.Run(ctx)
	if err != nil {
		return err
	}
	meta.Rounds = r.Meta.Rounds
	r.Meta = meta
	r.Notes = append(missing, r.Notes...)
	return finish(r, filepath.Join(dir, "results"), f)
}

// sayf tells the user where it stands, on standard error: standard output is the table's.
func sayf(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
}

// plan is how long a figure is measured in a round.
func (f flags) plan() load.Plan {
	if f.quick {
		return load.Plan{WarmUp: 200 * time.Millisecond, Measure: f.measure, Drain: 8 * time.Second}
	}
	return load.Plan{WarmUp: time.Second, Measure: f.measure, Drain: 30 * time.Second}
}
