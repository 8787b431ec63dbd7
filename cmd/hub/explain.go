package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	hub "github.com/realtime-hub/hub/sdk/go"
)

const explainHelp = `Answer "why does this browser get nothing?": asks the hub what each gate says to a
session of a user with roles and attributes, or without --user to an anonymous one.
The session need not exist. CHANNEL is a concrete name, as
notifications.user.user_42. Needs the right ADMIN.

A line for each gate in the order in which they are passed, then the first thing
that is in the way, and what to do.

` + remoteHelp + `

Exit codes: 0 the session may join, even if it is not subscribed or may not send,
1 it may not join, or the hub refused or could not be reached, 2 called the wrong way.`

func (p *program) explain() *cobra.Command {
	var r remote
	var who person
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "explain CHANNEL",
		Short: "Tell why a browser gets nothing",
		Long:  explainHelp,
		Example: `  hub explain notifications.user.user_42 --user user_42
  hub explain board.b_1.cursor --user user_7 --role editor --attribute tenant=acme`,
		Args: needs(1, "a channel, one argument, as blog.article.feed"),
		PreRunE: func(*cobra.Command, []string) error {
			return who.check()
		},
		RunE: p.begin(func(ctx context.Context, args []string) error {
			request := &hubv1.ExplainRequest{Channel: args[0], Identity: who.identity()}
			var response *hubv1.ExplainResponse
			err := r.ask(ctx, p.env, func(ctx context.Context, client *hub.Client) (err error) {
				response, err = hubv1.NewAdminServiceClient(client.Conn()).Explain(ctx, request)
				return err
			})
			if err != nil {
				return err
			}
			v := newVerdict(request, response.GetGates())
			if asJSON {
				err = writeJSON(p.stdout, response)
			} else {
				err = v.write(p.stdout)
			}
			if err == nil && !v.joins {
				return errSaid
			}
			return err
		}),
		ValidArgsFunction: p.completeChannel(&r),
	}
	r.flags(cmd)
	who.flags(p, cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print hub.v1.ExplainResponse as a JSON object")
	return cmd
}

// person is who a command's session is of.
type person struct {
	user              string
	roles, attributes []string
}

func (w *person) flags(p *program, cmd *cobra.Command) {
	cmd.Flags().StringVar(&w.user, "user", "", "the user's id")
	cmd.Flags().StringArrayVar(&w.roles, "role", nil, "a role of the user; may be repeated")
	cmd.Flags().StringArrayVar(&w.attributes, "attribute", nil, "an attribute of the user, NAME=VALUE; may be repeated")
	for _, flag := range []string{"user", "role", "attribute"} {
		p.completeFlag(cmd, flag, cobra.NoFileCompletions)
	}
}

func (w *person) check() error {
	if w.user == "" && len(w.roles)+len(w.attributes) > 0 {
		return errors.New("--role and --attribute say what a user has; say who with --user")
	}
	for _, pair := range w.attributes {
		if name, _, ok := strings.Cut(pair, "="); !ok || name == "" {
			return fmt.Errorf("--attribute %q is not NAME=VALUE, as tenant=acme", pair)
		}
	}
	return nil
}

// identity is nil for nobody.
func (w *person) identity() *hubv1.Identity {
	if w.user == "" {
		return nil
	}
	identity := &hubv1.Identity{UserId: w.user, Roles: w.roles, Attributes: map[string]string{}}
	for _, pair := range w.attributes {
		name, value, _ := strings.Cut(pair, "=")
		identity.Attributes[name] = value
	}
	return identity
}
