package hub_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	hub "github.com/realtime-hub/hub/sdk/go"
)

// stillRuns fails the test if Serve has ended by the time that all wait.
func (s *serving) stillRuns() {
	s.t.Helper()
	synctest.Wait()
	select {
	case err := <-s.done:
		s.t.Fatalf("Serve has ended with %v", err)
	default:
	}
}

func TestALostStreamIsOpenedAgainWithGrowingPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newHandlerHub()
		var attempts []time.Time
		f.refuse = func(n int) error {
			attempts = append(attempts, time.Now())
			switch {
			case n == 9:
				return nil
			case n%2 == 0:
				return refusal(codes.Unavailable, "DRAINING", "the hub is shutting down")
			default:
				return status.Error(codes.Internal, "stream terminated by RST_STREAM")
			}
		}
		s := serve(t, f, registry(t, nothing))
		s.attached()
		pause := 50 * time.Millisecond
		for i := 1; i < len(attempts); i++ {
			if took := attempts[i].Sub(attempts[i-1]); took < pause/2 || took > pause {
				t.Errorf("pause %d took %v; want from %v to %v", i, took, pause/2, pause)
			}
			pause = min(2*pause, 2*time.Second)
		}
		s.ends()
	})
}

func TestPausesBeginAnewAfterASteadyStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newHandlerHub()
		s := serve(t, f, registry(t, nothing))
		again := func(lasts time.Duration) time.Duration {
			stream := s.attached()
			time.Sleep(lasts) // in the bubble
			ended := time.Now()
			stream.end <- nil // a stream that ends well has ended all the same
			f.streams <- s.attached()
			return time.Since(ended)
		}
		var last time.Duration
		for range 7 {
			last = again(time.Second)
		}
		if last < time.Second {
			t.Errorf("the pause after seven short streams is %v; want at least 1 s", last)
		}
		if last = again(time.Minute); last > 50*time.Millisecond {
			t.Errorf("the pause after a long stream is %v; want at most 50 ms", last)
		}
		s.ends()
	})
}

func TestAnAnswerStaysWithItsStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{}
		s := serve(t, newHandlerHub(), registry(t, g.handle))
		first := s.attached()
		first.deliver("1", "s", "blog.article.feed")
		first.deliver("waits", "s", "blog.article.feed")
		g.running()
		first.end <- refusal(codes.Unavailable, "ENGINE_UNAVAILABLE", "gone")
		second := s.attached()
		second.deliver("1-again", "s", "blog.article.feed")
		if got := g.running(); !slices.Equal(got, []string{"1"}) {
			t.Errorf("started %v; a redelivery waits for what its old stream left", got)
		}
		g.open("1")
		g.open("1-again")
		if got := second.acks(t); got != "1-again" {
			t.Errorf("acked %s on the new stream", got)
		}
		second.silent(t)
		if got := g.running(); !slices.Equal(got, []string{"1", "1-again"}) {
			t.Errorf("started %v; what waited on the old stream is the hub's to give again", got)
		}
		s.ends()
	})
}

func TestADrainingHubHasASuccessorAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{}
		s := serve(t, newHandlerHub(), registry(t, g.handle))
		old := s.attached()
		old.deliver("1", "s", "blog.article.feed")
		old.drain(30 * time.Second)
		next := s.attached()
		next.deliver("2", "s2", "blog.article.feed")
		g.open("2")
		if got := next.acks(t); got != "2" {
			t.Errorf("acked %s", got)
		}
		old.silent(t)
		s.ends()
	})
}

func TestWhatADrainingHubGaveIsAckedThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{}
		s := serve(t, newHandlerHub(), registry(t, g.handle))
		old := s.attached()
		old.deliver("1", "s", "blog.article.feed")
		old.deliver("2", "s", "blog.article.feed")
		old.drain(30 * time.Second)
		s.attached()
		g.open("1")
		g.open("2")
		if first, second := old.acks(t), old.acks(t); first != "1" || second != "2" {
			t.Errorf("acked %s and %s", first, second)
		}
		if frame := old.next(t); frame != nil {
			t.Errorf("the worker says %v; want its end", frame)
		}
		s.stillRuns()
		s.ends()
	})
}

func TestADrainingHubIsLeftWhenItsTimeIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{}
		s := serve(t, newHandlerHub(), registry(t, g.handle))
		old := s.attached()
		old.deliver("1", "s", "blog.article.feed")
		began := time.Now()
		old.drain(4 * time.Second)
		s.attached()
		<-old.over
		if took := time.Since(began); took < 4*time.Second || took > 7*time.Second {
			t.Errorf("left after %v", took)
		}
		s.ends()
	})
}

func TestStopFinishesWhatRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{}
		s := serve(t, newHandlerHub(), registry(t, g.handle))
		stream := s.attached()
		stream.deliver("1", "s", "blog.article.feed")
		g.running()
		s.stop()
		if frame := stream.next(t); frame.GetDrain() == nil {
			t.Fatalf("the worker said %v; want drain", frame)
		}
		stream.deliver("2", "s", "blog.article.feed") // was on its way

		time.Sleep(5 * time.Second) // in the bubble
		s.stillRuns()
		g.open("1")
		g.open("2")
		if first, second := stream.acks(t), stream.acks(t); first != "1" || second != "2" {
			t.Errorf("acked %s and %s", first, second)
		}
		acked := time.Now()
		if frame := stream.next(t); frame != nil {
			t.Errorf("the worker said %v; want its end", frame)
		}
		if err := <-s.done; err != nil || time.Since(acked) > 300*time.Millisecond {
			t.Errorf("Serve ended with %v, %v after the last ack", err, time.Since(acked))
		}
		if n := s.hub.attach.Load(); n != 1 {
			t.Errorf("%d streams; want 1", n)
		}
	})
}

func TestWhatWasOnItsWayIsTakenUntilItIsQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newHandlerHub()
		f.holds = true
		handled := 0
		s := serve(t, f, registry(t, func(context.Context, text, hub.Inbound) error { handled++; return nil }))
		stream := s.attached()
		s.stillRuns()
		s.stop()
		stream.next(t) // drain
		for _, id := range []string{"1", "2", "3"} {
			time.Sleep(150 * time.Millisecond) // in the bubble
			stream.deliver(id, "s", "blog.article.feed")
			if got := stream.acks(t); got != id {
				t.Errorf("acked %s, want %s", got, id)
			}
		}
		if frame := stream.next(t); frame != nil {
			t.Errorf("the worker said %v; want its end", frame)
		}
		stream.deliver("4", "s", "blog.article.feed") // nobody could ack it
		if err := <-s.done; err != nil || handled != 3 {
			t.Errorf("Serve ended with %v, %d handled", err, handled)
		}
	})
}

func TestWithoutAStopTimeoutHandlersSayThatTheyDidNotFinish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{}
		s := serve(t, newHandlerHub(), registry(t, g.handle), hub.StopTimeout(0))
		stream := s.attached()
		stream.deliver("1", "s", "blog.article.feed")
		g.running()
		s.stop()
		frames := []*hubv1.HandleRequest{stream.next(t), stream.next(t)}
		slices.SortFunc(frames, func(a, b *hubv1.HandleRequest) int { return len(b.String()) - len(a.String()) })
		if nack := frames[0].GetNack(); nack.GetDeliveryId() != "1" || !nack.GetRetry() {
			t.Errorf("the worker said %v; want a nack with retry", frames)
		}
		s.ends()
	})
}

func TestAHubThatDoesNotReadHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newHandlerHub()
		f.deaf = true
		s := serve(t, f, registry(t, func(context.Context, text, hub.Inbound) error {
			return hub.Reject(codes.NotFound, "GONE", strings.Repeat("x", 4096))
		}))
		stream := s.attached()
		for i := range 500 { // more than the connection holds
			stream.deliver(fmt.Sprint(i), fmt.Sprint("s", i), "blog.article.feed")
		}
		s.stillRuns()
		began := time.Now()
		s.ends()
		if took := time.Since(began); took > 15*time.Second {
			t.Errorf("it took %v; want at most the stop timeout and a little", took)
		}
	})
}

func TestALargeMessageArrives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, newHandlerHub(), registry(t, nothing))
		stream := s.attached()
		stream.deliver("1", "s", "blog.article.feed", func(d *hubv1.Delivery) {
			d.Message = pack(wrapperspb.String(strings.Repeat("x", 5<<20))) // more than gRPC takes by default
		})
		stream.acks(t)
		s.ends()
	})
}

func TestAHubThatHoldsOnIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newHandlerHub()
		f.holds = true
		s := serve(t, f, registry(t, nothing))
		stream := s.attached()
		s.stillRuns()
		began := time.Now()
		s.ends()
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("it took %v", took)
		}
		<-stream.over
	})
}

func TestAHubMayEndADrainedStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, newHandlerHub(), registry(t, nothing))
		stream := s.attached()
		s.stillRuns()
		s.stop()
		if frame := stream.next(t); frame.GetDrain() == nil {
			t.Fatalf("the worker said %v; want drain", frame)
		}
		began := time.Now()
		stream.end <- nil
		if err := <-s.done; err != nil || time.Since(began) != 0 {
			t.Errorf("Serve ended with %v after %v; want nil at once", err, time.Since(began))
		}
	})
}

func TestHandlersEndWithTheStopTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{}
		s := serve(t, newHandlerHub(), registry(t, g.handle), hub.StopTimeout(3*time.Second))
		stream := s.attached()
		stream.deliver("1", "s", "blog.article.feed")
		stream.deliver("waits", "s", "blog.article.feed")
		g.running()
		s.stop()
		began := time.Now()
		stream.next(t) // drain
		nack := stream.next(t).GetNack()
		if nack.GetDeliveryId() != "1" || !nack.GetRetry() || time.Since(began) != 3*time.Second {
			t.Errorf("nack %v after %v; want one with retry after 3 s", nack, time.Since(began))
		}
		if err := <-s.done; err != nil {
			t.Errorf("Serve ended with %v", err)
		}
		if got := g.running(); !slices.Equal(got, []string{"1"}) {
			t.Errorf("started %v", got)
		}
	})
}

func TestServeReturnsAfterTheLastHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{}
		s := serve(t, newHandlerHub(), registry(t, func(ctx context.Context, in text, m hub.Inbound) error {
			return g.handle(context.WithoutCancel(ctx), in, m) // deaf
		}))
		stream := s.attached()
		stream.deliver("1", "s", "blog.article.feed")
		g.running()
		s.stop()
		time.Sleep(time.Hour) // in the bubble
		s.stillRuns()
		select {
		case <-stream.over:
		default:
			t.Error("the stream is still open")
		}
		g.open("1")
		if err := <-s.done; err != nil {
			t.Errorf("Serve ended with %v", err)
		}
	})
}

func TestStopDoesNotWaitForAHub(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newHandlerHub()
		held := make(chan struct{})
		f.refuse = func(int) error { <-held; return errors.New("too late") }
		s := serve(t, f, registry(t, nothing))
		s.stillRuns()
		began := time.Now()
		s.ends()
		if took := time.Since(began); took != 0 {
			t.Errorf("it took %v", took)
		}
		close(held)
	})
}

func TestAHubThatDoesNotAnswerIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newHandlerHub()
		held := make(chan struct{})
		f.refuse = func(n int) error {
			if n == 0 {
				<-held
			}
			return nil
		}
		s := serve(t, f, registry(t, nothing))
		began := time.Now()
		s.attached()
		if took := time.Since(began); took < 10*time.Second || took > 11*time.Second {
			t.Errorf("attached after %v; want a little more than 10 s", took)
		}
		close(held)
		s.ends()
	})
}

func TestNoHubIsNoEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, err := hub.Dial("passthrough:///memory:1", hub.WithInsecure(),
			hub.WithDialer(func(context.Context, string) (net.Conn, error) { return nil, errors.New("no route to host") }))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if err := client.Serve(ctx, "g", registry(t, nothing), quietly()); err != nil {
			t.Errorf("Serve ended with %v", err)
		}
		_ = client.Close()
	})
}

func TestOnceAttachedAWorkerWaitsForItsChannels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newHandlerHub()
		f.refuse = func(n int) error {
			if n == 1 || n == 2 { // a hub that has just started, and not been told of all channels
				return refusal(codes.NotFound, "CHANNEL_UNKNOWN", "no such channel")
			}
			return nil
		}
		s := serve(t, f, registry(t, nothing))
		s.attached().end <- nil
		s.attached()
		s.ends()
	})
}

func TestEachStreamTellsItsHubFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var heard []string
		reg := registry(t, func(_ context.Context, in text, _ hub.Inbound) error {
			heard = append(heard, in.GetValue())
			return nil
		})
		if err := reg.Register(
			hub.OnAttach(func(_ context.Context, id string) { heard = append(heard, "hub "+id); panic("in vain") }),
			hub.OnAttach(func(_ context.Context, id string) { heard = append(heard, "hub "+id) }),
		); err != nil {
			t.Fatal(err)
		}
		s := serve(t, newHandlerHub(), reg)
		for _, id := range []string{"1", "2"} {
			stream := s.attached()
			stream.deliver(id, "s", "blog.article.feed")
			stream.acks(t)
			stream.end <- nil
		}
		s.attached()
		s.stillRuns()
		s.ends()
		if want := []string{"hub h", "hub h", "1", "hub h", "hub h", "2", "hub h", "hub h"}; !slices.Equal(heard, want) {
			t.Errorf("heard %v", heard)
		}
	})
}
