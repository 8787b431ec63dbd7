package main

import (
	"context"
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
certificates that the configuration names, so run it where the hub runs.

` + configHelp + `

Exit codes: 0 all is well, 1 there are mistakes, 2 called the wrong way.`

func (p *program) check() *cobra.Command {
	var flags configFlags
	cmd := &cobra.Command{
		Use:     "check",
		Short:   "Check the configuration and the channels",
		Long:    checkHelp,
		Example: "  hub check --channels ./proto",
		Args:    takesNothing(),
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
			return writeSummary(p.stdout, config, channels)
		}),
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	flags.add(cmd)
	return cmd
}

// inspect checks what only the server knows, and the channels, each alone: a
// mistake in one does not hide those in the other. Both write a mistake to a line.
func (p *program) inspect(ctx context.Context, config *configuration) (*schema.Snapshot, error) {
	alone := config.server
	alone.Channels, alone.Log = nil, slog.New(slog.DiscardHandler)
	_, wrong := p.open(alone)
	channels, malformed := declared(ctx, config.server)
	found := append(config.placed(wrong), config.placed(malformed)...)
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
