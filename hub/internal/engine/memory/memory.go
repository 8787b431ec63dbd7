// Package memory is the engine of a single process. It needs nothing and
// forgets everything when the process ends.
//
// A channel's publications, joins and leaves are ordered by the lock of the
// stripe its name falls into. Sinks are called under that lock, which is why
// they must not block, and why Join is atomic. Nothing
// here can fail or wait, so contexts are not looked at.
package memory

import (
	"context"
	"hash/maphash"
	"sync"
	"time"

	"github.com/realtime-hub/hub/hub/internal/engine"
)

// stripes is how many locks the channels share: a power of two well above the
// number of cores, so that unrelated channels seldom meet.
const stripes = 256

// Config bounds the driver. The zero value works.
type Config struct {
	// MaxIDs is how many idempotency keys are remembered. Default: 262,144.
	MaxIDs int
	// IDLife is how long each is remembered. Default: 5 min.
	IDLife time.Duration
	// Now is the clock. Default: time.Now.
	Now func() time.Time
}

// Log is the driver.
type Log struct {
	seed    maphash.Seed // static after New
	stripes [stripes]stripe
	ids     *ids
}

var _ engine.Log = (*Log)(nil)

type stripe struct {
	mu     sync.Mutex
	topics map[string][]interest // guarded by mu; a topic without interest is deleted
}

// interest is one sink's joins of one channel. A channel has one sink for all
// browsers and few others, so a slice is searched.
type interest struct {
	sink  engine.Sink
	joins int
}

// New makes the driver.
func New(cfg Config) *Log {
	l := &Log{seed: maphash.MakeSeed(), ids: newIDs(cfg)}
	for i := range l.stripes {
		l.stripes[i].topics = make(map[string][]interest)
	}
	return l
}

// Publish implements engine.Log. The key is looked up and remembered under the
// channel's lock: a concurrent duplicate waits for the first.
func (l *Log) Publish(_ context.Context, p engine.Publication, opts engine.PublishOptions) (engine.PublishResult, error) {
	s := l.stripe(p.Channel)
	s.mu.Lock()
	defer s.mu.Unlock()
	if opts.Once && !l.ids.add(p.Channel, p.ID) {
		return engine.PublishResult{Duplicate: true}, nil
	}
	for _, in := range s.topics[p.Channel] {
		in.sink.Publication(p)
	}
	return engine.PublishResult{}, nil
}

// Join implements engine.Log.
func (l *Log) Join(_ context.Context, channel string, sink engine.Sink, place func()) error {
	s := l.stripe(channel)
	s.mu.Lock()
	defer s.mu.Unlock()
	topic := s.topics[channel]
	if i := find(topic, sink); i >= 0 {
		topic[i].joins++
	} else {
		s.topics[channel] = append(topic, interest{sink: sink, joins: 1})
	}
	place()
	return nil
}

// Leave implements engine.Log.
func (l *Log) Leave(channel string, sink engine.Sink) {
	s := l.stripe(channel)
	s.mu.Lock()
	defer s.mu.Unlock()
	topic := s.topics[channel]
	i := find(topic, sink)
	if i < 0 {
		return
	}
	if topic[i].joins--; topic[i].joins > 0 {
		return
	}
	if len(topic) == 1 {
		delete(s.topics, channel)
		return
	}
	s.topics[channel] = append(topic[:i:i], topic[i+1:]...)
}

func (l *Log) stripe(channel string) *stripe {
	return &l.stripes[maphash.String(l.seed, channel)%stripes]
}

func find(topic []interest, sink engine.Sink) int {
	for i := range topic {
		if topic[i].sink == sink {
			return i
		}
	}
	return -1
}
