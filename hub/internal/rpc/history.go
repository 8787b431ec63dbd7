package rpc

import (
	"context"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/engine"
)

// maxPageBytes is what a page of history has of payloads, unless one alone is
// larger: a quarter of what gRPC's clients take in one message.
const maxPageBytes = 1 << 20

// ListHistory pages through what a channel keeps: the next page begins after the
// position of this one's last message.
func (a adminService) ListHistory(ctx context.Context, req *hubv1.ListHistoryRequest) (*hubv1.ListHistoryResponse, error) {
	match, err := a.administered(ctx, req.GetChannel())
	if err != nil {
		return nil, err
	}
	page, err := a.subscriptions.History(ctx, match, engine.PositionOf(req.GetSince()), int(req.GetLimit()), maxPageBytes)
	if err != nil {
		return nil, err
	}
	res := &hubv1.ListHistoryResponse{Position: page.Position.Proto()}
	for i := range page.Items {
		res.Messages = append(res.Messages, publication(&page.Items[i]))
	}
	return res, nil
}

func publication(p *engine.Publication) *hubv1.Publication {
	return &hubv1.Publication{Id: p.ID, Position: p.Position.Proto(), Json: string(p.Payload)}
}
