package peer

import (
	"net"
	"strings"
	"testing"
	"time"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"google.golang.org/grpc"
)

// handler is a hub that delivers what it is told to, the next when the last is acked.
type handler struct {
	hubv1.UnimplementedHandlerServiceServer
	attempts []uint32
	acked    chan string
	again    chan struct{} // before a delivery that comes again
}

func (h *handler) Handle(stream hubv1.HandlerService_HandleServer) error {
	if _, err := stream.Recv(); err != nil {
		return err
	}
	if err := stream.Send(&hubv1.HandleResponse{Frame: &hubv1.HandleResponse_Attached{Attached: &hubv1.Attached{}}}); err != nil {
		return err
	}
	for i, attempt := range h.attempts {
		if attempt > 1 {
			<-h.again
		}
		d := &hubv1.Delivery{DeliveryId: strings.Repeat("d", i+1), Attempt: attempt}
		if err := stream.Send(&hubv1.HandleResponse{Frame: &hubv1.HandleResponse_Delivery{Delivery: d}}); err != nil {
			return err
		}
		request, err := stream.Recv()
		if err != nil {
			return err
		}
		h.acked <- request.GetAck().GetDeliveryId()
	}
	<-stream.Context().Done()
	return nil
}

func TestWorkersAckOnceWhatComesOnce(t *testing.T) {
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &handler{attempts: []uint32{1, 1, 2}, acked: make(chan string, 3), again: make(chan struct{}, 1)}
	server := grpc.NewServer()
	hubv1.RegisterHandlerServiceServer(server, h)
	go func() { _ = server.Serve(listener) }()
	defer server.Stop()
	w, err := (&Peer{backends: listener.Addr().String()}).Work(t.Context(), 1, "bench.any")
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for _, want := range []string{"d", "dd"} {
		if got := <-h.acked; got != want {
			t.Errorf("acked %q, not %q", got, want)
		}
	}
	if err := w.Await(t.Context(), 2, time.Minute); err != nil {
		t.Error(err)
	}
	if err := w.Await(t.Context(), 1, time.Minute); err == nil {
		t.Error("one too many is no error")
	}
	h.again <- struct{}{}
	if err := w.Await(t.Context(), 3, time.Minute); err == nil || !strings.Contains(err.Error(), "nobody knows what") {
		t.Errorf("a delivery that comes again is %v", err)
	}
}

func TestOnlyTheHubHasWorkers(t *testing.T) {
	if _, err := (&Peer{}).Work(t.Context(), 1, "bench.any"); err == nil {
		t.Error("raw has workers")
	}
}
