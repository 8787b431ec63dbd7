// Package bridge forwards events of a message bus to channels of the hub.
//
//	b := bridge.New(client, bridge.DeadLetters(publisher, "hub.dead"))
//	err := bridge.Forward(b, "articles.published", toFeed)
//	err = b.Run(ctx, subscriber)
//
//	func toFeed(_ context.Context, ev *shopv1.ArticlePublished, _ bridge.Event) (bridge.Broadcasts, error) {
//		return bridge.To(blogv1.ArticleFeedChannel, &blogv1.ArticleFeed{Id: ev.GetId(), …}), nil
//	}
//
// Nothing is forwarded unless it is listed: a topic without [Forward] is not
// even subscribed to, and nothing of an event reaches a browser but what its
// [Mapper] made of it. The bus is whatever Watermill has a Subscriber for: Kafka, NATS,
// RabbitMQ, Redis, Google Pub/Sub, SQL outboxes.
//
// An event is acked when the hub has accepted all that was made of it, and not
// before. Its id is the broadcasts' idempotency key, so that an event that the
// bus delivers again reaches browsers once, for as long as the hub remembers
// the id: 5 minutes, and not beyond a restart of a hub on the memory engine.
//
// While the hub cannot take an event (no hub, overload, a mapper's [hub.Retry])
// the event is held, not returned: most buses would deliver it again behind its
// successors. Those of its topic wait. A bus that loses patience delivers it
// again, which the id makes harmless.
//
// What can never pass (a payload that breaks its rules or cannot be decoded, a
// mapper's error or panic) is published on the dead-letter topic with its
// reason, then acked. Without [DeadLetters] it ends [Bridge.Run]: nothing is
// dropped. So does what only an operator can mend, as a token without the right.
//
// What became of each event is told to [Watch]; [Log] gets what is held, dead or
// returned, never a payload. A Bridge may be used by many goroutines at once.
package bridge

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	hub "github.com/realtime-hub/hub/sdk/go"
)

const (
	defaultStopTimeout = 10 * time.Second
	maxInFlight        = 256
)

// Bridge is the list of what is forwarded, and to which hub. Make it with New,
// fill it with [Forward], then call [Bridge.Run].
type Bridge struct {
	options // static after New

	// static after New
	hub hub.Broadcaster

	// guarded by mu until ran is true, static afterwards
	ran      bool
	mistakes []error
	routes   []*route

	mu sync.Mutex
}

type options struct {
	dead      message.Publisher // nil: none
	deadTopic string
	hasDead   bool
	idKeys    []string
	hasIDKeys bool
	inFlight  int
	stop      time.Duration
	log       *slog.Logger
	watch     func(Result) // nil: nobody
}

// Option changes a Bridge.
type Option func(*options)

// DeadLetters publishes what can never pass on a topic: the event as it came, with
// its UUID and metadata, and why in metadata of the names [DeadReason] and so
// on. The event is acked when the publisher has taken it; one that fails is
// tried again, and the event held. Publish is called with a context in the message;
// a publisher that ignores it holds up Run's end. Default: none, and such an event
// ends [Bridge.Run].
func DeadLetters(publisher message.Publisher, topic string) Option {
	return func(o *options) { o.dead, o.deadTopic, o.hasDead = publisher, topic, true }
}

// IDFrom takes an event's id from its metadata, of several keys joined by
// slashes, as IDFrom("ce-source", "ce-id") for CloudEvents. An id has to name
// the event among all that are forwarded to one channel: two events of one id
// within 5 minutes are one. An event without a value for each key can never pass. Default: the
// message's UUID.
func IDFrom(keys ...string) Option {
	return func(o *options) { o.idKeys, o.hasIDKeys = keys, true }
}

// InFlight is how many events of each topic are handled at once, from 1 to 256.
// A Watermill subscriber that reads several partitions offers one event of each:
// the order within a partition stays, and one that is held does not hold up the
// others. A subscriber that offers an event before the last was acked loses its
// order with more than 1. Default: 1.
func InFlight(n int) Option {
	return func(o *options) { o.inFlight = n }
}

// StopTimeout is how long what is being handled goes on after Run's context has
// ended, before its own context ends, too. 0 ends it at once. Default: 10 s.
func StopTimeout(d time.Duration) Option {
	return func(o *options) { o.stop = d }
}

// Log is where the bridge tells of events that are held, dead or returned.
// Default, also for nil: slog.Default().
func Log(logger *slog.Logger) Option {
	return func(o *options) { o.log = logger }
}

// Watch calls f with what became of each event, after it was acked or returned.
// It is for metrics and tests: the topic waits for it. Calls of different topics
// are concurrent. Default: nobody is told.
func Watch(f func(Result)) Option {
	return func(o *options) { o.watch = f }
}

// New is a bridge to a hub that forwards nothing yet. The client is what
// hub.Dial returns; a test may give another [hub.Broadcaster]. Mistakes in the
// options are told by [Bridge.Run].
func New(client hub.Broadcaster, opts ...Option) *Bridge {
	b := &Bridge{hub: client, options: options{inFlight: 1, stop: defaultStopTimeout}}
	for _, opt := range opts {
		if opt == nil {
			b.mistakes = append(b.mistakes, errors.New("bridge: New: an option is nil"))
			continue
		}
		opt(&b.options)
	}
	if b.log == nil {
		b.log = slog.Default()
	}
	b.mistakes = append(b.mistakes, b.check()...)
	return b
}

func (b *Bridge) check() []error {
	var mistakes []error
	mistake := func(wrong bool, format string, args ...any) {
		if wrong {
			mistakes = append(mistakes, fmt.Errorf("bridge: New: "+format, args...))
		}
	}
	mistake(b.hub == nil, "the client is nil: give it what hub.Dial returned")
	mistake(b.hasDead && b.dead == nil, "DeadLetters: the publisher is nil: give it one of the bus, or leave the option out")
	mistake(b.hasDead && b.deadTopic == "", "DeadLetters: the topic is empty")
	mistake(b.inFlight < 1 || b.inFlight > maxInFlight, "InFlight is %d: it is from 1 to %d", b.inFlight, maxInFlight)
	mistake(b.stop < 0, "StopTimeout is %v: it is 0 or more", b.stop)
	mistake(b.hasIDKeys && len(b.idKeys) == 0, "IDFrom names no key: name those whose values are the event's id, or leave the option out")
	for _, key := range b.idKeys {
		mistake(key == "", "IDFrom: a key is empty")
	}
	return mistakes
}

// add lists a route. A mistake is kept, too, so that none is lost where the
// error is not looked at.
func (b *Bridge) add(r *route, mistake error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ran {
		return fmt.Errorf("bridge: Forward: topic %q: the bridge runs already: list all topics before Run", r.topic)
	}
	for _, other := range b.routes {
		if mistake == nil && other.topic == r.topic {
			mistake = errors.New("it is forwarded already: one mapper may return several broadcasts")
		}
	}
	if mistake != nil {
		mistake = fmt.Errorf("bridge: Forward: topic %q: %w", r.topic, mistake)
		b.mistakes = append(b.mistakes, mistake)
		return mistake
	}
	b.routes = append(b.routes, r)
	return nil
}

// list ends the time of change, and says whether the bridge can run.
func (b *Bridge) list() ([]*route, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ran = true
	if err := errors.Join(b.mistakes...); err != nil {
		return nil, err
	}
	if len(b.routes) == 0 {
		return nil, errors.New("bridge: Run: nothing is forwarded: list topics with Forward")
	}
	for _, r := range b.routes {
		if b.hasDead && r.topic == b.deadTopic {
			return nil, fmt.Errorf("bridge: Run: topic %q is forwarded and is the dead-letter topic: what is dead would come again forever", r.topic)
		}
	}
	return b.routes, nil
}
