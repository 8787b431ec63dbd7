// Package dispatch is flow 2: a browser's message reaches workers, and their
// word comes back as its ack.
//
// Workers attach in groups. Within a group one worker gets each message;
// different groups each get it, and the sender hears when all of them have
// handled it, or of the first that failed for good. Messages of one session on
// one channel are delivered one after the other, in order, to one worker while
// it lives; others go on side by side. A worker never has more unacked than
// its capacity.
//
// At least once: what a worker does not ack in time, gives back or takes with
// it when it dies is delivered again after a pause, five times at most and
// within the message's expiry; then its sender is told, and it becomes a dead
// letter, for people to look at. At most once: handed over once, in order,
// without waiting for an ack. Observers get copies at most once, that nobody
// waits for.
//
// Everything that waits is bounded; what does not fit is refused at once with
// OVERLOADED. Errors are faults, written for the browser. Replies come exactly
// once for each message, from any goroutine, and must not block. Everything
// here may be called concurrently.
package dispatch

import (
	"cmp"
	"hash/maphash"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/types/known/anypb"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/fault"
	"github.com/realtime-hub/hub/hub/schema"
)

// Bounds of contract §3.
const (
	maxAttempts = 5
	maxQueued   = 64        // messages of one session and channel that wait
	maxBytes    = 256 << 10 // and their bytes
	memory      = 60 * time.Second
	eventExpiry = 60 * time.Second
	eventTime   = 10 * time.Second
	firstPause  = 100 * time.Millisecond // before the second attempt; doubles, with jitter
	maxPause    = 30 * time.Second
)

// Config is what the flow asks and what it reaches. The zero value works, but
// for Schema.
type Config struct {
	// Schema says which channels take messages. Required.
	Schema *schema.Registry
	// HubID names this process to workers. Default: a random one.
	HubID string
	// Metrics counts messages. Default: not counted.
	Metrics *Metrics
	// Log hears of workers that come and go. Default: slog.Default().
	Log *slog.Logger
}

// Service is the flow.
type Service struct {
	cfg    Config              // static after New
	seed   maphash.Seed        // static; of the hashes that give sessions to workers
	wanted [kinds]atomic.Int32 // wishes by the kind of events that they are for

	mu       sync.Mutex
	groups   map[groupKey]*group   // guarded by mu
	asked    map[asked][]*question // guarded by mu; what waits for a worker with room, in order
	letters  letters               // guarded by mu
	draining bool                  // guarded by mu
	replies  []func()              // guarded by mu; to be given when it is free
}

// groupKey tells observers apart from those who share a group's work.
type groupKey struct {
	name    string
	observe bool
}

// New makes the flow. It runs nothing of its own.
func New(cfg Config) *Service {
	cfg.HubID = cmp.Or(cfg.HubID, newID())
	cfg.Log = cmp.Or(cfg.Log, slog.Default())
	if cfg.Metrics == nil {
		cfg.Metrics = NewMetrics(nil)
	}
	return &Service{cfg: cfg, seed: maphash.MakeSeed(), groups: make(map[groupKey]*group), asked: make(map[asked][]*question)}
}

// Message is a browser's, checked against its channel's rules.
type Message struct {
	// Match is the channel; its Inbound is not nil.
	Match schema.Match
	// ID is the message's: the same when the browser sends it again.
	ID string
	// Sender is the session's.
	Sender *hubv1.Sender
	// Payload is the message itself.
	Payload *anypb.Any
	// Trace is the sender's W3C trace context, which each delivery has. Nil: none.
	Trace map[string]string
	// Reply hears once what became of it; nil: it was handled, or handed over
	// where that is all that is promised.
	Reply func(error)
}

// Submit queues a message for every group that has its channel, or refuses it
// at once. Either way Reply is called, not before Submit has begun.
func (s *Service) Submit(m Message) {
	s.mu.Lock()
	defer s.unlock()
	declared := m.Match.Channel.Name()
	var takers, observers []*group
	for key, g := range s.groups {
		switch {
		case !g.has(declared):
		case key.observe:
			observers = append(observers, g)
		default:
			takers = append(takers, g)
		}
	}
	key := queueKey{session: m.Sender.GetSession(), channel: m.Match.Name}
	size := len(m.Payload.GetValue())
	if err := s.refusal(takers, key, size, m.Match.Name); err != nil {
		s.reply(m, err)
		return
	}
	out := &outcome{message: m, left: len(takers)}
	for _, g := range takers {
		it := m.item(size)
		it.done = func(err error) { s.settled(out, err) }
		s.enqueue(g, key, it)
	}
	for _, g := range observers {
		s.copyTo(g, key, m.item(size))
	}
}

// item is the message as one group gets it.
func (m *Message) item(size int) *item {
	options := m.Match.Inbound.Options
	return &item{
		message:  m,
		declared: m.Match.Channel.Name(), size: size,
		once:     options.GetDelivery() == hubv1.InboundOptions_DELIVERY_AT_MOST_ONCE,
		deadline: options.GetDeadline().AsDuration(),
		expires:  time.Now().Add(options.GetExpiry().AsDuration()),
		frame:    m.frame,
	}
}

func (s *Service) refusal(takers []*group, key queueKey, size int, channel string) error {
	if s.draining {
		return fault.New(fault.Draining, "the hub is shutting down; connect again and send it again", "channel", channel)
	}
	if len(takers) == 0 {
		return fault.New(fault.NoWorker, "nobody takes the channel's messages at the moment; try again later", "channel", channel)
	}
	for _, g := range takers {
		if q := g.queues[key]; q != nil && (len(q.items) >= maxQueued || q.size+size > maxBytes) {
			return fault.New(fault.Overloaded, "more messages of this session wait on the channel than may; send slower", "channel", channel)
		}
	}
	return nil
}

// outcome gathers what a message's groups say.
type outcome struct {
	message Message
	left    int
	err     error
}

// settled hears from one group. The caller holds mu.
func (s *Service) settled(o *outcome, err error) {
	if o.err == nil {
		o.err = err
	}
	if o.left--; o.left == 0 {
		s.reply(o.message, o.err)
	}
}

// reply tells the sender, when mu is free: it writes JSON.
func (s *Service) reply(m Message, err error) {
	s.cfg.Metrics.countMessage(err)
	s.replies = append(s.replies, func() { m.Reply(err) })
}

// unlock frees mu, and gives the replies that came up meanwhile.
func (s *Service) unlock() {
	replies := s.replies
	s.replies = nil
	s.mu.Unlock()
	for _, reply := range replies {
		reply()
	}
}

// frame is one delivery of the message.
func (m *Message) frame(id string, attempt uint32, left time.Duration) *hubv1.HandleResponse {
	return &hubv1.HandleResponse{Frame: &hubv1.HandleResponse_Delivery{Delivery: &hubv1.Delivery{
		DeliveryId:   id,
		Channel:      m.Match.Name,
		TraceContext: m.Trace,
		Params:       m.Match.Params,
		Message:      m.Payload,
		MessageId:    m.ID,
		Sender:       m.Sender,
		Attempt:      attempt,
		TimeLeft:     duration(left),
	}}}
}

// Drain tells the workers that the hub is shutting down, and takes no further
// messages; what was accepted is still delivered, and acks are taken as long as
// the streams are there.
func (s *Service) Drain(left time.Duration) {
	s.mu.Lock()
	defer s.unlock()
	s.draining = true
	for _, g := range s.groups {
		for _, w := range g.workers {
			w.out.Send(&hubv1.HandleResponse{Frame: &hubv1.HandleResponse_Draining{Draining: &hubv1.Draining{TimeLeft: duration(left)}}})
		}
	}
}

// pause is how long to wait before the next attempt: doubling, up to half more
// by chance, so that a worker that comes back is not met by all at once.
func pause(attempt int) time.Duration {
	d := min(firstPause<<(attempt-1), maxPause)
	return d + rand.N(d/2) //nolint:gosec // jitter, not a secret
}
