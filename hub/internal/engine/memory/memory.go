// Package memory is the engine of a single process. It needs nothing and
// forgets everything when the process ends.
//
// A channel's publications, joins and leaves are ordered by the lock of the
// stripe its name falls into. Sinks are called under that lock, which is why
// they must not block, and why Join is atomic. Nothing here can fail or wait, so
// contexts are not looked at.
//
// A channel's history is a ring, which exists while it has something in it or
// somebody listens, and for its TTL after: so that who comes back in time to a channel
// on which nothing happened is told that. All rings together are bounded: beyond
// Config.MaxHistoryBytes the oldest publications of all go first. What a position
// cannot be proven by, because a ring is gone, counts as lost.
package memory

import (
	"cmp"
	"context"
	"crypto/rand"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"github.com/realtime-hub/hub/hub/internal/engine"
)

// stripes is how many locks the channels share: a power of two well above the
// number of cores, so that unrelated channels seldom meet.
const stripes = 256

// maxIdle bounds the rings of a stripe that have nothing in them and no listener:
// strangers can join as many channels as a template has names. All of them are some
// 16 MB at most; beyond it who comes back is told to reload.
const maxIdle = 256

// defaultMaxHistory is that of limits.max_history_bytes.
const defaultMaxHistory = 256 << 20

// Config bounds the driver. The zero value works.
type Config struct {
	// MaxIDs is how many idempotency keys are remembered. Default: 262,144.
	MaxIDs int
	// IDLife is how long each is remembered. Default: 5 min.
	IDLife time.Duration
	// MaxHistoryBytes is what all kept publications may take, as Bytes counts.
	// Default: 256 MiB.
	MaxHistoryBytes int64
	// Now is the clock. Default: time.Now.
	Now func() time.Time
}

// Log is the driver.
type Log struct {
	// Static after New.
	seed  maphash.Seed
	epoch string
	max   int64
	now   func() time.Time
	ids   *ids

	bytes   atomic.Int64 // of all that is kept
	evicted atomic.Int64 // publications that went for want of room
	sweeps  atomic.Uint32
	stripes [stripes]stripe
}

var _ engine.Log = (*Log)(nil)

type stripe struct {
	oldest atomic.Int64 // when the first of kept was published; 0: nothing is kept

	mu     sync.Mutex
	topics map[string]*topic // guarded by mu; one without interest and history is deleted
	kept   list              // guarded by mu; all that the stripe's channels keep, in order of time
	last   uint64            // guarded by mu; no ring that is gone had a greater offset
	idle   int               // guarded by mu; rings that only prove that nothing was missed
}

// topic is a channel that somebody listens to or that keeps something.
type topic struct {
	name      string
	interests []interest
	ring      *ring // nil: it never had a Retention, or none any more
}

// interest is one sink's joins of one channel. A channel has one sink for all
// browsers and few others, so a slice is searched.
type interest struct {
	sink  engine.Sink
	joins int
}

// New makes the driver.
func New(cfg Config) *Log {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	const short = 10 // of 26 letters: 50 bits; it only has to differ from the last process's
	l := &Log{
		seed: maphash.MakeSeed(), epoch: rand.Text()[:short], now: cfg.Now, ids: newIDs(cfg),
		max: cmp.Or(cfg.MaxHistoryBytes, defaultMaxHistory),
	}
	for i := range l.stripes {
		l.stripes[i].topics = make(map[string]*topic)
	}
	return l
}

// Publish implements engine.Log. The key is looked up and remembered under the
// channel's lock: a concurrent duplicate waits for the first.
func (l *Log) Publish(_ context.Context, p *engine.Publication, opts engine.PublishOptions) (engine.PublishResult, error) {
	s := l.stripe(p.Channel)
	result := l.publish(s, p, opts)
	if l.bytes.Load() > l.max {
		l.evict()
	}
	return result, nil
}

func (l *Log) publish(s *stripe, p *engine.Publication, opts engine.PublishOptions) engine.PublishResult {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.topics[p.Channel]
	if opts.Once {
		if first, known := l.ids.find(p.Channel, p.ID); known {
			return engine.PublishResult{Duplicate: true, Position: l.position(first)}
		}
	}
	if opts.Keep.Keeps() {
		if t == nil {
			t = s.topic(p.Channel)
		}
		l.keep(s, t, p, opts.Keep)
	} else if t != nil && t.ring != nil {
		l.unkeep(s, t) // a position would claim that nothing came after it
	}
	if opts.Once {
		l.ids.add(p.Channel, p.ID, p.Position.Offset)
	}
	if t != nil {
		for _, in := range t.interests {
			in.sink.Publication(p)
		}
	}
	return engine.PublishResult{Position: p.Position}
}

// position is the offset's; of one that was never given there is none.
func (l *Log) position(offset uint64) engine.Position {
	if offset == 0 {
		return engine.Position{}
	}
	return engine.Position{Epoch: l.epoch, Offset: offset}
}

// Join implements engine.Log.
func (l *Log) Join(_ context.Context, channel string, sink engine.Sink, opts engine.ReadOptions, place func(engine.Replay)) error {
	s := l.stripe(channel)
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.topic(channel)
	if i := find(t.interests, sink); i >= 0 {
		t.interests[i].joins++
	} else {
		t.interests = append(t.interests, interest{sink: sink, joins: 1})
	}
	if !opts.Keep.Keeps() {
		place(engine.Replay{})
		return nil
	}
	r := l.fit(s, t, opts.Keep, l.now().UnixNano())
	s.wake(r)
	place(l.replay(r, opts))
	return nil
}

// Leave implements engine.Log.
func (l *Log) Leave(channel string, sink engine.Sink) {
	s := l.stripe(channel)
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.topics[channel]
	if t == nil {
		return
	}
	i := find(t.interests, sink)
	if i < 0 {
		return
	}
	if t.interests[i].joins--; t.interests[i].joins > 0 {
		return
	}
	t.interests = append(t.interests[:i:i], t.interests[i+1:]...)
	s.tidy(channel, t, l.now().UnixNano())
}

func (l *Log) stripe(channel string) *stripe {
	return &l.stripes[maphash.String(l.seed, channel)%stripes]
}

func (s *stripe) topic(channel string) *topic {
	t := s.topics[channel]
	if t == nil {
		t = &topic{name: channel}
		s.topics[channel] = t
	}
	return t
}

// tidy drops a topic of which nothing is left. An empty ring stays for its TTL.
// The offsets of one that goes are not given again: a position of it must not seem
// to be one of its successor's.
func (s *stripe) tidy(channel string, t *topic, now int64) {
	r := t.ring
	switch {
	case len(t.interests) > 0 || r != nil && r.n > 0:
		return
	case r == nil:
	case r.idle == 0 && s.idle < maxIdle:
		r.idle = now
		s.idle++
		return
	case r.idle != 0 && now-r.idle < int64(r.keep.TTL):
		return
	default:
		s.wake(r)
		s.last = max(s.last, r.head)
	}
	delete(s.topics, channel)
}

// wake counts a ring that is in use, or gone, not as idle any more.
func (s *stripe) wake(r *ring) {
	if r.idle != 0 {
		r.idle = 0
		s.idle--
	}
}

func find(interests []interest, sink engine.Sink) int {
	for i := range interests {
		if interests[i].sink == sink {
			return i
		}
	}
	return -1
}
