package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	hub "github.com/realtime-hub/hub/sdk/go"
)

const statsHelp = `Show counts of a running hub: sessions, subscriptions, channels with subscribers,
workers, and what waits for slow browsers. Needs the right ADMIN.

Counts over time are at /metrics of the hub's ops.address.

` + remoteHelp

func (p *program) stats() *cobra.Command {
	var r remote
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "stats",
		Short:   "Show counts of a running hub",
		Long:    statsHelp,
		Example: "  hub stats --json | jq -r .sessions",
		Args:    takesNothing(),
		RunE: p.begin(func(ctx context.Context, _ []string) error {
			var response *hubv1.GetStatsResponse
			err := r.ask(ctx, p.env, func(ctx context.Context, client *hub.Client) (err error) {
				response, err = hubv1.NewAdminServiceClient(client.Conn()).GetStats(ctx, &hubv1.GetStatsRequest{})
				return err
			})
			switch {
			case err != nil:
				return err
			case asJSON:
				return writeJSON(p.stdout, response)
			default:
				return writeStats(p.stdout, response)
			}
		}),
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	r.flags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print hub.v1.GetStatsResponse as a JSON object; its numbers are strings")
	return cmd
}

func writeStats(w io.Writer, s *hubv1.GetStatsResponse) error {
	started := s.GetStartedAt().AsTime()
	_, err := fmt.Fprintf(w, `hub            %s
up             %s, since %s
sessions       %d
subscriptions  %d
channels       %d with subscribers
workers        %d
backlog        %s
`, oneLine(s.GetHubId()), age(started), started.Format(time.RFC3339),
		s.GetSessions(), s.GetSubscriptions(), s.GetChannels(), s.GetWorkers(), sizeText(s.GetBacklogBytes()))
	return err
}
