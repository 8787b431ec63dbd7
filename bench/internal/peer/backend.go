package peer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/realtime-hub/hub/bench/internal/control"
	"github.com/realtime-hub/hub/bench/internal/load"
)

// calls is how many calls may be out at a time. With one, a hub that is busy
// delivering would wait for each answer before it hears of the next broadcast,
// which measures the round trip; more than a few share one connection and one
// core anyway.
const calls = 4

// A backend broadcasts in the background: each call takes what is due, one
// message as a Broadcast, several as a BroadcastBatch.
type backend struct {
	conn   *grpc.ClientConn
	cancel context.CancelFunc
	ended  sync.WaitGroup
	wake   chan struct{} // 1 of room: something is due. Never closed

	mu  sync.Mutex
	due int   // guarded by mu
	err error // guarded by mu; the first failed call
}

func dialBackend(ctx context.Context, address string) (*backend, error) {
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	b := &backend{conn: conn, cancel: cancel, wake: make(chan struct{}, 1)}
	conn.Connect() // the first broadcast should not wait for it
	for range calls {
		b.ended.Go(func() { b.run(ctx) })
	}
	return b, nil
}

func (b *backend) close() {
	b.cancel()
	b.ended.Wait()
	_ = b.conn.Close()
}

// broadcast is the load.Broadcaster: what is wrong is told by the next call.
func (b *backend) broadcast(n int) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.due += n
	b.nudge()
	return b.err
}

func (b *backend) nudge() {
	select {
	case b.wake <- struct{}{}:
	default: // somebody is awake already
	}
}

// take is what is due, and leaves the others nothing to wait for.
func (b *backend) take() (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n = min(b.due, 100)
	if b.due -= n; b.due > 0 {
		b.nudge()
	}
	return n
}

func (b *backend) run(ctx context.Context) {
	client := hubv1.NewBroadcastServiceClient(b.conn)
	request := &hubv1.BroadcastRequest{Channel: load.Channel, Payload: &hubv1.BroadcastRequest_Json{Json: hubPayload}}
	for {
		select {
		case <-b.wake:
		case <-ctx.Done():
			return
		}
		var err error
		switch n := b.take(); n {
		case 0:
		case 1:
			_, err = client.Broadcast(ctx, request)
		default:
			_, err = sendBatch(ctx, client, slices.Repeat([]*hubv1.BroadcastRequest{request}, n))
		}
		if err != nil && ctx.Err() == nil {
			b.mu.Lock()
			b.err = errors.Join(b.err, err)
			b.mu.Unlock()
		}
	}
}

// maxBatch is as many broadcasts as a BroadcastBatch may hold.
const maxBatch = 1000

// keep publishes kept messages, and is where the first channel then stands.
// One call follows the other: a channel's messages are to be in order.
func (b *backend) keep(ctx context.Context, k control.Keeping) (first control.Position, err error) {
	client := hubv1.NewBroadcastServiceClient(b.conn)
	var batch []*hubv1.BroadcastRequest
	for n := range k.Each {
		for i := range k.Channels {
			batch = append(batch, &hubv1.BroadcastRequest{
				Channel: control.KeptChannel(k.First + i), Payload: &hubv1.BroadcastRequest_Json{Json: control.Kept(n + 1)},
			})
			if last := n+1 == k.Each && i+1 == k.Channels; len(batch) < maxBatch && !last {
				continue
			}
			results, err := sendBatch(ctx, client, batch)
			if err != nil {
				return first, err
			}
			for j, result := range results {
				if at := result.GetAccepted().GetPosition(); batch[j].GetChannel() == control.KeptChannel(k.First) {
					first = control.Position{Epoch: at.GetEpoch(), Offset: at.GetOffset()}
				}
			}
			batch = batch[:0]
		}
	}
	if first.Epoch == "" {
		return first, errors.New("the hub keeps messages without a position")
	}
	return first, nil
}

func sendBatch(
	ctx context.Context, client hubv1.BroadcastServiceClient, batch []*hubv1.BroadcastRequest,
) ([]*hubv1.BroadcastResult, error) {
	response, err := client.BroadcastBatch(ctx, &hubv1.BroadcastBatchRequest{Broadcasts: batch})
	if err == nil && len(response.GetResults()) != len(batch) {
		err = fmt.Errorf("%d broadcasts have %d results", len(batch), len(response.GetResults()))
	}
	for _, result := range response.GetResults() {
		if refused := result.GetError(); refused != nil {
			return nil, fmt.Errorf("a broadcast is refused: %s", refused)
		}
	}
	return response.GetResults(), err
}

// hubPayload makes an event of control.MessageBytes, though the hub adds a
// broadcast's id of 26 characters, which the others do not have.
var hubPayload = control.Payload(len(`42["bench.feed",,{"id":"ABCDEFGHIJKLMNOPQRSTUVWXYZ"}]`)) //nolint:gochecknoglobals // a constant
