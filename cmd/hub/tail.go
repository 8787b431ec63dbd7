package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/codes"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	hub "github.com/realtime-hub/hub/sdk/go"
)

// retryPause is between two attempts to follow a channel again.
const retryPause = time.Second

const tailHelp = `Follow a channel as a subscriber would: each message is a line with the time at
which it came, its id and its payload. CHANNEL is a concrete name, as
notifications.user.user_42. Needs the right ADMIN on the channel.

What is sent from now on is shown, nothing older. If the hub goes away, tail says
so and ends, since it would miss messages; --retry waits for the hub and goes on.
If tail is slower than the channel, the hub drops messages and tail says how many.

With --json each line is a hub.v1.WatchResponse: a publication, or dropped.

` + remoteHelp + `

Exit codes: 0 --count messages were shown, 1 the hub refused, could not be reached
or went away, 2 called the wrong way, 130 interrupted, as by Ctrl-C.`

func (p *program) tail() *cobra.Command {
	t := follower{program: p}
	var retry bool
	cmd := &cobra.Command{
		Use:   "tail CHANNEL",
		Short: "Follow a channel's messages",
		Long:  tailHelp,
		Example: `  hub tail blog.article.feed
  hub tail blog.article.feed --count 1 --json | jq -r .publication.json`,
		Args: needs(1, "a channel, one argument, as blog.article.feed"),
		RunE: p.begin(func(ctx context.Context, args []string) error {
			t.channel = args[0]
			if retry {
				return t.persist(ctx)
			}
			err := t.follow(ctx)
			if !t.followed || !passing(err) {
				return err
			}
			p.tell(err)
			p.sayf("  What is sent now is missed; --retry waits for the hub and goes on")
			return errSaid
		}),
		ValidArgsFunction: p.completeChannel(&t.remote),
	}
	t.remote.flags(cmd)
	cmd.Flags().Uint64Var(&t.count, "count", 0, "end after this many messages (default: never)")
	cmd.Flags().BoolVar(&retry, "retry", false, "wait for a hub that is not there or went away, and go on")
	cmd.Flags().BoolVar(&t.asJSON, "json", false, "print each as a hub.v1.WatchResponse, a JSON object to a line")
	return cmd
}

// A follower is one run of tail.
type follower struct {
	*program

	remote  remote
	channel string
	asJSON  bool
	// count is how many messages to show; 0: all.
	count, shown uint64
	// followed: the latest attempt reached a hub.
	followed bool
}

// persist follows again when the hub was not there or went away.
func (t *follower) persist(ctx context.Context) error {
	waiting := false
	for {
		t.followed = false
		err := t.follow(ctx)
		if err == nil || ctx.Err() != nil || !passing(err) {
			return err
		}
		if t.followed || !waiting {
			t.tell(err)
			t.sayf("Waiting for the hub; Ctrl-C ends")
		}
		waiting = true
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(retryPause):
		}
	}
}

// passing tells whether the hub may soon answer.
func passing(err error) bool {
	if e, ok := errors.AsType[*unreachable](err); ok {
		return e.cause.Code == codes.Unavailable
	}
	e, ok := errors.AsType[*hub.Error](err)
	return ok && e.Code == codes.Unavailable
}

// follow shows messages until count is reached or the hub ends it.
func (t *follower) follow(ctx context.Context) error {
	return t.remote.connect(ctx, t.env, func(ctx context.Context, client *hub.Client) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel() // ends the stream
		stream, err := hubv1.NewAdminServiceClient(client.Conn()).Watch(ctx, &hubv1.WatchRequest{Channel: t.channel})
		if err != nil {
			return err
		}
		// The hub sends its header when it follows; none: it refuses, and Recv says why.
		if header, err := stream.Header(); err == nil && header != nil {
			t.followed = true
			t.sayf("Following %s at %s; Ctrl-C ends", oneLine(t.channel), oneLine(t.remote.address(t.env)))
		}
		for {
			response, err := stream.Recv()
			if err != nil {
				return t.ended(err)
			}
			if err := t.show(response); err != nil {
				return err
			}
			if t.count > 0 && t.shown >= t.count {
				return nil
			}
		}
	})
}

// ended is why no more comes. Whatever broke a stream that stood is a hub that
// went away, also where gRPC has words of its own for it.
func (t *follower) ended(err error) error {
	if errors.Is(err, io.EOF) {
		return &unreachable{address: t.remote.address(t.env), gone: true, cause: &hub.Error{Code: codes.Unavailable, Message: "the stream ended"}}
	}
	return err
}

func (t *follower) show(response *hubv1.WatchResponse) error {
	publication := response.GetPublication()
	switch {
	case publication != nil:
		t.shown++
	case response.GetDropped() > 0:
		t.sayf("hub: %s dropped: tail is slower than the channel", count(int(min(response.GetDropped(), 1<<53)), "message", "messages"))
	}
	switch {
	case t.asJSON:
		return writeJSON(t.stdout, response)
	case publication == nil:
		return nil
	default:
		text := publication.GetId() + "  " + compact(publication.GetJson())
		_, err := fmt.Fprintln(t.stdout, time.Now().Format("15:04:05.000"), "", oneLine(text))
		return err
	}
}

// compact takes the white space out of JSON; what is none stays as it is.
func compact(text string) string {
	var b bytes.Buffer
	if json.Compact(&b, []byte(text)) != nil {
		return text
	}
	return b.String()
}
