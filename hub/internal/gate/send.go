package gate

import (
	"context"

	"github.com/realtime-hub/hub/hub/schema"
)

// Send is gate 4: may the session send a message on the channel? Its errors
// are Allow's. That the channel takes messages at all is gate 3.
func (g *Gate) Send(ctx context.Context, id *Identity, m schema.Match) error {
	if m.Channel == nil || m.Inbound == nil {
		return denied(m.Name, id, "the channel takes no messages, so nobody may send one")
	}
	return g.Allow(ctx, id, m.Inbound.Options.GetScope(), m.Name, m.Params)
}
