package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/dynamicpb"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	hub "github.com/realtime-hub/hub/sdk/go"
)

const deadLettersHelp = `List the messages from browsers that failed for good, the newest first: a worker
refused them, or no worker handled them in five attempts or in their time. Their
senders were told; the hub keeps the newest 1,000 to look at, and never sends
them again. What a worker refuses in public words is an answer, and not listed.

`

func (p *program) deadLetters() *cobra.Command {
	var r remote
	var channel string
	var limit uint32
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "dead-letters",
		Short:   "List the messages to workers that failed for good",
		Long:    deadLettersHelp + remoteHelp,
		Example: "  hub dead-letters --channel blog.article.feed --limit 10\n  hub dead-letters --json    # with the messages themselves",
		Args:    cobra.NoArgs,
		RunE: p.begin(func(ctx context.Context, _ []string) error {
			var response *hubv1.ListDeadLettersResponse
			types := make(letterTypes)
			err := r.ask(ctx, p.env, func(ctx context.Context, client *hub.Client) (err error) {
				admin := hubv1.NewAdminServiceClient(client.Conn())
				response, err = admin.ListDeadLetters(ctx, &hubv1.ListDeadLettersRequest{Channel: channel, Limit: limit})
				if err == nil && asJSON {
					types.learn(ctx, admin, response.GetDeadLetters())
				}
				return err
			})
			if err != nil {
				return err
			}
			letters := response.GetDeadLetters()
			switch {
			case asJSON:
				return types.write(p.stdout, letters)
			case len(letters) == 0:
				p.sayf("No message has failed for good, of the channels that this token covers.")
			default:
				if err := writeLetters(p.stdout, letters); err != nil {
					return err
				}
			}
			if n := response.GetDropped(); n > 0 {
				p.sayf("%s dropped to make room.", count(int(min(n, 1<<62)), "older one was", "older ones were"))
			}
			return nil
		}),
	}
	r.flags(cmd)
	cmd.Flags().StringVar(&channel, "channel", "", "only those of this concrete channel")
	cmd.Flags().Uint32Var(&limit, "limit", 0, "how many at most, up to 1,000 (default 100)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON array of hub.v1.DeadLetter, with the messages")
	return cmd
}

func writeLetters(w io.Writer, letters []*hubv1.DeadLetter) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "AT\tCHANNEL\tID\tGROUP\tATTEMPTS\tSENDER\tERROR")
	for _, l := range letters {
		sender := l.GetSender().GetSession()
		if user := l.GetSender().GetUserId(); user != "" {
			sender += " (" + user + ")"
		}
		row := []string{
			l.GetAt().AsTime().Format(time.RFC3339), l.GetChannel(), l.GetMessageId(), l.GetGroup(), fmt.Sprint(l.GetAttempts()), sender,
			l.GetError().GetReason() + ": " + l.GetError().GetMessage(),
		}
		for i, cell := range row { // ids and errors are someone else's: a tab or a line's end would forge a cell
			row[i] = printable(strings.Join(strings.Fields(cell), " "))
		}
		fmt.Fprintln(table, strings.Join(row, "\t"))
	}
	return table.Flush()
}

// letterTypes are the channels' messages, by concrete channel: JSON of a
// message needs its declaration, which only the hub has.
type letterTypes map[string]*dynamicpb.Types

// learn asks for what is declared. A channel that is not declared any more
// has none.
func (t letterTypes) learn(ctx context.Context, admin hubv1.AdminServiceClient, letters []*hubv1.DeadLetter) {
	for _, l := range letters {
		if _, known := t[l.GetChannel()]; known {
			continue
		}
		t[l.GetChannel()] = nil
		response, err := admin.GetChannel(ctx, &hubv1.GetChannelRequest{Channel: l.GetChannel()})
		if err != nil {
			continue
		}
		if files, err := protodesc.NewFiles(response.GetFiles()); err == nil {
			t[l.GetChannel()] = dynamicpb.NewTypes(files)
		}
	}
}

// write prints an array, also of nothing: scripts count on it.
func (t letterTypes) write(w io.Writer, letters []*hubv1.DeadLetter) error {
	list := make([]json.RawMessage, len(letters))
	for i, l := range letters {
		data, err := t.marshal(l)
		if err != nil {
			return err
		}
		list[i] = data
	}
	return json.NewEncoder(w).Encode(list)
}

// marshal has the message as JSON where its type is known, else its bytes.
func (t letterTypes) marshal(l *hubv1.DeadLetter) (json.RawMessage, error) {
	options := protojson.MarshalOptions{EmitDefaultValues: true}
	if types := t[l.GetChannel()]; types != nil {
		options.Resolver = types
		if data, err := options.Marshal(l); err == nil {
			return data, nil
		}
		options.Resolver = nil
	}
	bare := proto.CloneOf(l)
	bare.Message = nil
	data, err := options.Marshal(bare)
	if err != nil {
		return nil, err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		return nil, err
	}
	fields["message"], _ = json.Marshal(map[string]string{ // strings cannot fail
		"@type": l.GetMessage().GetTypeUrl(), "value": base64.StdEncoding.EncodeToString(l.GetMessage().GetValue()),
	})
	return json.Marshal(fields)
}
