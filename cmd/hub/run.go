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
	"google.golang.org/grpc/codes"

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
	completion(root) // writes to the output that is set by now
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
	prog.tell(err)
	return exitFailed
}

const rootHelp = `Hub carries messages between backends (gRPC) and browsers (Socket.IO). Every
message is declared once, as a protobuf message with rules.

Exit codes: 0 done, 1 refused or failed, 2 called the wrong way, 130 interrupted.`

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
	p.group(root, "Run a hub:", p.demo(), p.serve(), p.check(), p.samples(), p.token())
	p.group(root, "Write into a repository:", p.initialize(), p.newCommand())
	p.group(root, "Ask a running hub:", p.channels(), p.broadcast(), p.tail(), p.explain(),
		p.sessions(), p.disconnect(), p.unsubscribe(), p.stats(), p.deadLetters())
	root.AddCommand(p.plugin(), p.version())
	return root
}

// group adds commands below a title of their own in the help.
func (*program) group(root *cobra.Command, title string, commands ...*cobra.Command) {
	root.AddGroup(&cobra.Group{ID: title, Title: title})
	for _, cmd := range commands {
		cmd.GroupID = title
	}
	root.AddCommand(commands...)
}

// needs counts the arguments. what says which, so that nobody has to look it up.
func needs(number int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) == number:
			return nil
		case number == 0:
			return fmt.Errorf("%s takes no arguments; there is %q", cmd.Name(), args[0])
		case len(args) == 1:
			return fmt.Errorf("%s needs %s; there is 1", cmd.Name(), what)
		default:
			return fmt.Errorf("%s needs %s; there are %d", cmd.Name(), what, len(args))
		}
	}
}

// takesNothing is for commands without arguments.
func takesNothing() cobra.PositionalArgs { return needs(0, "") }

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

// errSaid ends a command with exit code 1 that has already said why.
var errSaid = errors.New("said")

// sayf writes a line for people.
func (p *program) sayf(format string, args ...any) {
	fmt.Fprintln(p.stderr, fmt.Sprintf(format, args...))
}

// tell says why a command failed: everything that is wrong, a line each.
func (p *program) tell(err error) {
	if errors.Is(err, errSaid) {
		return
	}
	if refused, ok := errors.AsType[*hub.Error](err); ok {
		p.tellRefusal(refused)
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

func (p *program) tellRefusal(e *hub.Error) {
	name := e.Reason
	if name == "" {
		name = e.Code.String()
	}
	p.sayf("hub: %s: %s", name, printable(e.Message))
	for _, v := range e.Violations {
		p.sayf("  %s", printable(mistake{field: v.Field, text: v.Message, rule: v.Rule}.String()))
	}
	if e.Code != codes.Unauthenticated {
		return
	}
	if p.env["HUB_TOKEN"] == "" {
		p.sayf("  HUB_TOKEN is not set; give it one of the hub's service tokens (grpc.tokens in its configuration)")
	} else {
		p.sayf("  Set HUB_TOKEN to one of the hub's service tokens (grpc.tokens in its configuration)")
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

// oneLine is printable text without line feeds and tabs: text of others stays
// in its line and its column.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return ' '
		}
		return r
	}, printable(text))
}
