package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/kylelemons/godebug/diff"
	"github.com/spf13/cobra"

	"github.com/realtime-hub/hub/cmd/hub/internal/scaffold"
)

const initHelp = `Write what a repository needs to begin with, into DIR (here, unless said
otherwise): buf.yaml, buf.gen.yaml and hub.yaml, which work as they are, the protos
that declarations import (third_party/hub), and the folders proto and
internal/features.

It may be run again, and in a repository that has files already: what is there with
other content is left as it is, and said to be; --diff shows what it would be.

Exit codes: 0 done, 1 a file cannot be written, 2 called the wrong way.`

func (p *program) initialize() *cobra.Command {
	var differences bool
	cmd := &cobra.Command{
		Use:     "init [DIR]",
		Short:   "Write a repository's first files",
		Long:    initHelp,
		Example: "  go mod init example.com/shop && hub init",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return fmt.Errorf("init takes one folder; there are %d", len(args))
			}
			return nil
		},
		RunE: p.begin(func(_ context.Context, args []string) error {
			dir := "."
			if len(args) > 0 {
				dir = args[0]
			}
			if dir == "" {
				return usageError{errors.New("init needs a folder; \"\" is none")}
			}
			report, err := scaffold.Init(dir)
			if err != nil {
				return err
			}
			return p.writeReport(report, dir, differences)
		}),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveFilterDirs
		},
	}
	p.addDiff(cmd, &differences)
	return cmd
}

func (*program) addDiff(cmd *cobra.Command, differences *bool) {
	cmd.Flags().BoolVar(differences, "diff", false, "show how a file that was kept differs from what it would be (- is there, + would be)")
}

// writeReport tells what became of each file, and what is left to do. dir is
// where the commands are to be run.
func (p *program) writeReport(r *scaffold.Report, dir string, differences bool) error {
	var b strings.Builder
	for _, f := range r.Files {
		fmt.Fprintf(&b, "%-16s %s\n", f.Outcome, oneLine(f.Path))
		if f.Outcome == scaffold.Kept && differences {
			fmt.Fprintf(&b, "%s\n", printable(diff.Diff(string(f.Have), string(f.Want))))
		}
	}
	if len(r.Steps) > 0 {
		b.WriteString("\nLeft to do:\n")
	}
	if dir != "." {
		fmt.Fprintf(&b, "  cd %s\n", oneLine(dir))
	}
	for _, step := range r.Steps {
		fmt.Fprintf(&b, "  %s\n", oneLine(step))
	}
	fmt.Fprintf(&b, "\nThen see whether all is well:\n  %s\n", oneLine(r.Verify))
	_, err := fmt.Fprint(p.stdout, b.String())
	return err
}
