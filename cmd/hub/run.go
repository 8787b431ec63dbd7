package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	hub "github.com/realtime-hub/hub/sdk/go"
)

// What the exit code tells a script; the help says so, too.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitInterrupted = 130 // as a shell reports SIGINT
)

// process is what a command has of the world.
type process struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	// environment is in the form of os.Environ.
	environment []string
	// hangup asks serve to read its files again. Nil: never.
	hangup <-chan os.Signal
	// open makes the hub that serve runs. Nil: the real one.
	open openFront
}

// A program is one run of the command.
type program struct {
	process

	env environment
	// began is set when a command has what it needs: what fails before is how it
	// was called.
	began bool
}

// run is the whole program but for signals: it returns the exit code.
func run(ctx context.Context, args []string, p process) int {
	if p.open == nil {
		p.open = openServer
	}
	prog := &program{process: p, env: newEnvironment(p.environment)}
	root := prog.root() //nolint:contextcheck // cobra hands ctx to the command
	root.SetArgs(args)
	root.SetIn(p.stdin)
	root.SetOut(p.stdout)
	root.SetErr(p.stderr)
	called, err := root.ExecuteContextC(ctx)
	switch {
	case err == nil:
		return exitOK
	case !prog.began || errors.As(err, new(usageError)):
		prog.sayf("hub: %s", text(err))
		prog.sayf("See: %s --help", called.CommandPath())
		return exitUsage
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		return exitInterrupted
	}
	prog.explain(err)
	return exitFailed
}

const rootHelp = `Hub carries messages between backends (gRPC) and browsers (Socket.IO). Every
message is declared once, as a protobuf message with rules.

Exit codes: 0 done, 1 refused or failed, 2 called the wrong way.`

func (p *program) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "hub",
		Short:         "A realtime hub between backends and browsers",
		Long:          rootHelp,
		SilenceErrors: true,
		SilenceUsage:  true,
		// Neither Args nor Run: so cobra answers no command with the help, and a
		// misspelt one with what is near.
	}
	root.AddCommand(p.serve(), p.check(), p.channels(), p.broadcast(), p.deadLetters(), p.version())
	return root
}

// begin wraps a command's work: from here on a failure is one of the work, not
// of how it was called.
func (p *program) begin(work func(ctx context.Context, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		p.began = true
		return work(cmd.Context(), args)
	}
}

// usageError is a call that only the command itself could see to be wrong.
type usageError struct{ error }

// sayf writes a line for people.
func (p *program) sayf(format string, args ...any) {
	fmt.Fprintln(p.stderr, fmt.Sprintf(format, args...))
}

// explain tells why a command failed: everything that is wrong, a line each.
func (p *program) explain(err error) {
	if refused, ok := errors.AsType[*hub.Error](err); ok {
		p.explainRefusal(refused)
		return
	}
	if found, ok := errors.AsType[mistakes](err); ok {
		// The lines stand alone, so that editors find the places in them.
		p.sayf("hub: %s:", count(len(found), "mistake", "mistakes"))
		p.sayf("%s", printable(found.Error()))
		return
	}
	p.sayf("hub: %s", printable(text(err)))
}

// text is an error's, without the name that the SDK, too, puts before it.
func text(err error) string {
	return strings.TrimPrefix(strings.TrimSpace(err.Error()), "hub: ")
}

func (p *program) explainRefusal(e *hub.Error) {
	name := e.Reason
	if name == "" {
		name = e.Code.String()
	}
	p.sayf("hub: %s: %s", name, printable(e.Message))
	for _, v := range e.Violations {
		p.sayf("  %s", printable(mistake{field: v.Field, text: v.Message, rule: v.Rule}.String()))
	}
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// printable takes out what could steer a terminal: texts of a hub or a file
// are someone else's.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || unicode.IsPrint(r) {
			return r
		}
		return '\uFFFD'
	}, text)
}
