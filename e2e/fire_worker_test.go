package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
)

// What makes the test's binary a worker, in a process of its own that can be
// killed and stopped: the hub's address, and the file that it writes down in
// what it has handled.
const (
	soldierOf   = "HUB_E2E_WORKER_OF"
	soldierBook = "HUB_E2E_WORKER_BOOK"
)

// serveUnderFire handles messages until SIGTERM, which it meets with a drain.
func serveUnderFire(hub, path string) int {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	book, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer book.Close()
	soon := backoff.Config{BaseDelay: 20 * time.Millisecond, Multiplier: 1.5, MaxDelay: 200 * time.Millisecond}
	conn, err := grpc.NewClient(hub, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: soon, MinConnectTimeout: time.Second}))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer conn.Close()
	for ctx.Err() == nil {
		_ = handle(ctx, hubv1.NewHandlerServiceClient(conn), book) // it comes back, whatever it was
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
	return 0
}

// handle is one stream's life.
func handle(ctx context.Context, hub hubv1.HandlerServiceClient, book io.Writer) error {
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stream, err := hub.Handle(life, grpc.WaitForReady(false))
	if err != nil {
		return err
	}
	attach := &hubv1.Attach{Group: "fire", Channels: []string{"e2e.shot.{room}", "e2e.flash.{room}"}, Capacity: 32}
	if err := stream.Send(&hubv1.HandleRequest{Frame: &hubv1.HandleRequest_Attach{Attach: attach}}); err != nil {
		_, err = stream.Recv()
		return err
	}
	said := make(chan *hubv1.HandleRequest, 64) // gRPC allows one sender
	go func() {
		done := ctx.Done()
		for {
			frame := &hubv1.HandleRequest{Frame: &hubv1.HandleRequest_Drain{Drain: &hubv1.Drain{}}}
			select {
			case frame = <-said:
			case <-done:
				done = nil
			case <-life.Done():
				return
			}
			if stream.Send(frame) != nil {
				return
			}
		}
	}()
	say := func(frame *hubv1.HandleRequest) {
		select {
		case said <- frame:
		case <-life.Done():
		}
	}
	for {
		frame, err := stream.Recv()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case frame.GetDraining() != nil: // finish, and come back to the next hub
			say(&hubv1.HandleRequest{Frame: &hubv1.HandleRequest_Drain{Drain: &hubv1.Drain{}}})
			continue
		case frame.GetDelivery() == nil:
			continue
		}
		d := frame.GetDelivery()
		if strings.Contains(d.GetMessageId(), "/shot/") && d.GetAttempt() < 4 && rand.IntN(100) == 0 {
			say(&hubv1.HandleRequest{Frame: &hubv1.HandleRequest_Nack{Nack: &hubv1.Nack{DeliveryId: d.GetDeliveryId(), Retry: true}}})
			continue
		}
		// One write: whatever befalls this process then, the line is there or not.
		fmt.Fprintf(book, "%d %s\n", time.Now().UnixNano(), d.GetMessageId())
		say(&hubv1.HandleRequest{Frame: &hubv1.HandleRequest_Ack{Ack: &hubv1.Ack{DeliveryId: d.GetDeliveryId()}}})
	}
}
