package memory

import (
	"context"
	"math"

	"github.com/realtime-hub/hub/hub/internal/engine"
)

// History implements engine.Log. Where there is no ring it makes one, so that the
// position that it tells holds for a while.
func (l *Log) History(_ context.Context, channel string, opts engine.ReadOptions) (engine.History, error) {
	s := l.stripe(channel)
	s.mu.Lock()
	defer s.mu.Unlock()
	now := l.now().UnixNano()
	t := s.topic(channel)
	r := l.fit(s, t, opts.Keep, now)
	defer s.tidy(channel, t, now)
	out := engine.History{Position: engine.Position{Epoch: l.epoch, Offset: r.head}}
	from := 0
	if opts.Since != nil {
		var lost engine.Lost
		if from, lost = l.after(r, opts.Since); lost != "" {
			return engine.History{}, unrecoverable(channel, lost)
		}
	}
	bytes := 0
	for i := from; i < min(r.n, from+opts.MaxItems); i++ {
		p := &r.at(i).Publication
		if bytes += len(p.Payload); bytes > opts.MaxBytes && i > from {
			break
		}
		out.Items = append(out.Items, *p)
	}
	return out, nil
}

// Bytes is what everything that is kept takes: payloads, ids, and what is around
// them.
func (l *Log) Bytes() int64 { return l.bytes.Load() }

// Sweep gives up what has expired in a part of the channels, so that calls a
// second apart see all of them within half a minute. Nothing expired is ever
// replayed; this is for the memory.
func (l *Log) Sweep() {
	const part = 9 // 256 stripes in 29 calls
	for range part {
		s := &l.stripes[l.sweeps.Add(1)%stripes]
		s.mu.Lock()
		now := l.now().UnixNano()
		for channel, t := range s.topics {
			if t.ring != nil {
				l.fit(s, t, t.ring.keep, now)
				s.tidy(channel, t, now)
			}
		}
		s.mu.Unlock()
	}
}

// evict gives up the oldest publications of all channels until the rest fits.
func (l *Log) evict() {
	for l.bytes.Load() > l.max {
		var oldest *stripe
		at := int64(math.MaxInt64)
		for i := range l.stripes {
			if first := l.stripes[i].oldest.Load(); first != 0 && first < at {
				oldest, at = &l.stripes[i], first
			}
		}
		if oldest == nil {
			return // others have been here
		}
		l.evictOne(oldest)
	}
}

func (l *Log) evictOne(s *stripe) {
	s.mu.Lock()
	defer s.mu.Unlock()
	it := s.kept.first
	if it == nil {
		return
	}
	t := s.topics[it.Channel]
	l.drop(s, t.ring) // of a stripe the oldest is its ring's oldest, too
	s.tidy(it.Channel, t, l.now().UnixNano())
	l.evicted.Add(1)
}

// note tells the others when the stripe's oldest was published.
func (s *stripe) note() {
	if s.kept.first == nil {
		s.oldest.Store(0)
		return
	}
	s.oldest.Store(s.kept.first.at)
}

// list is a doubly linked list of items, the oldest first. container/list would
// take another 48 bytes for each.
type list struct{ first, last *item }

func (l *list) push(i *item) {
	i.older = l.last
	if l.last != nil {
		l.last.newer = i
	} else {
		l.first = i
	}
	l.last = i
}

func (l *list) remove(i *item) {
	if i.older != nil {
		i.older.newer = i.newer
	} else {
		l.first = i.newer
	}
	if i.newer != nil {
		i.newer.older = i.older
	} else {
		l.last = i.older
	}
	i.older, i.newer = nil, nil
}
