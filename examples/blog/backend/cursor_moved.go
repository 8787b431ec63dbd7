package backend

import (
	"context"
	"fmt"

	blogv1 "github.com/realtime-hub/hub/examples/blog/gen/blog/v1"
	hub "github.com/realtime-hub/hub/sdk/go"
)

// onCursorMoved tells a board's other pages where an editor points. The hub has
// seen to it that it is an editor, and that the point is on the board.
func onCursorMoved(b hub.Broadcaster) hub.Handler[*blogv1.CursorMoved] {
	return func(ctx context.Context, in *blogv1.CursorMoved, m hub.Inbound) error {
		moved := &blogv1.CursorMoved{X: in.GetX(), Y: in.GetY(), UserId: m.Sender.UserID, Session: m.Sender.Session}
		_, err := hub.Broadcast(ctx, b, blogv1.CursorMovedChannel(m.Params["board_id"]), moved, hub.ExceptSessions(m.Sender.Session))
		if err != nil {
			return fmt.Errorf("%s: %w", OnCursorMoved, err) // never tried again: at most once
		}
		return nil
	}
}
