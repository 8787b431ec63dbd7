package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/realtime-hub/hub/cmd/hub/internal/scaffold"
)

const newHelp = `Write a channel or a handler into a feature of this repository. Run it in the folder
of hub.yaml, whose features say where features are.

Nothing is written before it is known that a hub would take the channels. What is
there already is not written again, and a file with other content is left as it is.`

const newChannelHelp = `Write a channel: its proto, its descriptor in the feature's channels.go, and a
contract test. A feature that is not there yet gets its files.

FEATURE is a folder, a proto package and the first segment of the channel's name,
NAME the rest of it, where each dash begins a segment: blog article-feed is
blog.article.feed, of the message ArticleFeed in proto/blog/v1/article_feed.proto.

SCOPE is who may join:

  public               any session
  authenticated        any session with an identity
  role:NAME[,NAME…]    a session with one of the roles
  user-scoped[:PARAM]  the user whose id the param is; the name ends with
                       .{user_id}, or .{PARAM}
  handler              a worker decides, at each join

` + newExitCodes

const newHandlerHelp = `Write the handler of what browsers send on a channel: the option (hub.v1.inbound)
in its proto, the handler, private, with its test, and its registration in both
binders of the feature, with its imports.

FEATURE and NAME are those that the channel was made with. What browsers send is
what subscribers receive, unless --message gives it a message of its own.

` + newExitCodes

const newExitCodes = `Exit codes: 0 done, 1 refused, and nothing was written, 2 called the wrong way.`

func (p *program) newCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "new",
		Short:   "Write a channel or a handler into a feature",
		Long:    newHelp,
		Example: "  hub new channel blog article-feed public\n  hub new handler blog article-feed --message ArticleViewed",
		Args:    cobra.ArbitraryArgs,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("new makes a channel or a handler, no %q", args[0])
			}
			return errors.New("new needs what to make: channel or handler")
		},
	}
	cmd.AddCommand(p.newChannel(), p.newHandler())
	return cmd
}

func (p *program) newChannel() *cobra.Command {
	var differences bool
	var scope scaffold.Scope
	cmd := &cobra.Command{
		Use:   "channel FEATURE NAME SCOPE",
		Short: "Write a channel with its contract test",
		Long:  newChannelHelp,
		Example: `  hub new channel blog article-feed public
  hub new channel board cursor role:editor,admin
  hub new channel notifications inbox user-scoped`,
		Args: needs(3, "a feature, a name and a scope"),
		PreRunE: func(_ *cobra.Command, args []string) (err error) {
			scope, err = scaffold.ParseScope(args[2])
			return err
		},
		RunE: p.begin(func(ctx context.Context, args []string) error {
			return p.scaffold(ctx, scaffold.NewChannel, scaffold.Addition{Feature: args[0], Name: args[1], Scope: scope}, differences)
		}),
		ValidArgsFunction: p.completeNew(completeScope),
	}
	p.addDiff(cmd, &differences)
	return cmd
}

func (p *program) newHandler() *cobra.Command {
	var differences bool
	var message string
	cmd := &cobra.Command{
		Use:   "handler FEATURE NAME",
		Short: "Write a handler with its test and its registration",
		Long:  newHandlerHelp,
		Example: `  hub new handler chat room
  hub new handler blog article-feed --message ArticleViewed`,
		Args: needs(2, "a feature and a channel's name"),
		RunE: p.begin(func(ctx context.Context, args []string) error {
			return p.scaffold(ctx, scaffold.NewHandler, scaffold.Addition{Feature: args[0], Name: args[1], Message: message}, differences)
		}),
		ValidArgsFunction: p.completeNew(nil),
	}
	cmd.Flags().StringVar(&message, "message", "", "a message of its own for what browsers send, as ArticleViewed")
	p.completeFlag(cmd, "message", cobra.NoFileCompletions)
	p.addDiff(cmd, &differences)
	return cmd
}

type scaffolder = func(context.Context, scaffold.Project, scaffold.Addition) (*scaffold.Report, error)

func (p *program) scaffold(ctx context.Context, add scaffolder, a scaffold.Addition, differences bool) error {
	project, err := p.project()
	if err != nil {
		return err
	}
	report, err := add(ctx, project, a)
	if err != nil {
		return err
	}
	return p.writeReport(report, project.Root, differences)
}

// project is what hub.yaml says of the repository. Nothing that it names is
// read: whoever adds a channel need not have the hub's secrets.
func (p *program) project() (scaffold.Project, error) {
	l, path, err := loadLayers(configFlags{}, p.env)
	switch {
	case err != nil:
		return scaffold.Project{}, err
	case path == "":
		return scaffold.Project{}, errors.New("there is no hub.yaml here; go to the folder that has it, or write one by `hub init`")
	case len(l.mistakes) > 0:
		return scaffold.Project{}, l.mistakes.err()
	}
	return scaffold.Project{Root: filepath.Dir(path), Features: l.message.GetFeatures(), Channels: l.message.GetChannels()}, nil
}

// completeNew completes FEATURE by the features that are there, and the third
// word by third.
func (p *program) completeNew(third func() []cobra.Completion) completer {
	return func(_ *cobra.Command, args []string, start string) ([]cobra.Completion, cobra.ShellCompDirective) {
		var all []cobra.Completion
		switch {
		case len(args) == 0:
			if project, err := p.project(); err == nil {
				all = project.FeatureNames()
			}
		case len(args) == 2 && third != nil:
			all = third()
		}
		var names []cobra.Completion
		directive := cobra.ShellCompDirectiveNoFileComp
		for _, name := range all {
			if strings.HasPrefix(name, start) {
				names = append(names, name)
			}
			if strings.HasPrefix(name, start) && strings.HasSuffix(name, ":") {
				directive |= cobra.ShellCompDirectiveNoSpace
			}
		}
		return names, directive
	}
}

func completeScope() []cobra.Completion {
	return []cobra.Completion{"public", "authenticated", "role:", "user-scoped", "handler"}
}
