package main

import (
	"context"
	"encoding/json"
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

func (p *program) channels() *cobra.Command {
	var r remote
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "channels",
		Short:   "List the channels of a running hub",
		Long:    "List the declared channels of a running hub that the token covers, by name.\n\n" + remoteHelp,
		Example: "  hub channels --hub hub.example:8081",
		Args:    takesNothing(),
		RunE: p.begin(func(ctx context.Context, _ []string) error {
			var response *hubv1.ListChannelsResponse
			err := r.ask(ctx, p.env, func(ctx context.Context, client *hub.Client) (err error) {
				response, err = hubv1.NewAdminServiceClient(client.Conn()).ListChannels(ctx, &hubv1.ListChannelsRequest{})
				return err
			})
			switch {
			case err != nil:
				return err
			case asJSON:
				return writeChannelsJSON(p.stdout, response.GetChannels())
			case len(response.GetChannels()) == 0:
				p.sayf("The hub has no channels that this token covers. Declare some: hub serve --channels ./proto")
				return nil
			default:
				return writeChannels(p.stdout, response.GetChannels())
			}
		}),
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	r.flags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON array of hub.v1.ChannelInfo")
	return cmd
}

// writeChannelsJSON prints an array, also of nothing: scripts count on it.
func writeChannelsJSON(w io.Writer, channels []*hubv1.ChannelInfo) error {
	list := make([]json.RawMessage, len(channels))
	for i, c := range channels {
		data, err := protojson.MarshalOptions{EmitDefaultValues: true}.Marshal(c)
		if err != nil {
			return err
		}
		list[i] = data
	}
	return json.NewEncoder(w).Encode(list)
}

func writeChannels(w io.Writer, channels []*hubv1.ChannelInfo) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "NAME\tSCOPE\tMESSAGE\tINBOUND\tOPTIONS\tOWNER")
	for _, c := range channels {
		row := []string{
			c.GetName(), scopeText(c.GetOptions().GetScope()), c.GetMessage(),
			or(c.GetInboundMessage(), "-"), or(optionsText(c), "-"), or(c.GetOwner(), "-"),
		}
		fmt.Fprintln(table, printable(strings.Join(row, "\t")))
	}
	return table.Flush()
}

// scopeText says a scope in the words that `hub new channel` takes.
func scopeText(s *hubv1.Scope) string {
	switch kind := s.GetKind().(type) {
	case *hubv1.Scope_Public:
		return "public"
	case *hubv1.Scope_Authenticated:
		return "authenticated"
	case *hubv1.Scope_Role:
		return "role:" + strings.Join(kind.Role.GetAnyOf(), ",")
	case *hubv1.Scope_User:
		return "user-scoped:" + kind.User.GetParam()
	case *hubv1.Scope_Handler:
		return "handler"
	default:
		return "unknown" // a newer hub's
	}
}

// optionsText has what differs from the defaults, so that what is special about
// a channel is seen in a long list.
func optionsText(c *hubv1.ChannelInfo) string {
	var out []string
	if h := c.GetOptions().GetHistory(); h != nil {
		out = append(out, fmt.Sprintf("history=%d/%s", h.GetSize(), short(h.GetTtl().AsDuration())))
	}
	if c.GetOptions().GetPresence() != nil {
		out = append(out, "presence")
	}
	switch c.GetOptions().GetOnSlow() {
	case hubv1.ChannelOptions_SLOW_DROP:
		out = append(out, "slow=drop")
	case hubv1.ChannelOptions_SLOW_LATEST:
		out = append(out, "slow=latest")
	case hubv1.ChannelOptions_SLOW_UNSPECIFIED, hubv1.ChannelOptions_SLOW_DISCONNECT: // the default
	}
	if in := c.GetInbound(); in != nil {
		if in.GetDelivery() == hubv1.InboundOptions_DELIVERY_AT_MOST_ONCE {
			out = append(out, "inbound=at-most-once")
		}
		if scope := scopeText(in.GetScope()); in.GetScope() != nil && scope != scopeText(c.GetOptions().GetScope()) {
			out = append(out, "inbound-scope="+scope)
		}
	}
	return strings.Join(out, " ")
}

// short is a duration without its zeros: 5m, not 5m0s.
func short(d time.Duration) string {
	text := d.String()
	if d%time.Minute == 0 && d != 0 {
		text = strings.TrimSuffix(text, "0s")
	}
	if d%time.Hour == 0 && d != 0 {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
