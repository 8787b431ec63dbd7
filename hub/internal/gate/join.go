package gate

import (
	"context"

	"github.com/realtime-hub/hub/hub/schema"
)

// Join is gate 2: may the session subscribe to the channel? Its errors are
// Allow's.
func (g *Gate) Join(ctx context.Context, id *Identity, m schema.Match) error {
	if m.Channel == nil {
		return denied(m.Name, id, "the channel is not declared, so nobody may")
	}
	return g.Allow(ctx, id, m.Channel.Options.GetScope(), m.Name, m.Params)
}
