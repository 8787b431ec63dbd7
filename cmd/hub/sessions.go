package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	hub "github.com/realtime-hub/hub/sdk/go"
)

const (
	// sessionsPerPage is what the hub gives at once at most.
	sessionsPerPage = 1000
	// subscriptionsShown keep a session in its line; --json has all.
	subscriptionsShown = 3
)

const sessionsHelp = `List the sessions of a running hub: who, since when, over what and from where, how
many channels and the first of them, what waits for the browser, and why the
latest frame was dropped for it. Needs the right ADMIN.

A backlog that stays, or a drop, is a browser that is slower than its channels.

` + remoteHelp

func (p *program) sessions() *cobra.Command {
	var r remote
	var request hubv1.ListSessionsRequest
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "sessions",
		Short: "List the sessions of a running hub",
		Long:  sessionsHelp,
		Example: `  hub sessions --user user_42
  hub sessions --json | jq -r '.[] | select(.lastDrop != "") | .sender.session'`,
		Args: takesNothing(),
		RunE: p.begin(func(ctx context.Context, _ []string) error {
			pages := sessionPages{stdout: p.stdout, asJSON: asJSON}
			request.Limit = sessionsPerPage
			err := r.connect(ctx, p.env, func(ctx context.Context, client *hub.Client) error {
				return eachPage(ctx, client, &request, pages.write)
			})
			if err == nil && pages.number == 0 {
				p.sayf("%s", noSessions(&request))
			}
			return err
		}),
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	r.flags(cmd)
	cmd.Flags().StringVar(&request.UserId, "user", "", "only this user's")
	cmd.Flags().StringVar(&request.Channel, "channel", "", "only subscribers of this channel, by its concrete name")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON array of hub.v1.SessionInfo")
	p.completeFlag(cmd, "user", cobra.NoFileCompletions)
	p.completeFlag(cmd, "channel", p.completeChannel(&r))
	return cmd
}

// eachPage gives write all pages; each has the time of one question.
func eachPage(
	ctx context.Context, client *hub.Client, request *hubv1.ListSessionsRequest, write func(page []*hubv1.SessionInfo, last bool) error,
) error {
	for {
		page, err := onePage(ctx, client, request)
		if err != nil {
			return err
		}
		request.Cursor = page.GetCursor()
		if err := write(page.GetSessions(), request.GetCursor() == ""); err != nil || request.GetCursor() == "" {
			return err
		}
	}
}

func onePage(ctx context.Context, client *hub.Client, request *hubv1.ListSessionsRequest) (*hubv1.ListSessionsResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, remoteTimeout)
	defer cancel()
	return hubv1.NewAdminServiceClient(client.Conn()).ListSessions(ctx, request)
}

func noSessions(request *hubv1.ListSessionsRequest) string {
	switch user, channel := oneLine(request.GetUserId()), oneLine(request.GetChannel()); {
	case user != "" && channel != "":
		return fmt.Sprintf("%s has no session that is subscribed to %s. Why: hub explain %s --user %s", user, channel, channel, user)
	case channel != "":
		return fmt.Sprintf("No session is subscribed to %s. Why: hub explain %s --user USER", channel, channel)
	case user != "":
		return user + " has no session at this hub."
	default:
		return "The hub has no sessions. Browsers connect to its other address, http.address."
	}
}

// sessionPages writes pages as they come: a hub has more sessions than anyone
// wants to wait for.
type sessionPages struct {
	stdout io.Writer
	asJSON bool
	number int
}

func (s *sessionPages) write(page []*hubv1.SessionInfo, last bool) error {
	first := s.number == 0
	s.number += len(page)
	if s.asJSON {
		return s.writeJSON(page, first, last)
	}
	if len(page) == 0 {
		return nil
	}
	table := tabwriter.NewWriter(s.stdout, 0, 0, 2, ' ', 0)
	if first {
		fmt.Fprintln(table, "SESSION\tUSER\tROLES\tAGE\tTRANSPORT\tADDRESS\tBACKLOG\tLAST DROP\tSUBSCRIPTIONS")
	}
	for _, info := range page {
		fmt.Fprintln(table, strings.Join(sessionRow(info), "\t"))
	}
	return table.Flush()
}

// writeJSON keeps all pages one array, an empty one for no sessions: scripts count on it.
func (s *sessionPages) writeJSON(page []*hubv1.SessionInfo, first, last bool) error {
	var b strings.Builder
	for i, info := range page {
		data, err := protojson.MarshalOptions{EmitDefaultValues: true}.Marshal(info)
		if err != nil {
			return err
		}
		separator := ",\n"
		if first && i == 0 {
			separator = "["
		}
		b.WriteString(separator + compact(string(data)))
	}
	if last {
		if s.number == 0 {
			b.WriteString("[")
		}
		b.WriteString("]\n")
	}
	_, err := io.WriteString(s.stdout, b.String())
	return err
}

func sessionRow(info *hubv1.SessionInfo) []string {
	row := []string{
		info.GetSender().GetSession(),
		or(info.GetSender().GetUserId(), "-"),
		or(strings.Join(info.GetSender().GetRoles(), ","), "-"),
		age(info.GetConnectedAt().AsTime()),
		info.GetTransport(),
		or(info.GetRemoteAddress(), "-"),
		sizeText(info.GetBacklogBytes()),
		or(info.GetLastDrop(), "-"),
		subscriptionsText(info.GetSubscriptions()),
	}
	for i := range row {
		row[i] = oneLine(row[i])
	}
	return row
}

func subscriptionsText(channels []string) string {
	if len(channels) == 0 {
		return "0"
	}
	shown := strings.Join(channels[:min(len(channels), subscriptionsShown)], ", ")
	if len(channels) > subscriptionsShown {
		shown += ", …"
	}
	return fmt.Sprintf("%d: %s", len(channels), shown)
}

// age is how long ago, in seconds. The clocks of hub and operator may differ.
func age(since time.Time) string {
	return short(max(time.Since(since).Round(time.Second), 0))
}

func sizeText(bytes uint64) string {
	const units = "KMGTPE"
	if bytes < 1<<10 {
		return fmt.Sprintf("%d B", bytes)
	}
	value, unit := float64(bytes)/(1<<10), 0
	for ; value >= 1<<10; unit++ {
		value /= 1 << 10
	}
	return fmt.Sprintf("%.1f %ciB", value, units[unit])
}
