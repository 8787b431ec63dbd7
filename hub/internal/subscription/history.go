package subscription

import (
	"context"

	"github.com/realtime-hub/hub/hub/internal/engine"
	"github.com/realtime-hub/hub/hub/internal/fault"
	"github.com/realtime-hub/hub/hub/schema"
)

// defaultPage is how many messages a page of history has where nobody says.
const defaultPage = 100

// History is a page of what the channel keeps: what came after since, nil: from the
// oldest. limit is in messages, 0 a hundred; a page ends earlier where it has maxBytes
// of payloads. Who may read it is the caller's to ask.
func (v *Service) History(
	ctx context.Context, match schema.Match, since *engine.Position, limit, maxBytes int,
) (engine.History, error) {
	if match.Options.GetHistory() == nil {
		return engine.History{}, fault.New(fault.NotEnabled, "the channel's declaration has no history", "channel", match.Name)
	}
	if limit <= 0 {
		limit = defaultPage
	}
	return v.cfg.Engine.History(ctx, match.Name, engine.ReadOptions{
		Keep: engine.RetentionOf(match.Options.GetHistory()), Since: since, MaxItems: limit, MaxBytes: maxBytes,
	})
}
