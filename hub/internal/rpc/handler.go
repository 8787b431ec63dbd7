package rpc

import (
	"context"
	"errors"
	"io"
	"sync"

	"buf.build/go/protovalidate"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/dispatch"
	"github.com/realtime-hub/hub/hub/internal/fault"
)

type handlerService struct {
	hubv1.UnimplementedHandlerServiceServer

	flow *dispatch.Service
}

type handleStream = grpc.BidiStreamingServer[hubv1.HandleRequest, hubv1.HandleResponse]

// Handle attaches a worker for as long as its stream lives. A frame that breaks
// its rules ends the stream with a status that says which; what the worker had
// goes to another.
func (h handlerService) Handle(stream handleStream) error {
	first, err := receive(stream)
	if err != nil {
		return err
	}
	attach := first.GetAttach()
	if attach == nil {
		return fault.New(fault.RequestInvalid, "the first frame must be attach")
	}
	out := newOutbox()
	worker, err := h.flow.Attach(callerFrom(stream.Context()), attach, out)
	if err != nil {
		return err
	}
	defer worker.Detach()
	// Frames are read beside the sending. The reader ends with the stream,
	// which ends when this returns.
	received := make(chan error, 1)
	go func() {
		defer worker.Detach() // before what is being sent has been taken
		received <- h.listen(stream, worker)
	}()
	for {
		select {
		case err := <-received:
			return err
		case <-out.ready:
			frames, done := out.take()
			for _, frame := range frames {
				if stream.Send(frame) != nil {
					return nil // there is nobody to tell
				}
			}
			if done {
				return nil
			}
		}
	}
}

// listen carries out a worker's frames until it has no more.
func (h handlerService) listen(stream handleStream, w *dispatch.Worker) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = panicked(r)
		}
	}()
	for {
		frame, err := receive(stream)
		switch { // a frame that came before the end counts
		case err == nil:
		case errors.Is(err, io.EOF), errors.Is(stream.Context().Err(), context.Canceled),
			status.Code(err) == codes.Unavailable, status.Code(err) == codes.Canceled:
			return nil // the worker is done, or gone, or the hub is
		default:
			return err
		}
		switch f := frame.GetFrame().(type) {
		case *hubv1.HandleRequest_Ack:
			w.Ack(f.Ack.GetDeliveryId())
		case *hubv1.HandleRequest_Nack:
			w.Nack(f.Nack)
		case *hubv1.HandleRequest_Identify:
			w.Identify(f.Identify)
		case *hubv1.HandleRequest_Decide:
			w.Decide(f.Decide)
		case *hubv1.HandleRequest_Drain:
			w.Drain()
		default:
			return fault.New(fault.RequestInvalid, "attach is the first frame, and no later one is")
		}
	}
}

// receive reads a frame and holds it against its rules.
func receive(stream handleStream) (*hubv1.HandleRequest, error) {
	frame, err := stream.Recv()
	if err != nil {
		return nil, err
	}
	return frame, obeys(protovalidate.GlobalValidator, frame)
}

// outbox is a worker's frames that are not sent yet: as many as its capacity
// lets it have, and few others.
type outbox struct {
	ready chan struct{} // of one: there are frames

	mu     sync.Mutex
	frames []*hubv1.HandleResponse // guarded by mu
	done   bool                    // guarded by mu; nothing follows
}

var _ dispatch.Outlet = (*outbox)(nil)

func newOutbox() *outbox { return &outbox{ready: make(chan struct{}, 1)} }

// Send implements dispatch.Outlet.
func (o *outbox) Send(frame *hubv1.HandleResponse) {
	o.mu.Lock()
	o.frames = append(o.frames, frame)
	o.mu.Unlock()
	o.wake()
}

// Done implements dispatch.Outlet.
func (o *outbox) Done() {
	o.mu.Lock()
	o.done = true
	o.mu.Unlock()
	o.wake()
}

func (o *outbox) wake() {
	select {
	case o.ready <- struct{}{}:
	default:
	}
}

func (o *outbox) take() (frames []*hubv1.HandleResponse, done bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	frames = o.frames
	o.frames = nil
	return frames, o.done
}
