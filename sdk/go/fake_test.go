package hub_test

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	hub "github.com/realtime-hub/hub/sdk/go"
)

// fakeHub is a BroadcastService that answers from a script and remembers what
// it was asked.
type fakeHub struct {
	hubv1.UnimplementedBroadcastServiceServer

	// static after serve; what the nth call gets, from 0. Nil: yes.
	answer func(n int) error

	mu             sync.Mutex
	requests       []*hubv1.BroadcastRequest
	authorizations []string
}

func (f *fakeHub) Broadcast(ctx context.Context, request *hubv1.BroadcastRequest) (*hubv1.BroadcastResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := len(f.requests)
	f.requests = append(f.requests, request)
	md, _ := metadata.FromIncomingContext(ctx)
	f.authorizations = append(f.authorizations, md.Get("authorization")...)
	if f.answer != nil {
		if err := f.answer(n); err != nil {
			return nil, err
		}
	}
	duplicate := false
	for _, earlier := range f.requests[:n] {
		duplicate = duplicate || f.answer == nil && earlier.GetId() == request.GetId() && earlier.GetChannel() == request.GetChannel()
	}
	return &hubv1.BroadcastResponse{Id: request.GetId(), Duplicate: duplicate}, nil
}

func (f *fakeHub) got() []*hubv1.BroadcastRequest {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.requests
}

// listen serves the fake on loopback and returns its address.
func listen(f hubv1.BroadcastServiceServer) (address string, stop func(), err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	server := grpc.NewServer()
	hubv1.RegisterBroadcastServiceServer(server, f)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(l)
	}()
	return l.Addr().String(), func() { server.Stop(); <-ended }, nil
}

// dial connects a client to the fake for the time of a test.
func dial(t *testing.T, f hubv1.BroadcastServiceServer, opts ...hub.Option) *hub.Client {
	t.Helper()
	address, stop, err := listen(f)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	client, err := hub.Dial(address, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// refusal is the hub's error as gRPC carries it.
func refusal(code codes.Code, reason, message string, more ...protoadapt.MessageV1) error {
	details := append([]protoadapt.MessageV1{&errdetails.ErrorInfo{Reason: reason, Domain: "hub"}}, more...)
	s, err := status.New(code, message).WithDetails(details...)
	if err != nil {
		panic(err)
	}
	return s.Err()
}

// deadlineHub tells how much time each call has.
type deadlineHub struct {
	fakeHub

	left chan time.Duration // one for each call; the test makes one
}

func (f *deadlineHub) Broadcast(ctx context.Context, request *hubv1.BroadcastRequest) (*hubv1.BroadcastResponse, error) {
	deadline, ok := ctx.Deadline()
	if !ok {
		f.left <- 0
	} else {
		f.left <- time.Until(deadline)
	}
	return &hubv1.BroadcastResponse{Id: request.GetId()}, nil
}
