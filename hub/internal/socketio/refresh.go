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
	result := &hubv1.RefreshResult{Ok: true, Lost: r.loseOutOfScope(ctx, nil)}
	if !identity.ExpiresAt.IsZero() {
		result.ExpiresAt = timestamppb.New(identity.ExpiresAt)
	}
	r.out.Send(r.ackFrames(result)...)
	return nil
}

// Recheck ends the subscriptions of the declared channels that sessions may not have
// any more, as the channels are declared now. It returns at once.
func (d *Door) Recheck(declared []string) {
	if len(declared) == 0 {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for c := range d.conns {
		c.inbox.Do(session.Func(func() {
			c.guarded(func() {
				if c.session != nil {
					c.loseOutOfScope(context.Background(), declared)
				}
			})
		}))
	}
}

// loseOutOfScope ends the subscriptions that the session may not have any more,
// being who it is now; only those of the declared channels, nil: all.
func (c *conn) loseOutOfScope(ctx context.Context, declared []string) (lost []*hubv1.LostSubscription) {
	known := c.door.cfg.Schema.Snapshot()
	for _, channel := range c.door.cfg.Subscriptions.Channels(c.session) {
		match, err := known.Match(channel)
		if err != nil {
			continue // it is not declared any more: nothing will be heard
		}
		if declared != nil && !slices.Contains(declared, match.Channel.Name()) {
			continue
		}
		if err := c.door.cfg.Gate.Keeps(ctx, c.session.Identity(), match); err != nil {
			why := fault.Of(err)
			c.unsubscribe(channel, "scope lost", why)
			lost = append(lost, &hubv1.LostSubscription{Channel: channel, Error: why.Proto()})
		}
	}
	return lost
}
