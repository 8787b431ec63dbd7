package rpc

import (
	"errors"
	"io"

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

	flow    *dispatch.Service
	maxRead int
}

type handleStream = grpc.BidiStreamingServer[hubv1.HandleRequest, hubv1.HandleResponse]

// Handle attaches a worker for as long as its stream lives. A frame that breaks
// its rules ends the stream with a status that says which; what the worker had
// goes to another.
func (h handlerService) Handle(stream handleStream) error {
	first, err := h.receive(stream)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	attach := first.GetAttach()
	if attach == nil {
		return fault.New(fault.RequestInvalid, "the first frame must be attach")
	}
	out := newOutbox(attach.GetCapacity())
	worker, err := h.flow.Attach(callerFrom(stream.Context()), attach, out)
	if err != nil {
		return err
	}
	defer worker.Detach()
	// A stream has one reader and one writer, both of which end with it: when
	// this returns. Neither waits for the other, so that a worker which takes
	// nothing is heard, and one that says nothing is served.
	ended := make(chan error, 2) // of two: why they have ended
	go func() {
		defer worker.Detach() // before what is being sent has been taken
		ended <- h.listen(stream, worker)
	}()
	go func() {
		out.send(stream)
		ended <- nil
	}()
	select {
	case err := <-ended:
		return err
	case <-out.full:
		return fault.New(fault.Overloaded, "the worker does not read its stream: what it has let pass, and what it may have, waits for it")
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
		frame, err := h.receive(stream)
		switch { // a frame that came before the end counts
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		switch f := frame.GetFrame().(type) {
		case *hubv1.HandleRequest_Ack:
			err = w.Ack(f.Ack.GetDeliveryId())
		case *hubv1.HandleRequest_Nack:
			err = w.Nack(f.Nack)
		case *hubv1.HandleRequest_Identify:
			err = w.Identify(f.Identify)
		case *hubv1.HandleRequest_Decide:
			err = w.Decide(f.Decide)
		case *hubv1.HandleRequest_Drain:
			w.Drain()
		default:
			err = fault.New(fault.RequestInvalid, "attach is the first frame, and no later one is")
		}
		if err != nil {
			return err
		}
	}
}

// receive reads a frame and holds it against its rules. EOF: the worker is done,
// or gone, or the hub is.
func (h handlerService) receive(stream handleStream) (*hubv1.HandleRequest, error) {
	frame, err := stream.Recv()
	switch code := status.Code(err); {
	case err == nil:
	case errors.Is(err, io.EOF), stream.Context().Err() != nil, code == codes.Unavailable, code == codes.Canceled:
		return nil, io.EOF
	case code == codes.ResourceExhausted:
		return nil, tooLarge(err, h.maxRead)
	default:
		return nil, fault.Wrap(err, fault.RequestInvalid, "the frame cannot be decoded")
	}
	return frame, obeys(protovalidate.GlobalValidator, frame)
}
