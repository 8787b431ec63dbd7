package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/realtime-hub/hub/cmd/hub/internal/plugin"
)

const pluginHelp = `Make code of declared channels. buf and protoc run these commands, and speak to
them on standard input and output; the help of each has a buf.gen.yaml.

protoc wants a program of its own for each: a link to hub that is called
protoc-gen-hub-go or protoc-gen-hub-ts.`

const pluginGoHelp = `Make Go descriptors of channels, beside what protoc-gen-go makes. buf runs this
command, from a buf.gen.yaml such as this:

  version: v2
  plugins:
    - local: protoc-gen-go
      out: gen
      opt: [paths=source_relative]
    - local: [hub, plugin, go]
      out: gen
      opt: [paths=source_relative]

A message ArticleFeed that declares the channel blog.article.feed has the
descriptor ArticleFeedChannel, a message of the template blog.notifications.{user_id}
the function UserNotificationChannel(userID), and what browsers may send on the
channel of ArticleFeed, whatever its message is called, ArticleFeedInbound:

  hub.Broadcast(ctx, client, blogv1.ArticleFeedChannel, &blogv1.ArticleFeed{…})
  hub.Broadcast(ctx, client, blogv1.UserNotificationChannel("42"), &blogv1.UserNotification{…})
  hub.Handle(blogv1.ArticleFeedInbound, onArticleViewed)

Another message, or a missing param, does not compile. Options are those of
protoc-gen-go: paths, module, and M for the import path of a file.`

const pluginTypeScriptHelp = `Make TypeScript of channels: the JSON that browsers receive and send, as types.
buf runs this command, from a buf.gen.yaml such as this:

  version: v2
  plugins:
    - local: [hub, plugin, ts]
      out: web/src/gen
      opt: [client=@realtime-hub/client]

For blog/v1/article_feed.proto comes article_feed_hub.ts: of each message the type
that browsers receive (ArticleFeed) and the one that they send (ArticleFeedInput),
and of each channel its name (ArticleFeedChannelName). Beside it, for all channels
of the directory:

  hub_events.ts    ServerToClientEvents and ClientToServerEvents, for socket.io-client:
                   const socket: Socket<ServerToClientEvents, ClientToServerEvents> = io(…)
  hub_channels.ts  descriptors for @realtime-hub/client:
                   ArticleFeedChannel, UserNotificationChannel({ user_id: "42" })

Options:
  client=MODULE          the module of channel() and template() (default @realtime-hub/client);
                         client=none makes no hub_channels.ts, so that nothing is imported
  import_extension=EXT   how one file imports another: js, ts or none (default js)`

func (p *program) plugin() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "plugin",
		Short:   "Make Go or TypeScript of channels, for buf generate",
		Long:    pluginHelp,
		Example: "  hub plugin go --help\n  ln -s \"$(command -v hub)\" protoc-gen-hub-go",
		Args:    cobra.ArbitraryArgs,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("plugin knows no %q; it is go or ts", args[0])
			}
			return errors.New("plugin needs a language: go or ts")
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	cmd.AddCommand(
		p.pluginFor("go", "Make Go descriptors of channels", pluginGoHelp, plugin.Go),
		p.pluginFor("ts", "Make TypeScript types of channels", pluginTypeScriptHelp, plugin.TypeScript),
	)
	return cmd
}

func (p *program) pluginFor(name, short, long string, language plugin.Language) *cobra.Command {
	return &cobra.Command{
		Use:   name,
		Short: short,
		Long:  long,
		Example: "  local: [hub, plugin, " + name + "]   # in buf.gen.yaml\n" +
			"  protoc --plugin=./protoc-gen-hub-" + name + " --hub-" + name + "_out=gen …   # a link to hub",
		Args: takesNothing(),
		PreRunE: func(*cobra.Command, []string) error {
			if isTerminal(p.stdin) {
				return errors.New("plugin " + name + " is run by buf or protoc; put it into buf.gen.yaml as the help shows")
			}
			return nil
		},
		RunE: p.begin(func(ctx context.Context, _ []string) error {
			return plugin.Run(ctx, p.stdin, p.stdout, language)
		}),
		ValidArgsFunction: cobra.NoFileCompletions,
	}
}

// arguments are those of the command line. protoc gives none, and runs a plugin
// by its own name: a link to hub that is called protoc-gen-hub-go means plugin go.
func arguments(argv []string) []string {
	name := strings.TrimSuffix(filepath.Base(argv[0]), ".exe")
	if language, ok := strings.CutPrefix(name, "protoc-gen-hub-"); ok {
		return append([]string{"plugin", language}, argv[1:]...)
	}
	return argv[1:]
}

// isTerminal tells a person from a pipe, who would wait for an answer.
func isTerminal(in any) bool {
	file, ok := in.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
