package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	hub "github.com/realtime-hub/hub/sdk/go"
)

const broadcastHelp = `Send one message to all subscribers of a channel. CHANNEL is a concrete name,
as notifications.user.user_42. JSON is the channel's message; @FILE reads it from
a file and - from standard input. The hub checks it against the message's rules.

Prints the broadcast's id, and whether the hub had seen that id before.

` + remoteHelp + `

Exit codes: 0 the hub accepted it, 1 it refused or could not be reached, 2 called
the wrong way.`

func (p *program) broadcast() *cobra.Command {
	var r remote
	var request hubv1.BroadcastRequest
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "broadcast CHANNEL JSON",
		Short:   "Send a message to a channel's subscribers",
		Long:    broadcastHelp,
		Example: `  hub broadcast blog.article.feed '{"id":"42","title":"Hello"}'`,
		Args:    needs(2, "a channel and its message as JSON, two arguments"),
		RunE: p.begin(func(ctx context.Context, args []string) error {
			payload, err := p.payload(args[1])
			if err != nil {
				return err
			}
			request.Channel, request.Payload = args[0], &hubv1.BroadcastRequest_Json{Json: payload}
			var response *hubv1.BroadcastResponse
			err = r.ask(ctx, p.env, func(ctx context.Context, client *hub.Client) (err error) {
				response, err = hubv1.NewBroadcastServiceClient(client.Conn()).Broadcast(ctx, &request)
				return err
			})
			if err != nil {
				return err
			}
			return p.writeReceipt(response, asJSON)
		}),
		ValidArgsFunction: func(cmd *cobra.Command, args []string, start string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if len(args) == 1 {
				return completePayload(start)
			}
			return p.completeChannel(&r)(cmd, args, start)
		},
	}
	r.flags(cmd)
	cmd.Flags().StringVar(&request.Id, "id", "", "idempotency key: the same id again is the same broadcast (default: the hub makes one)")
	cmd.Flags().StringSliceVar(&request.ExceptSessions, "except", nil, "a session that does not get it; may be repeated")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print hub.v1.BroadcastResponse as a JSON object")
	return cmd
}

// payload is the argument itself, or what it points to.
func (p *program) payload(argument string) (string, error) {
	switch {
	case argument == "-":
		data, err := io.ReadAll(p.stdin)
		if err != nil {
			return "", fmt.Errorf("standard input: %w", err)
		}
		return string(data), nil
	case argument == "@":
		return "", usageError{errors.New("@ needs the name of a file, as @article.json")}
	case strings.HasPrefix(argument, "@"):
		data, err := os.ReadFile(argument[1:])
		return string(data), err
	default:
		return argument, nil
	}
}

func (p *program) writeReceipt(response *hubv1.BroadcastResponse, asJSON bool) error {
	if asJSON {
		return writeJSON(p.stdout, response)
	}
	line := response.GetId()
	if response.GetDuplicate() {
		line += "  duplicate: the hub had this id already, nothing was sent now"
	}
	_, err := fmt.Fprintln(p.stdout, printable(line))
	return err
}
