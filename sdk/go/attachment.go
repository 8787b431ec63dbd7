package hub

import (
	"context"
	"errors"
	"sync"
	"time"

	"google.golang.org/grpc"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
)

const (
	// quiet is how long a stream that is to end stays without work before this side
	// ends it: what the hub sent before it read Drain is still on its way. A hub
	// that ends the stream first saves the wait.
	quiet = 200 * time.Millisecond
	// closing is the hub's time to end the stream after this side has.
	closing = 2 * time.Second
	// lateAnswers is the time for the answers of handlers whose context the end of
	// the stop timeout has ended.
	lateAnswers = time.Second
)

// attachment is one Handle stream, from Attached to its end. A reader and a
// writer serve it; answers come from the handlers' goroutines.
type attachment struct {
	// static
	stream grpc.BidiStreamingClient[hubv1.HandleRequest, hubv1.HandleResponse]
	cancel context.CancelFunc

	// out is what the writer sends: gRPC allows one sender. It holds a few
	// answers; when full, handlers wait for the hub to read, or for the
	// stream's end. Never closed.
	out chan *hubv1.HandleRequest
	// changed holds one sign that open has changed. Never closed.
	changed chan struct{}
	// draining is closed by the reader: the hub shuts down, in timeLeft.
	draining chan struct{}
	timeLeft time.Duration
	// finished is closed by serve: the writer sends what is in out, and ends this side.
	finished chan struct{}
	// gone is closed by the reader: the stream has ended, with err.
	gone chan struct{}
	err  error

	mu     sync.Mutex
	open   int  // deliveries, events and questions without an answer
	closed bool // no more of them
}

func newAttachment(stream grpc.BidiStreamingClient[hubv1.HandleRequest, hubv1.HandleResponse], cancel context.CancelFunc) *attachment {
	return &attachment{
		stream: stream, cancel: cancel,
		out:      make(chan *hubv1.HandleRequest, 64),
		changed:  make(chan struct{}, 1),
		draining: make(chan struct{}),
		finished: make(chan struct{}),
		gone:     make(chan struct{}),
	}
}

// serve gives each frame to take until the stream has ended. When ctx ends it
// asks for nothing new, and ends the stream when all has an answer, or stop has passed.
func (a *attachment) serve(ctx context.Context, stop time.Duration, take func(*hubv1.HandleResponse)) {
	var loops sync.WaitGroup
	loops.Go(func() { a.read(take) })
	loops.Go(a.write)
	defer loops.Wait()
	defer a.cancel()
	select {
	case <-a.gone:
		return
	case <-a.draining:
		a.settle(a.timeLeft)
	case <-ctx.Done():
		// Also where the hub reads nothing, so that say and the writer wait.
		defer time.AfterFunc(stop+lateAnswers+closing, a.cancel).Stop()
		a.say(&hubv1.HandleRequest{Frame: &hubv1.HandleRequest_Drain{Drain: &hubv1.Drain{}}})
		a.settle(stop + lateAnswers)
	}
	close(a.finished)
	timer := time.NewTimer(closing)
	defer timer.Stop()
	select {
	case <-a.gone:
	case <-timer.C:
	}
}

// settle waits until all has an answer and nothing more comes, at most for
// limit, or for the stream's end.
func (a *attachment) settle(limit time.Duration) {
	end := time.NewTimer(limit)
	defer end.Stop()
	calm := time.NewTimer(quiet)
	defer calm.Stop()
	for {
		var calmed <-chan time.Time
		if a.idle() {
			calm.Reset(quiet)
			calmed = calm.C
		}
		select {
		case <-a.changed:
		case <-calmed:
			if a.shut(false) {
				return
			}
		case <-end.C:
			a.shut(true)
			return
		case <-a.gone:
			return
		}
	}
}

func (a *attachment) read(take func(*hubv1.HandleResponse)) {
	defer close(a.gone)
	drains := false
	for {
		frame, err := a.stream.Recv()
		if err != nil {
			a.err = err
			return
		}
		if d := frame.GetDraining(); d != nil {
			if !drains {
				drains = true
				a.timeLeft = defaultStopTimeout
				if d.GetTimeLeft() != nil {
					a.timeLeft = d.GetTimeLeft().AsDuration()
				}
				close(a.draining)
			}
			continue
		}
		take(frame)
	}
}

// write sends until the stream ends. Why it failed, the reader learns.
func (a *attachment) write() {
	for {
		select {
		case frame := <-a.out:
			if a.stream.Send(frame) != nil {
				return
			}
		case <-a.gone:
			return
		case <-a.finished:
			for {
				select {
				case frame := <-a.out:
					if a.stream.Send(frame) != nil {
						return
					}
				default:
					_ = a.stream.CloseSend()
					return
				}
			}
		}
	}
}

// say hands a frame to the writer. A stream that is gone needs none.
func (a *attachment) say(frame *hubv1.HandleRequest) {
	select {
	case a.out <- frame:
	case <-a.gone:
	}
}

// hold counts something that needs an answer. False: it is too late, leave it
// to another worker.
func (a *attachment) hold() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return false
	}
	a.open++
	a.sign()
	return true
}

// answer answers what hold counted; each once.
func (a *attachment) answer(frame *hubv1.HandleRequest) {
	a.say(frame)
	a.release()
}

// release is answer without a frame: nobody waits for it.
func (a *attachment) release() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.open--
	a.sign()
}

func (a *attachment) sign() {
	select {
	case a.changed <- struct{}{}:
	default:
	}
}

func (a *attachment) idle() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.open == 0
}

// shut takes nothing more, if all has an answer or force says so.
func (a *attachment) shut(force bool) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed = a.closed || force || a.open == 0
	return a.closed
}

func (a *attachment) isGone() bool {
	select {
	case <-a.gone:
		return true
	default:
		return false
	}
}

var errDraining = errors.New("the hub is shutting down")

// lost waits until another stream is needed, and says why; nil at ctx's end.
func (a *attachment) lost(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-a.draining:
		return errDraining
	case <-a.gone:
		return a.err
	}
}
