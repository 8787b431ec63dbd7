package gate_test

import (
	"testing"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/channel"
	"github.com/realtime-hub/hub/hub/internal/fault"
	"github.com/realtime-hub/hub/hub/internal/gate"
	"github.com/realtime-hub/hub/hub/schema"
)

func TestJoinAsksTheChannelsScope(t *testing.T) {
	g := open(t, nil)
	for _, test := range scopes {
		t.Run(test.name, func(t *testing.T) {
			match := schema.Match{
				// Who may send has no say in who may join.
				Channel: &schema.Channel{
					Options: &hubv1.ChannelOptions{Scope: test.scope},
					Inbound: &schema.Inbound{Options: &hubv1.InboundOptions{Scope: public()}},
				},
				Name:   "notifications.user.ann",
				Params: test.params,
			}
			_, err := g.Join(t.Context(), test.id, match)
			wantReason(t, err, test.reason)
		})
	}
}

func TestJoinOfNoChannelIsDenied(t *testing.T) {
	g := open(t, nil)
	ann := &gate.Identity{UserID: "ann", Roles: []string{"admin"}}
	for name, match := range map[string]schema.Match{
		"no channel":    {Name: "a.b"},
		"no options":    {Name: "a.b", Channel: &schema.Channel{}},
		"empty options": {Name: "a.b", Channel: &schema.Channel{Options: &hubv1.ChannelOptions{}}, Params: channel.Params{"user_id": "ann"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := g.Join(t.Context(), ann, match)
			wantReason(t, err, fault.ScopeDenied)
		})
	}
}
