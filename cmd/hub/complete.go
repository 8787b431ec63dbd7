package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	hub "github.com/realtime-hub/hub/sdk/go"
)

// completeTimeout is for a question that a person did not knowingly ask.
const completeTimeout = time.Second

// completer is what cobra asks for the possible values of a word.
type completer = func(cmd *cobra.Command, args []string, start string) ([]cobra.Completion, cobra.ShellCompDirective)

// completion gives cobra's own command for shells what all others have: an
// example, and an error for wrong arguments.
func completion(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	cmd, _, err := root.Find([]string{"completion"})
	if err != nil {
		return // cobra makes none for a root without commands
	}
	cmd.Example = "  source <(hub completion bash)"
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(*cobra.Command, []string) error {
		return errors.New("completion needs a shell: bash, fish, powershell or zsh")
	}
	for _, shell := range cmd.Commands() {
		shell.Example = map[string]string{
			"bash":       "  source <(hub completion bash)",
			"zsh":        "  source <(hub completion zsh)",
			"fish":       "  hub completion fish | source",
			"powershell": "  hub completion powershell | Out-String | Invoke-Expression",
		}[shell.Name()]
	}
}

// completeFlag completes the flag's value by complete.
func (*program) completeFlag(cmd *cobra.Command, flag string, complete completer) {
	if err := cmd.RegisterFlagCompletionFunc(flag, complete); err != nil {
		panic(err) // a misspelt flag, at every start: no test passes
	}
}

// completeChannel asks the hub that the command would ask. A declared name is
// completed to its first param; what comes then only the user knows. No hub is
// no completion: an error would be written across the line that is typed.
func (p *program) completeChannel(r *remote) completer {
	return func(cmd *cobra.Command, args []string, start string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var names []cobra.Completion
		directive := cobra.ShellCompDirectiveNoFileComp
		p.quietly(cmd, r, func(ctx context.Context, admin hubv1.AdminServiceClient) error {
			response, err := admin.ListChannels(ctx, &hubv1.ListChannelsRequest{})
			for _, c := range response.GetChannels() {
				name, _, template := strings.Cut(c.GetName(), "{")
				if !strings.HasPrefix(name, start) {
					continue
				}
				if template {
					directive |= cobra.ShellCompDirectiveNoSpace
				}
				names = append(names, cobra.CompletionWithDesc(oneLine(name), oneLine(c.GetName()+", "+c.GetMessage())))
			}
			return err
		})
		return names, directive
	}
}

// completeSession offers the first sessions, with who they are of.
func (p *program) completeSession(r *remote) completer {
	return func(cmd *cobra.Command, _ []string, start string) ([]cobra.Completion, cobra.ShellCompDirective) {
		var ids []cobra.Completion
		p.quietly(cmd, r, func(ctx context.Context, admin hubv1.AdminServiceClient) error {
			response, err := admin.ListSessions(ctx, &hubv1.ListSessionsRequest{Limit: sessionsPerPage})
			for _, info := range response.GetSessions() {
				if id := info.GetSender().GetSession(); strings.HasPrefix(id, start) {
					ids = append(ids, cobra.CompletionWithDesc(oneLine(id), oneLine(or(info.GetSender().GetUserId(), "anonymous"))))
				}
			}
			return err
		})
		return ids, cobra.ShellCompDirectiveNoFileComp
	}
}

func (p *program) quietly(cmd *cobra.Command, r *remote, ask func(context.Context, hubv1.AdminServiceClient) error) {
	ctx, cancel := context.WithTimeout(cmd.Context(), completeTimeout)
	defer cancel()
	_ = r.connect(ctx, p.env, func(ctx context.Context, client *hub.Client) error { // says nothing, see completeChannel
		return ask(ctx, hubv1.NewAdminServiceClient(client.Conn()))
	})
}

// completePayload completes the name of a file behind @, which shells do not
// take for one.
func completePayload(start string) ([]cobra.Completion, cobra.ShellCompDirective) {
	path, isFile := strings.CutPrefix(start, "@")
	if !isFile {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	matches, err := filepath.Glob(path + "*")
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	directive := cobra.ShellCompDirectiveNoFileComp
	names := make([]cobra.Completion, len(matches))
	for i, name := range matches {
		if info, err := os.Stat(name); err == nil && info.IsDir() {
			name += string(filepath.Separator)
			directive |= cobra.ShellCompDirectiveNoSpace
		}
		names[i] = "@" + name
	}
	return names, directive
}
