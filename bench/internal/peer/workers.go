package peer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// capacity is how many deliveries a worker may have unacked.
const capacity = 256

// Workers are one group that has dialled in to the hub, each on a connection
// of its own, as processes have. They speak the stream of contract §3 by hand
// and not through the SDK, whose queues and validation would take the
// generator's core.
type Workers struct {
	cancel    context.CancelCauseFunc
	ctx       context.Context //nolint:containedctx // the streams' life, which is the workers'
	ended     sync.WaitGroup
	delivered atomic.Int64
}

var errWorkersLeave = errors.New("the workers leave")

// Work attaches n workers, who ack each delivery on the channels at once.
// Only the hub has any.
func (p *Peer) Work(ctx context.Context, n int, channels ...string) (*Workers, error) {
	if p.backends == "" {
		return nil, errors.New("only the hub has workers")
	}
	life, cancel := context.WithCancelCause(ctx)
	w := &Workers{ctx: life, cancel: cancel}
	for range n {
		if err := w.attach(p.backends, channels); err != nil {
			w.Close()
			return nil, fmt.Errorf("a worker attaches: %w", err)
		}
	}
	return w, nil
}

// attach returns when the hub has the worker.
func (w *Workers) attach(address string, channels []string) error {
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	stream, err := w.greet(conn, channels)
	if err != nil {
		_ = conn.Close()
		return err
	}
	w.ended.Go(func() {
		if err := w.run(stream); w.ctx.Err() == nil {
			w.cancel(fmt.Errorf("a worker: %w", err))
		}
		_ = conn.Close()
	})
	return nil
}

func (w *Workers) greet(conn *grpc.ClientConn, channels []string) (hubv1.HandlerService_HandleClient, error) {
	stream, err := hubv1.NewHandlerServiceClient(conn).Handle(w.ctx)
	if err != nil {
		return nil, err
	}
	attach := &hubv1.Attach{Group: "bench", Channels: channels, Capacity: capacity}
	// What Send cannot do, Recv says why.
	_ = stream.Send(&hubv1.HandleRequest{Frame: &hubv1.HandleRequest_Attach{Attach: attach}})
	first, err := stream.Recv()
	if err != nil {
		return nil, err
	}
	if first.GetAttached() == nil {
		return nil, fmt.Errorf("the first frame is %v", first)
	}
	return stream, nil
}

// run acks until the stream ends, which is an error.
func (w *Workers) run(stream hubv1.HandlerService_HandleClient) error {
	var frame hubv1.HandleResponse
	ack := &hubv1.Ack{}
	say := &hubv1.HandleRequest{Frame: &hubv1.HandleRequest_Ack{Ack: ack}}
	for {
		if err := stream.RecvMsg(&frame); err != nil {
			return err
		}
		d := frame.GetDelivery()
		if d == nil || d.GetAttempt() != 1 { // nobody fails here, so nothing is to come again
			return fmt.Errorf("nobody knows what %v is for", &frame)
		}
		w.delivered.Add(1)
		ack.DeliveryId = d.GetDeliveryId()
		_ = stream.Send(say) // encoded when it returns; if it fails RecvMsg says why
	}
}

// Delivered is how much they have got so far.
func (w *Workers) Delivered() int { return int(w.delivered.Load()) }

// Await returns when they have got total deliveries so far. It is an error if
// they have not within patience, or have more.
func (w *Workers) Await(ctx context.Context, total int, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for w.Delivered() < total {
		select {
		case <-look.C:
		case <-w.ctx.Done():
			return w.Err()
		case <-ctx.Done():
			return fmt.Errorf("%d deliveries are missing: %w", total-w.Delivered(), context.Cause(ctx))
		}
	}
	if n := w.Delivered(); n > total {
		return fmt.Errorf("%d deliveries too many", n-total)
	}
	return w.Err()
}

// Err is why they are not all there any more; nil while they are.
func (w *Workers) Err() error { return context.Cause(w.ctx) }

// Close ends the streams, and returns when they have ended.
func (w *Workers) Close() {
	w.cancel(errWorkersLeave)
	w.ended.Wait()
}
