package rpc

import (
	"context"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
)

type broadcastService struct {
	hubv1.UnimplementedBroadcastServiceServer

	flow Broadcaster
}

// Broadcast hands one message to flow 1.
func (b broadcastService) Broadcast(ctx context.Context, req *hubv1.BroadcastRequest) (*hubv1.BroadcastResponse, error) {
	return b.flow.Send(ctx, callerFrom(ctx), req)
}

// BroadcastBatch hands many to flow 1. Items fail alone, so the call itself
// succeeds whatever became of them.
func (b broadcastService) BroadcastBatch(ctx context.Context, req *hubv1.BroadcastBatchRequest) (*hubv1.BroadcastBatchResponse, error) {
	return &hubv1.BroadcastBatchResponse{Results: b.flow.SendBatch(ctx, callerFrom(ctx), req.GetBroadcasts())}, nil
}
