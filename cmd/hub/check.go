package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/realtime-hub/hub/hub/schema"
)

const checkHelp = `Check the configuration and the channels as serve would, without listening. Each
mistake is a line on standard error with its place. Also reads the secrets and
certificates that the configuration names, so run it where the hub runs. Where the
configuration names features, what ` + "`hub new`" + ` adds to in them has to be there.

With --against it tells instead what the channels break for those at a path, or
of a git ref: a line for each finding with its severity, channel, field, kind, whom it
concerns and what happens. breaking refuses or loses what was good before, security
lets more people see or do something, warning may surprise, note breaks nothing.

With --access it prints who may join and send where, by role, to be kept in a file
and reviewed: (own) is the channel of the user's own id, (asks) is up to a worker.

` + configHelp + `

Exit codes: 0 all is well, 1 there are mistakes, or a change that is breaking or
concerns security, 2 called the wrong way.`

func (p *program) check() *cobra.Command {
	var flags configFlags
	var before string
	var access, asJSON bool
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Check the configuration and the channels",
		Long:  checkHelp,
		Example: `  hub check --channels ./proto
  hub check --channels ./proto --against origin/main
  hub check --channels ./proto --access > access.txt`,
		Args: takesNothing(),
		PreRunE: func(*cobra.Command, []string) error {
			if asJSON && before == "" {
				return errors.New("--json goes with --against")
			}
			return nil
		},
		RunE: p.begin(func(ctx context.Context, _ []string) error {
			config, err := loadConfig(flags, p.env)
			if err != nil {
				return err
			}
			channels, err := p.inspect(ctx, config)
			if err != nil {
				return err
			}
			for _, note := range slices.Concat(config.notes, channels.Warnings()) {
				p.sayf("hub: note: %s", printable(note))
			}
			switch {
			case before != "":
				return p.against(ctx, before, config, channels, asJSON)
			case access:
				return writeAccess(p.stdout, channels.Channels())
			}
			return writeSummary(p.stdout, config, channels)
		}),
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	flags.add(cmd)
	cmd.Flags().StringVar(&before, "against", "", "tell what changes from the channels at a path or of a git ref")
	cmd.Flags().BoolVar(&access, "access", false, "print who may join and send where")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the findings of --against as a JSON array of hub.v1.ChannelFinding")
	cmd.MarkFlagsMutuallyExclusive("against", "access")
	return cmd
}

// inspect checks what only the server knows, the channels and the features, each
// alone: a mistake in one does not hide those in the others. All write a mistake to a line.
func (p *program) inspect(ctx context.Context, config *configuration) (*schema.Snapshot, error) {
	alone := config.server
	alone.Channels, alone.Log = nil, slog.New(slog.DiscardHandler)
	_, wrong := p.open(alone)
	channels, malformed := declared(ctx, config.server)
	unanchored, err := config.anchors()
	if err != nil {
		return nil, err
	}
	found := slices.Concat(config.placed(wrong), config.placed(malformed), unanchored)
	return channels, found.err()
}

func writeSummary(w io.Writer, config *configuration, channels *schema.Snapshot) error {
	var b strings.Builder
	fmt.Fprintf(&b, "configuration  %s\n", or(config.file, "no file: flags, HUB_… variables and defaults"))
	fmt.Fprintf(&b, "browsers       %s%s\n", config.server.HTTP.Address, tlsText(config.server.HTTP.TLS != nil))
	fmt.Fprintf(&b, "backends       %s%s, %s\n", config.server.GRPC.Address, tlsText(config.server.GRPC.TLS != nil), credentialsText(config))
	fmt.Fprintf(&b, "operators      %s\n", config.server.Ops.Address)
	fmt.Fprintf(&b, "channels       %s\n", channelsText(config, channels))
	for _, c := range channels.Channels() {
		fmt.Fprintf(&b, "  %s  %s\n", c.Name(), scopeText(c.Info().GetOptions().GetScope()))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func tlsText(on bool) string {
	if on {
		return " (TLS)"
	}
	return ""
}

func credentialsText(config *configuration) string {
	tokens, clients := len(config.server.Tokens), len(config.server.Clients)
	if tokens+clients == 0 {
		return "no credentials: whoever reaches it may do everything"
	}
	return count(tokens, "token", "tokens") + ", " + count(clients, "client certificate", "client certificates")
}

func channelsText(config *configuration, channels *schema.Snapshot) string {
	if len(config.server.Channels) == 0 {
		return "none from --channels; backends may register theirs"
	}
	return fmt.Sprintf("%d from %s", len(channels.Channels()), strings.Join(config.server.Channels, ", "))
}
