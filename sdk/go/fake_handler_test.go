package hub_test

import (
	"context"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	hub "github.com/realtime-hub/hub/sdk/go"
)

// handlerHub is a HandlerService whose streams a test leads by hand. Like all
// of these tests it lives in a bubble, on connections in memory.
type handlerHub struct {
	hubv1.UnimplementedHandlerServiceServer

	// static after serve; what the nth attach gets, from 0. Nil: Attached.
	refuse func(n int) error
	holds  bool // streams stay open when the worker has ended its side
	deaf   bool // nothing is read after attach
	attach atomic.Int32
	// each stream that was attached; holds enough for a test.
	streams chan *workerStream
}

// workerStream is one attached worker, as the hub sees it.
type workerStream struct {
	attach *hubv1.Attach
	// said is what the worker says, closed when it ends its side; holds enough for a test.
	said chan *hubv1.HandleRequest
	// send goes to the worker; end ends the stream.
	send chan *hubv1.HandleResponse
	end  chan error
	// over is closed when the stream has ended, whoever ended it.
	over <-chan struct{}
}

func (f *handlerHub) Handle(server grpc.BidiStreamingServer[hubv1.HandleRequest, hubv1.HandleResponse]) error {
	n := int(f.attach.Add(1)) - 1
	first, err := server.Recv()
	if err != nil {
		return err
	}
	if f.refuse != nil {
		if err := f.refuse(n); err != nil {
			return err
		}
	}
	attached := &hubv1.Attached{WorkerId: "w", HubId: "h", Capacity: first.GetAttach().GetCapacity()}
	if err := server.Send(&hubv1.HandleResponse{Frame: &hubv1.HandleResponse_Attached{Attached: attached}}); err != nil {
		return err
	}
	s := &workerStream{
		attach: first.GetAttach(),
		said:   make(chan *hubv1.HandleRequest, 1024),
		send:   make(chan *hubv1.HandleResponse, 1024),
		end:    make(chan error, 1),
		over:   server.Context().Done(),
	}
	left := make(chan struct{})
	go func(left chan struct{}) {
		defer close(left)
		defer close(s.said)
		if f.deaf {
			<-s.over
			return
		}
		for {
			frame, err := server.Recv()
			if err != nil {
				return
			}
			s.said <- frame
		}
	}(left)
	f.streams <- s
	if f.holds {
		left = nil
	}
	for {
		select {
		case frame := <-s.send:
			if err := server.Send(frame); err != nil {
				return err
			}
		case err := <-s.end:
			return err
		case <-left:
			return nil
		case <-server.Context().Done():
			return nil
		}
	}
}

// clientOf serves f in memory for the time of a test.
func clientOf(t *testing.T, f hubv1.HandlerServiceServer) *hub.Client {
	t.Helper()
	l := bufconn.Listen(1 << 20)
	server := grpc.NewServer(grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second, PermitWithoutStream: true})) // as the hub's
	hubv1.RegisterHandlerServiceServer(server, f)
	var ended sync.WaitGroup
	ended.Go(func() { _ = server.Serve(l) })
	t.Cleanup(func() { server.Stop(); ended.Wait() })
	client, err := hub.Dial("passthrough:///memory:1", hub.WithInsecure(), hub.WithDialer(func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func newHandlerHub() *handlerHub { return &handlerHub{streams: make(chan *workerStream, 16)} }

// serving is a Serve that runs.
type serving struct {
	t    *testing.T
	hub  *handlerHub
	stop context.CancelFunc
	done chan error
}

// serve runs Serve against f until the test stops it.
func serve(t *testing.T, f *handlerHub, reg *hub.Registry, opts ...hub.ServeOption) *serving {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	s := &serving{t: t, hub: f, stop: stop, done: make(chan error, 1)}
	client := clientOf(t, f)
	opts = append([]hub.ServeOption{quietly()}, opts...)
	go func() { s.done <- client.Serve(ctx, "blog", reg, opts...) }()
	t.Cleanup(stop)
	return s
}

// attached is the next stream.
func (s *serving) attached() *workerStream {
	s.t.Helper()
	select {
	case stream := <-s.hub.streams:
		return stream
	case <-time.After(time.Minute):
		s.t.Fatal("no worker has attached")
		return nil
	}
}

// ends stops Serve and waits for it.
func (s *serving) ends() {
	s.t.Helper()
	s.stop()
	if err := <-s.done; err != nil {
		s.t.Errorf("Serve ended with %v; want nil", err)
	}
}

func (s *workerStream) deliver(id, session, channel string, change ...func(*hubv1.Delivery)) {
	d := &hubv1.Delivery{
		DeliveryId: id, Channel: channel, Message: pack(wrapperspb.String(id)), MessageId: "m-" + id,
		Sender: &hubv1.Sender{Session: session}, Attempt: 1, TimeLeft: durationpb.New(10 * time.Second),
	}
	for _, c := range change {
		c(d)
	}
	s.send <- &hubv1.HandleResponse{Frame: &hubv1.HandleResponse_Delivery{Delivery: d}}
}

func (s *workerStream) drain(left time.Duration) {
	s.send <- &hubv1.HandleResponse{Frame: &hubv1.HandleResponse_Draining{Draining: &hubv1.Draining{TimeLeft: durationpb.New(left)}}}
}

// next is what the worker says next; nil at its end.
func (s *workerStream) next(t *testing.T) *hubv1.HandleRequest {
	t.Helper()
	select {
	case frame := <-s.said:
		return frame
	case <-time.After(time.Minute):
		t.Fatal("the worker says nothing")
		return nil
	}
}

// acks waits for an ack and returns whose.
func (s *workerStream) acks(t *testing.T) string {
	t.Helper()
	frame := s.next(t)
	if frame.GetAck() == nil {
		t.Fatalf("the worker said %v; want an ack", frame)
	}
	return frame.GetAck().GetDeliveryId()
}

// silent tells that the worker has said nothing by the time that all wait.
func (s *workerStream) silent(t *testing.T) {
	t.Helper()
	synctest.Wait()
	select {
	case frame, open := <-s.said:
		if open {
			t.Errorf("the worker said %v; want nothing", frame)
		}
	default:
	}
}

func pack(m proto.Message) *anypb.Any {
	a, err := anypb.New(m)
	if err != nil {
		panic(err)
	}
	return a
}

// quietly keeps a worker's log out of the test's.
func quietly() hub.ServeOption { return hub.Log(slog.New(slog.DiscardHandler)) }
