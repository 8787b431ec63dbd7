package gate

import (
	"context"
	"time"

	"github.com/realtime-hub/hub/hub/schema"
)

// Join is gate 2: may the session subscribe to the channel, and until when?
// Zero: as long as it is who it is. Its errors are Allow's.
func (g *Gate) Join(ctx context.Context, id *Identity, m schema.Match) (until time.Time, err error) {
	if m.Channel == nil {
		return until, denied(m.Name, id, "the channel is not declared, so nobody may")
	}
	return g.allow(ctx, id, m.Channel.Options.GetScope(), m.Name, m.Params)
}
