package main

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// build is which hub this is, as the Go toolchain stamped it.
type build struct {
	Version string `json:"version"`
	// Commit is empty in a build without version control.
	Commit string `json:"commit"`
	// Modified: the commit is not all of it.
	Modified bool   `json:"modified"`
	Go       string `json:"go"`
}

func readBuild() build {
	b := build{Version: "devel", Go: runtime.Version()}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		b.Version = v
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}

func (p *program) version() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Print which hub this is",
		Example: "  hub version --json",
		Args:    takesNothing(),
		RunE: p.begin(func(context.Context, []string) error {
			b := readBuild()
			if asJSON {
				return json.NewEncoder(p.stdout).Encode(b)
			}
			commit := or(b.Commit, "unknown")
			if b.Modified {
				commit += " (modified)"
			}
			_, err := fmt.Fprintf(p.stdout, "hub %s\ncommit %s\n%s\n", b.Version, commit, b.Go)
			return err
		}),
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object")
	return cmd
}
