package socketio

import (
	"context"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/fault"
	"github.com/realtime-hub/hub/hub/internal/gate"
	"github.com/realtime-hub/hub/hub/internal/session"
	"github.com/realtime-hub/hub/hub/schema"
)

// Expiring implements session.Conn.
func (c *conn) Expiring(at time.Time) {
	c.send("hub:expiring", &hubv1.Expiring{ExpiresAt: timestamppb.New(at)})
}

// refresh answers hub:refresh: the session goes on with its user's new token, and
// without the subscriptions that the user may not have any more.
func (r *request) refresh(ctx context.Context) error {
	var args hubv1.RefreshArguments
	if err := r.arguments(&args); err != nil {
		return err
	}
	identity, err := r.door.cfg.Gate.Refresh(ctx, r.session.Identity(), gate.Credentials{
		Token: args.GetToken(), HasToken: true,
		// The handshake's headers and cookies are as old as the session, and not kept.
		Ask: func() *hubv1.Authenticate {
			token := structpb.NewStringValue(args.GetToken())
			return &hubv1.Authenticate{Auth: &structpb.Struct{Fields: map[string]*structpb.Value{"token": token}}, RemoteAddress: r.session.Remote}
		},
	})
	if err != nil {
		return err
	}
	r.door.cfg.Sessions.Refresh(r.session, identity)
	result := &hubv1.RefreshResult{Ok: true, Lost: r.loseOutOfScope(func(match schema.Match) error { return r.keeps(ctx, match) })}
	if !identity.ExpiresAt.IsZero() {
		result.ExpiresAt = timestamppb.New(identity.ExpiresAt)
	}
	r.out.Send(r.ackFrames(result)...)
	return nil
}

// Recheck ends the subscriptions that sessions may not have any more, as their
// channels are declared now. It returns at once. Workers are asked about those that
// nobody decided before; who gets no answer is out, and is told whether to try again.
func (d *Door) Recheck(change schema.Change) {
	if len(change.Changed) == 0 {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for c := range d.conns {
		c.inbox.Do(session.Func(func() {
			c.guarded(func() {
				if c.session != nil {
					c.loseOutOfScope(func(match schema.Match) error { return c.recheck(context.Background(), match, change) })
				}
			})
		}))
	}
}

// recheck tells whether the session may stay in a channel after the change.
func (c *conn) recheck(ctx context.Context, match schema.Match, change schema.Change) error {
	switch name := match.Channel.Name(); {
	case slices.Contains(change.Decided, name):
		until, err := c.door.cfg.Gate.Join(ctx, c.session.Identity(), match)
		c.permit(match.Name, until)
		return err
	case slices.Contains(change.Changed, name):
		if match.Channel.Options.GetScope().GetHandler() == nil {
			c.permit(match.Name, time.Time{}) // what a worker once said limits nobody any more
		}
		return c.keeps(ctx, match)
	}
	return nil
}

func (c *conn) keeps(ctx context.Context, match schema.Match) error {
	return c.door.cfg.Gate.Keeps(ctx, c.session.Identity(), match)
}

// loseOutOfScope ends the subscriptions that the session may not have any more.
func (c *conn) loseOutOfScope(keeps func(schema.Match) error) (lost []*hubv1.LostSubscription) {
	known := c.door.cfg.Schema.Snapshot()
	for _, channel := range c.door.cfg.Subscriptions.Channels(c.session) {
		match, err := known.Match(channel)
		if err != nil {
			continue // it is not declared any more: nothing will be heard
		}
		if err := keeps(match); err != nil {
			why := fault.Of(err)
			c.unsubscribe(channel, "scope lost", why)
			lost = append(lost, &hubv1.LostSubscription{Channel: channel, Error: why.Proto()})
		}
	}
	return lost
}
