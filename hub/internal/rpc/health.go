package rpc

import (
	"context"
	"sync"

	"google.golang.org/grpc"
	grpchealth "google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/fault"
)

// health is grpc.health.v1 of the hub ("") and of each service. The library's
// Watch lasts until its client leaves, and would hold up every shutdown; ours
// ends when the client knows that the hub is going.
type health struct {
	*grpchealth.Server

	going context.Context //nolint:containedctx // the door's own end, no call's context
	leave context.CancelFunc
}

func newHealth() *health {
	h := &health{Server: grpchealth.NewServer()}
	h.going, h.leave = context.WithCancel(context.Background())
	h.set(true)
	return h
}

func (h *health) set(serving bool) {
	to := healthpb.HealthCheckResponse_NOT_SERVING
	if serving {
		to = healthpb.HealthCheckResponse_SERVING
	}
	h.SetServingStatus("", to)
	for _, service := range []string{
		hubv1.BroadcastService_ServiceDesc.ServiceName,
		hubv1.HandlerService_ServiceDesc.ServiceName,
		hubv1.AdminService_ServiceDesc.ServiceName,
	} {
		h.SetServingStatus(service, to)
	}
}

// shutdown says NOT_SERVING for good, and ends who watches once he was told.
func (h *health) shutdown() {
	h.leave()
	h.Shutdown()
}

// Watch streams the status until the client leaves or the hub is going.
func (h *health) Watch(req *healthpb.HealthCheckRequest, stream grpc.ServerStreamingServer[healthpb.HealthCheckResponse]) error {
	ctx, cancel := context.WithCancel(stream.Context())
	defer cancel()
	w := &watcher{ServerStreamingServer: stream, ctx: ctx, cancel: cancel, going: h.going}
	defer context.AfterFunc(h.going, w.check)()
	err := h.Server.Watch(req, w)
	if h.going.Err() != nil && stream.Context().Err() == nil {
		return fault.New(fault.Draining, "the hub is shutting down")
	}
	return err
}

// watcher ends its own context when the hub is going and its client has not
// been told SERVING last.
type watcher struct {
	grpc.ServerStreamingServer[healthpb.HealthCheckResponse]

	ctx    context.Context //nolint:containedctx // replaces the stream's own
	cancel context.CancelFunc
	going  context.Context //nolint:containedctx // the door's end, not a call's

	mu   sync.Mutex
	last healthpb.HealthCheckResponse_ServingStatus
}

// Context is the stream's, ended by check.
func (w *watcher) Context() context.Context { return w.ctx }

// Send tells the client.
func (w *watcher) Send(res *healthpb.HealthCheckResponse) error {
	err := w.ServerStreamingServer.Send(res)
	w.mu.Lock()
	w.last = res.GetStatus()
	w.mu.Unlock()
	if w.going.Err() != nil {
		w.check()
	}
	return err
}

func (w *watcher) check() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.last != healthpb.HealthCheckResponse_SERVING && w.last != healthpb.HealthCheckResponse_UNKNOWN {
		w.cancel()
	}
}
