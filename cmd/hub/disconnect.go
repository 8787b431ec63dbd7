package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	hub "github.com/realtime-hub/hub/sdk/go"
)

const disconnectHelp = `End sessions of a running hub: one, all of a user, or all with a role. Their
clients are told and stay away until their code connects again; what decides
whether they may is their credentials, not this command. Needs the right ADMIN.

Prints how many sessions ended.

` + remoteHelp + endedHelp

const unsubscribeHelp = `End subscriptions to a channel: of one session, of all of a user, or of all with
a role. The browsers are told by hub:unsubscribed and stay connected; they may
subscribe again as far as the channel's scope lets them. Needs the right ADMIN.

Prints how many subscriptions ended.

` + remoteHelp + endedHelp

const endedHelp = `

Exit codes: 0 something ended, 1 there was nothing to end, the hub refused or could
not be reached, 2 called the wrong way.`

// chosen are the sessions that a command is about.
type chosen struct{ session, user, role string }

func (c *chosen) flags(p *program, cmd *cobra.Command, r *remote) {
	cmd.Flags().StringVar(&c.session, "session", "", "one session, by its id")
	cmd.Flags().StringVar(&c.user, "user", "", "all sessions of a user")
	cmd.Flags().StringVar(&c.role, "role", "", "all sessions with a role")
	cmd.MarkFlagsOneRequired("session", "user", "role")
	cmd.MarkFlagsMutuallyExclusive("session", "user", "role")
	p.completeFlag(cmd, "session", p.completeSession(r))
	p.completeFlag(cmd, "user", cobra.NoFileCompletions)
	p.completeFlag(cmd, "role", cobra.NoFileCompletions)
}

func (c *chosen) selector() *hubv1.SessionSelector {
	switch {
	case c.session != "":
		return &hubv1.SessionSelector{By: &hubv1.SessionSelector_Session{Session: c.session}}
	case c.user != "":
		return &hubv1.SessionSelector{By: &hubv1.SessionSelector_UserId{UserId: c.user}}
	default: // also the empty one, which the hub refuses
		return &hubv1.SessionSelector{By: &hubv1.SessionSelector_Role{Role: c.role}}
	}
}

func (p *program) disconnect() *cobra.Command {
	var r remote
	var who chosen
	var request hubv1.DisconnectSessionRequest
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "disconnect",
		Short:   "End sessions",
		Long:    disconnectHelp,
		Example: `  hub disconnect --user user_42 --message "Your account was closed."`,
		Args:    takesNothing(),
		RunE: p.begin(func(ctx context.Context, _ []string) error {
			request.Sessions = who.selector()
			var response *hubv1.DisconnectSessionResponse
			err := r.ask(ctx, p.env, func(ctx context.Context, client *hub.Client) (err error) {
				response, err = hubv1.NewAdminServiceClient(client.Conn()).DisconnectSession(ctx, &request)
				return err
			})
			if err != nil {
				return err
			}
			return p.writeEnded(response, asJSON, response.GetSessions(), "session", "sessions", "hub sessions lists those that are connected")
		}),
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	r.flags(cmd)
	who.flags(p, cmd, &r)
	cmd.Flags().StringVar(&request.Message, "message", "", "what the browser is told, for people")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print hub.v1.DisconnectSessionResponse as a JSON object")
	return cmd
}

func (p *program) unsubscribe() *cobra.Command {
	var r remote
	var who chosen
	var request hubv1.UnsubscribeRequest
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "unsubscribe CHANNEL",
		Short:   "End subscriptions to a channel",
		Long:    unsubscribeHelp,
		Example: `  hub unsubscribe board.b_1.cursor --user user_42 --message "You left the board."`,
		Args:    needs(1, "a channel, one argument, as blog.article.feed"),
		RunE: p.begin(func(ctx context.Context, args []string) error {
			request.Channel, request.Sessions = args[0], who.selector()
			var response *hubv1.UnsubscribeResponse
			err := r.ask(ctx, p.env, func(ctx context.Context, client *hub.Client) (err error) {
				response, err = hubv1.NewAdminServiceClient(client.Conn()).Unsubscribe(ctx, &request)
				return err
			})
			if err != nil {
				return err
			}
			return p.writeEnded(response, asJSON, response.GetSubscriptions(), "subscription", "subscriptions",
				"hub sessions --channel "+oneLine(request.GetChannel())+" lists its subscribers")
		}),
		ValidArgsFunction: p.completeChannel(&r),
	}
	r.flags(cmd)
	who.flags(p, cmd, &r)
	cmd.Flags().StringVar(&request.Message, "message", "", "what the browser is told, for people")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print hub.v1.UnsubscribeResponse as a JSON object")
	return cmd
}

// writeEnded tells how many ended. None is a failure: whoever ends sessions
// thinks that there are some, and may have misspelt whose.
func (p *program) writeEnded(response proto.Message, asJSON bool, ended uint32, one, many, hint string) error {
	if asJSON {
		if err := writeJSON(p.stdout, response); err != nil {
			return err
		}
	} else if ended > 0 {
		if _, err := fmt.Fprintf(p.stdout, "%s ended\n", count(int(ended), one, many)); err != nil {
			return err
		}
	}
	if ended == 0 {
		return fmt.Errorf("there was no such %s to end; %s", one, hint)
	}
	return nil
}
