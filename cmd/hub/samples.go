package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/realtime-hub/hub/hub/schema"
	"github.com/realtime-hub/hub/hub/schema/sample"
	"github.com/realtime-hub/hub/hub/server"
)

const samplesHelp = `Print payloads made of a channel's rules. Without --all it is one that passes, for
` + "`hub broadcast`" + `, say. With --all it is every one: some that keep all rules, at their
edges, and for each rule of each field one that breaks it and nothing else, a line
each: passes or breaks, what is special about it, field and rule, the payload. What
no payload was found for is said last, with the reason. Tests in other languages
read the object of --all --json, and hold their own validation to it.

CHANNEL is a name as it is declared, as notifications.user.{user_id}, or a concrete
one. No hub is asked: the protos are at --channels, else where the configuration says.

Exit codes: 0 it is printed, 1 there is no such channel, or no payload that passes,
2 called the wrong way.`

func (p *program) samples() *cobra.Command {
	var flags configFlags
	var inbound, all, asJSON bool
	cmd := &cobra.Command{
		Use:   "samples CHANNEL",
		Short: "Print payloads that a channel's rules accept and refuse",
		Long:  samplesHelp,
		Example: `  hub broadcast blog.article.feed "$(hub samples blog.article.feed --channels ./proto)"
  hub samples blog.article.feed --channels ./proto --inbound --all
  hub samples blog.article.feed --channels ./proto --all --json > feed.samples.json`,
		Args: needs(1, "a channel, one argument, as blog.article.feed"),
		RunE: p.begin(func(ctx context.Context, args []string) error {
			channels, limit, err := p.declaredAt(ctx, flags)
			if err != nil {
				return err
			}
			message, err := findMessage(channels, args[0], inbound)
			if err != nil {
				return err
			}
			set, err := sample.Of(ctx, message.Descriptor(), sample.Config{MaxPayloadBytes: limit})
			if err != nil {
				return fmt.Errorf("%s: %w", message.Name(), err)
			}
			return p.writeSamples(set, all, asJSON)
		}),
		ValidArgsFunction: p.completeDeclared(&flags),
	}
	cmd.Flags().StringVar(&flags.config, "config", "", "configuration file (default ./hub.yaml if it is there, or HUB_CONFIG)")
	cmd.Flags().StringArrayVar(&flags.channels, "channels", nil, "directory of .proto files, or a compiled descriptor set; may be repeated")
	cmd.Flags().BoolVar(&inbound, "inbound", false, "of what browsers may send on the channel")
	cmd.Flags().BoolVar(&all, "all", false, "every payload, and what is not tested")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object: message, cases, untested")
	return cmd
}

// declaredAt are the channels of the protos, and what a payload may have of bytes.
// Nothing else of the configuration has to be right, its secrets least of all.
func (p *program) declaredAt(ctx context.Context, flags configFlags) (*schema.Snapshot, int, error) {
	l, path, err := loadLayers(flags, p.env)
	if err != nil {
		return nil, 0, err
	}
	if err := l.mistakes.err(); err != nil {
		return nil, 0, err
	}
	limit := int(l.message.GetLimits().GetMaxPayloadBytes())
	a := &assembler{layers: l}
	var paths []string
	for i, at := range l.message.GetChannels() {
		paths = append(paths, a.resolve(fmt.Sprintf("channels[%d]", i), at))
	}
	if len(paths) == 0 {
		where := "no configuration file is here"
		if path != "" {
			where = filepath.Base(path) + " names no channels"
		}
		return nil, 0, usageError{errors.New("samples needs the protos: --channels PATH; " + where)}
	}
	channels, err := declared(ctx, server.Config{Channels: paths, Limits: server.Limits{MaxPayloadBytes: limit}})
	if err != nil {
		return nil, 0, (&configuration{layers: l}).placed(err)
	}
	return channels, limit, nil
}

// findMessage is what may be said on a channel, by its declared or a concrete name.
func findMessage(channels *schema.Snapshot, name string, inbound bool) (*schema.Message, error) {
	c, ok := channels.Lookup(name)
	if !ok {
		match, err := channels.Match(name)
		if err != nil {
			all := channels.Channels()
			names := make([]string, len(all))
			for i, c := range all {
				names[i] = c.Name()
			}
			return nil, fmt.Errorf("%w; there are %s", err, strings.Join(names, ", "))
		}
		c = match.Channel
	}
	switch {
	case !inbound:
		return c.Payload, nil
	case c.Inbound == nil:
		return nil, fmt.Errorf("%s takes no messages from browsers: no message has the option (hub.v1.inbound) for it", c.Name())
	}
	return c.Inbound.Message, nil
}

func (p *program) writeSamples(set sample.Set, all, asJSON bool) error {
	passing, ok := set.Passing()
	if !all {
		set.Cases, set.Untested = []sample.Case{passing}, nil
	}
	var err error
	switch {
	case !ok && !all:
	case asJSON:
		err = json.NewEncoder(p.stdout).Encode(samplesJSON(set))
	case all:
		err = writeCases(p.stdout, set)
	default:
		_, err = fmt.Fprintf(p.stdout, "%s\n", passing.JSON)
	}
	if err == nil && !ok {
		return fmt.Errorf("%s: no payload was found that keeps all rules: either they contradict each other, see --all, "+
			"or they are hard to guess: then give the fields `example` values, which are tried first", set.Message)
	}
	return err
}

func writeCases(w io.Writer, set sample.Set) error {
	var b strings.Builder
	for _, c := range set.Cases {
		verdict, broken := "passes", ""
		if !c.Accepted {
			verdict, broken = "breaks", " ["+strings.TrimSpace(c.Field+" "+c.Rule)+"]"
		}
		fmt.Fprintf(&b, "%s  %s%s  %s\n", verdict, oneLine(c.Name), oneLine(broken), oneLine(string(c.JSON)))
	}
	for _, u := range set.Untested {
		fmt.Fprintf(&b, "untested  %s\n", oneLine(u.String()))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// setJSON is what programs read.
type setJSON struct {
	Message  string         `json:"message"`
	Cases    []caseJSON     `json:"cases"`
	Untested []untestedJSON `json:"untested"`
}

type caseJSON struct {
	Name     string          `json:"name"`
	Payload  json.RawMessage `json:"payload"`
	Accepted bool            `json:"accepted"`
	// Field is as the hub tells it, path as protovalidate does.
	Field string `json:"field,omitempty"`
	Path  string `json:"path,omitempty"`
	Rule  string `json:"rule,omitempty"`
}

type untestedJSON struct {
	Field  string `json:"field,omitempty"`
	Rule   string `json:"rule,omitempty"`
	Reason string `json:"reason"`
}

func samplesJSON(set sample.Set) setJSON {
	out := setJSON{Message: string(set.Message), Cases: make([]caseJSON, len(set.Cases)), Untested: make([]untestedJSON, len(set.Untested))}
	for i, c := range set.Cases {
		out.Cases[i] = caseJSON{Name: c.Name, Payload: c.JSON, Accepted: c.Accepted, Field: c.Field, Path: c.Path, Rule: c.Rule}
	}
	for i, u := range set.Untested {
		out.Untested[i] = untestedJSON(u)
	}
	return out
}

// completeDeclared completes the names that the protos declare.
func (p *program) completeDeclared(flags *configFlags) completer {
	return func(cmd *cobra.Command, args []string, start string) ([]cobra.Completion, cobra.ShellCompDirective) {
		channels, _, err := p.declaredAt(cmd.Context(), *flags)
		if err != nil || len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var names []cobra.Completion
		for _, c := range channels.Channels() {
			if strings.HasPrefix(c.Name(), start) {
				names = append(names, cobra.CompletionWithDesc(oneLine(c.Name()), oneLine(string(c.Payload.Name()))))
			}
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}
