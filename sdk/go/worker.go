package hub

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
)

const (
	// attaching is the hub's time to answer Attach: a proxy may hold a stream
	// that leads nowhere.
	attaching = 10 * time.Second
	// steady is how long a stream has to last for the pauses to begin anew: a hub
	// that falls whenever it has got up is not hammered.
	steady = 10 * time.Second
	// maxFrame bounds one frame from the hub. gRPC's 4 MiB would cut off the
	// stream at a payload that the hub is configured to take.
	maxFrame = 64 << 20
)

// worker is one Serve.
type worker struct {
	// static
	handlers hubv1.HandlerServiceClient
	hello    *hubv1.HandleRequest
	reg      *Registry
	log      *slog.Logger
	stop     time.Duration

	work      turns // deliveries and events
	questions turns
	streams   sync.WaitGroup
}

// attend keeps a stream open until ctx ends or there is no point. A stream whose
// hub shuts down finishes beside its successor.
func (w *worker) attend(ctx, handling context.Context) error {
	pause, attached := firstPause, false
	for {
		began := time.Now()
		a, err := w.attach(ctx, handling)
		if err == nil {
			attached = true
			w.streams.Go(func() {
				a.serve(ctx, w.stop, func(frame *hubv1.HandleResponse) { w.take(handling, a, frame) })
			})
			err = a.lost(ctx)
		}
		if ctx.Err() != nil {
			return nil //nolint:nilerr // how a stream ended that was not needed any more is no failure
		}
		if permanent(err, attached) {
			return err
		}
		if time.Since(began) > steady {
			pause = firstPause
		}
		level := slog.LevelWarn
		if pause == longestPause {
			level = slog.LevelDebug // said often enough
		}
		again := jittered(pause)
		w.log.LogAttrs(ctx, level, "no hub, attaching again", slog.String("error", err.Error()), slog.Duration("in", again))
		if !wait(ctx, again) {
			return nil
		}
		pause = min(2*pause, longestPause)
	}
}

// attach opens a stream. It outlives ctx, to bring in what is being handled.
func (w *worker) attach(ctx, handling context.Context) (*attachment, error) {
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	unlink := context.AfterFunc(ctx, cancel)
	timer := time.AfterFunc(attaching, cancel)
	stream, attached, err := w.greet(life)
	late, ended := !timer.Stop(), !unlink()
	switch {
	case ended:
		err = ctx.Err()
	case late:
		err = &Error{Code: codes.DeadlineExceeded, Message: fmt.Sprintf("the hub did not answer Attach within %v", attaching), Retryable: true}
	}
	if err != nil {
		cancel()
		return nil, err
	}
	w.log.LogAttrs(ctx, slog.LevelInfo, "attached", slog.String("worker_id", attached.GetWorkerId()),
		slog.String("hub_id", attached.GetHubId()), slog.Uint64("capacity", uint64(attached.GetCapacity())))
	w.reg.attached(handling, w.log, attached.GetHubId())
	return newAttachment(stream, cancel), nil
}

func (w *worker) greet(ctx context.Context) (grpc.BidiStreamingClient[hubv1.HandleRequest, hubv1.HandleResponse], *hubv1.Attached, error) {
	stream, err := w.handlers.Handle(ctx, grpc.MaxCallRecvMsgSize(maxFrame))
	if err != nil {
		if e, ok := errors.AsType[*Error](err); ok && e.Code == codes.Canceled && ctx.Err() == nil {
			return nil, nil, errClosed
		}
		return nil, nil, err
	}
	if err := stream.Send(w.hello); err != nil && !errors.Is(err, io.EOF) { // EOF: Recv knows why
		return nil, nil, err
	}
	first, err := stream.Recv()
	switch {
	case errors.Is(err, io.EOF):
		return nil, nil, errors.New("the hub ended the stream before it began")
	case err != nil:
		return nil, nil, err
	case first.GetAttached() == nil:
		return nil, nil, fmt.Errorf("the hub's first frame is not attached, but %T", first.GetFrame())
	}
	return stream, first.GetAttached(), nil
}

// errClosed: the caller has closed the client; no stream will ever open.
var errClosed = &Error{Code: codes.Canceled, Message: "the client is closed"}

// permanent tells that another attempt would meet the same answer. A worker
// that was attached before was right about its channels once: a hub that has
// forgotten them may just have started, and not been told of all yet.
func permanent(err error, attached bool) bool {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return false
	}
	switch e.Code {
	case codes.Unauthenticated, codes.PermissionDenied, codes.InvalidArgument:
		return true
	case codes.NotFound, codes.AlreadyExists, codes.FailedPrecondition, codes.OutOfRange, codes.Unimplemented:
		return !attached
	default:
		return e == errClosed
	}
}
