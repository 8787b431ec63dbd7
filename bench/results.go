package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/realtime-hub/hub/bench/internal/affinity"
	"github.com/realtime-hub/hub/bench/internal/control"
	"github.com/realtime-hub/hub/bench/internal/course"
	"github.com/realtime-hub/hub/bench/internal/report"
)

// describe is how and where is measured.
func describe(ctx context.Context, f flags, c course.Course) report.Meta {
	load, _, _ := strings.Cut(read("/proc/loadavg"), " ")
	commit := output(ctx, "git", "rev-parse", "--short=12", "HEAD")
	if commit != "" && output(ctx, "git", "status", "--porcelain", "--untracked-files=no") != "" {
		commit += " with changes"
	}
	return report.Meta{
		Date: time.Now().UTC().Truncate(time.Second), Quick: f.quick, Commit: commit, Machine: machine(),
		Load: load, Go: runtime.Version(), Node: output(ctx, "node", "--version"),
		Subscribers: c.Subscribers, IdleSessions: c.IdleSessions, Settle: c.Settle.String(),
		Rounds: c.Rounds, Measured: c.Plan.Measure.String(), Pinned: c.Core != affinity.None,
		Keeping: report.Keeping{
			Resumes: c.Keeping.Resumes, Messages: control.KeptMessages, Bytes: control.MessageBytes,
			Channels: c.Keeping.Channels, Joins: c.Keeping.Joins, Listed: c.Keeping.Listed,
		},
		Inbound: report.Inbound{Sessions: course.InboundSessions, Window: course.InboundWindow, Workers: course.InboundWorkers},
	}
}

func machine() string {
	model := "unknown processor"
	for line := range strings.Lines(read("/proc/cpuinfo")) {
		if name, value, found := strings.Cut(line, ":"); found && strings.TrimSpace(name) == "model name" {
			model = strings.TrimSpace(value)
			break
		}
	}
	kernel := strings.TrimSpace(read("/proc/sys/kernel/osrelease"))
	return fmt.Sprintf("%s, %d cores, Linux %s, %s", model, runtime.NumCPU(), kernel, runtime.GOARCH)
}

func read(path string) string {
	text, err := os.ReadFile(path) //nolint:gosec // constants above
	if err != nil {
		return "" // it is only described worse
	}
	return string(text)
}

func output(ctx context.Context, name string, args ...string) string {
	out, err := exec.CommandContext(ctx, name, args...).Output() //nolint:gosec // constants above
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

// finish writes the results, and says where.
func finish(r *report.Run, results string, f flags) error {
	if err := r.WriteTable(os.Stdout); err != nil {
		return err
	}
	dir := f.out
	switch {
	case dir == "" && !f.whole():
		dir = filepath.Join(results, "partial")
	case dir == "" && f.quick:
		dir = filepath.Join(results, "quick")
	case dir == "":
		dir = results
	}
	if dir != "-" {
		if err := write(r, dir); err != nil {
			return err
		}
		sayf("written: %s", dir)
	}
	if f.out == "" && f.whole() && f.quick { // whoever reads it wants the newest, and it says that it is a quick one's
		if err := toFile(filepath.Join(results, "latest.json"), r.WriteJSON); err != nil {
			return err
		}
		sayf("written: %s", filepath.Join(results, "latest.json"))
	}
	if r.Failed {
		return errIncomplete
	}
	return nil
}

func write(r *report.Run, dir string) error {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	return errors.Join(
		toFile(filepath.Join(dir, r.Meta.Date.Format(time.DateOnly)+".md"), r.WriteTable),
		toFile(filepath.Join(dir, "latest.json"), r.WriteJSON),
		toFile(filepath.Join(dir, "chart.svg"), r.WriteChart),
	)
}

func toFile(path string, write func(io.Writer) error) error {
	file, err := os.Create(path) //nolint:gosec // the user named the folder
	if err != nil {
		return err
	}
	return errors.Join(write(file), file.Close())
}
