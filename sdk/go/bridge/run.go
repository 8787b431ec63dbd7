package bridge

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

// closing is the bus' time to take the last answer.
const closing = 2 * time.Second

// Run subscribes to the listed topics and forwards their events. It blocks until
// ctx ends and what is being handled is done, and then returns nil. Topics go side by
// side, each in the order in which its subscriber offers events.
//
// When ctx ends no further event is taken; one that is held is returned to the
// bus (nacked) at once. After [StopTimeout] the contexts of mappers end, too. Run
// waits for mappers and publishers to return, even if they ignore that.
//
// What will not pass by itself ends Run with an error: a mistake in what was
// listed, a subscription that fails or that the bus ends, a hub that refuses
// the token (a *[hub.Error] of code Unauthenticated or PermissionDenied), a closed
// client, and an event that can never pass where there are no [DeadLetters]. The event that was
// being handled is returned to the bus: after the mistake is mended, Run goes on
// with it. The subscriber stays the caller's to close.
func (b *Bridge) Run(ctx context.Context, subscriber message.Subscriber) error {
	routes, err := b.list()
	if err != nil {
		return err
	}
	if subscriber == nil {
		return errors.New("bridge: Run: the subscriber is nil: give it the one of your bus")
	}
	// The mappers' context has what ctx carries, but not its end. A subscription
	// that ends takes back what is not acked, so it outlives ctx, too.
	work, interrupt := context.WithCancel(context.WithoutCancel(ctx))
	defer interrupt()
	subscribed, unsubscribe := context.WithCancel(context.WithoutCancel(ctx))
	defer unsubscribe()
	taking, end := context.WithCancel(ctx)
	defer end()
	defer context.AfterFunc(taking, func() { time.AfterFunc(b.stop, interrupt) })()

	first := make(chan error, 1) // the first failure; the others follow from it or say the same
	fail := func(err error) {
		select {
		case first <- err:
		default:
		}
		end()
	}
	var running sync.WaitGroup
	patient := context.AfterFunc(work, unsubscribe) // a bus that does not answer is not waited for longer than a mapper
	for _, r := range routes {
		if taking.Err() != nil {
			break
		}
		events, err := subscriber.Subscribe(subscribed, r.topic)
		if err != nil {
			fail(fmt.Errorf("bridge: Run: subscribing to topic %q: %w", r.topic, err))
			break
		}
		for range b.inFlight {
			running.Go(func() {
				if err := b.take(taking, work, r, events); err != nil {
					fail(err)
				}
			})
		}
	}
	patient()
	<-taking.Done()
	running.Wait() // the subscriptions end behind it; what they still offer is not taken, and comes again
	select {
	case err := <-first:
		return err
	default:
		return nil
	}
}

// take handles a topic's events until ctx ends or there is no point.
func (b *Bridge) take(ctx, work context.Context, r *route, events <-chan *message.Message) error {
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case msg, open := <-events:
			switch {
			case ctx.Err() != nil:
				if open {
					msg.Nack()
				}
				return nil
			case !open:
				return fmt.Errorf("bridge: Run: the bus ended the subscription to topic %q: was the subscriber closed?", r.topic)
			}
			if err := b.handle(ctx, work, r, msg); err != nil {
				return err
			}
		}
	}
	return nil
}

// settle waits for the bus to take the last answer, which it tells by ending
// the message's context: a subscription that is ended in between would forget
// it, and what was acked would come again.
func settle(msg *message.Message) {
	if msg.Context().Done() == nil {
		return // the bus does not tell
	}
	late := time.NewTimer(closing)
	defer late.Stop()
	select {
	case <-msg.Context().Done():
	case <-late.C:
	}
}
