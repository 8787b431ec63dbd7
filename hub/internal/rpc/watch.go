package rpc

import (
	"buf.build/go/protovalidate"
	"google.golang.org/grpc"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/fault"
	"github.com/realtime-hub/hub/hub/internal/subscription"
)

// Watch follows a channel until its caller leaves or the hub is going. The first
// answer is the header, so that its caller knows from when on it misses nothing.
func (a adminService) Watch(req *hubv1.WatchRequest, stream grpc.ServerStreamingServer[hubv1.WatchResponse]) error {
	if err := obeys(protovalidate.GlobalValidator, req); err != nil {
		return err
	}
	ctx := stream.Context()
	match, err := a.administered(ctx, req.GetChannel())
	if err != nil {
		return err
	}
	watcher, err := a.subscriptions.Watch(ctx, match.Name)
	if err != nil {
		return err
	}
	defer watcher.Close()
	if err := stream.SendHeader(nil); err != nil {
		return nil // there is nobody to tell
	}
	for {
		select {
		case <-watcher.Ready():
		case <-ctx.Done():
			return nil // the caller has what it wanted
		case <-a.going.Done():
			return fault.New(fault.Draining, "the hub is shutting down")
		}
		for _, seen := range watcher.Take() {
			if stream.Send(watchResponse(seen)) != nil {
				return nil
			}
		}
	}
}

func watchResponse(seen subscription.Watched) *hubv1.WatchResponse {
	if seen.Missed > 0 {
		return &hubv1.WatchResponse{Event: &hubv1.WatchResponse_Dropped{Dropped: seen.Missed}}
	}
	return &hubv1.WatchResponse{Event: &hubv1.WatchResponse_Publication{Publication: publication(&seen.Publication)}}
}
