package memory

import (
	"unsafe"

	"github.com/realtime-hub/hub/hub/internal/engine"
	"github.com/realtime-hub/hub/hub/internal/fault"
)

// ring is what a channel keeps: every publication with an offset in (floor,
// head], none else. So what came after an offset is known to be whole exactly
// where that is not below floor.
type ring struct {
	items       []*item // a ring with the oldest at first; its length is a power of two
	first, n    int
	floor, head uint64
	keep        engine.Retention
	idle        int64 // since when it is empty and nobody listens, Unix nanoseconds; 0: it is in use
}

// item is one kept publication. There may be millions, so that every word counts:
// it holds the publication itself, in one piece of 144 bytes with what is around it.
type item struct {
	engine.Publication

	at           int64 // when it was published, Unix nanoseconds
	older, newer *item // in the stripe's list
}

// overhead is what an item takes beside its texts: itself, its place in a ring that
// may be half full, and what is around the payload in the frame that browsers get,
// with the frame's own 48 bytes (TestBytesAreThoseOfTheHeap).
const overhead = int64(unsafe.Sizeof(item{})) + 2*8 + 180

// size is what an item counts for. Payload is a part of Frame, once there is one.
func (i *item) size() int64 { return int64(len(i.Payload)+len(i.ID)) + overhead }

func (r *ring) at(i int) *item { return r.items[(r.first+i)&(len(r.items)-1)] }

func (r *ring) push(i *item) {
	if r.n == len(r.items) {
		grown := make([]*item, max(4, 2*len(r.items)))
		for j := range r.n {
			grown[j] = r.at(j)
		}
		r.items, r.first = grown, 0
	}
	r.items[(r.first+r.n)&(len(r.items)-1)] = i
	r.n++
	r.head = i.Position.Offset
}

// pop gives up the oldest.
func (r *ring) pop() *item {
	i := r.items[r.first]
	r.items[r.first] = nil
	r.first = (r.first + 1) & (len(r.items) - 1)
	r.n--
	r.floor = i.Position.Offset
	if r.n == 0 {
		r.items, r.first = nil, 0 // an empty ring holds no memory but its own
	}
	return i
}

// keep gives a publication its position and keeps a copy: what the sinks make of
// the one that they get, the frame for browsers, goes with it, since most of what is
// kept is never replayed. The channel's name is the topic's: one for all of them.
func (l *Log) keep(s *stripe, t *topic, p *engine.Publication, keep engine.Retention) {
	now := l.now().UnixNano()
	r := l.fit(s, t, keep, now)
	s.wake(r)
	if r.n == keep.Size {
		l.drop(s, r)
	}
	p.Position = engine.Position{Epoch: l.epoch, Offset: r.head + 1}
	it := &item{Publication: *p, at: now}
	it.Channel, it.Except = t.name, nil // who does not get it live does get it replayed
	r.push(it)
	s.kept.push(it)
	s.note()
	l.bytes.Add(it.size())
}

// fit is the topic's ring, as its Retention wants it now: what is too old or too
// much is given up.
func (l *Log) fit(s *stripe, t *topic, keep engine.Retention, now int64) *ring {
	r := t.ring
	if r == nil {
		// Above whatever was: what happened while there was no ring nobody knows.
		r = &ring{floor: s.last + 1, head: s.last + 1}
		t.ring = r
	}
	r.keep = keep
	for r.n > 0 && (r.n > keep.Size || now-r.at(0).at >= int64(keep.TTL)) {
		l.drop(s, r)
	}
	return r
}

// drop gives up the ring's oldest.
func (l *Log) drop(s *stripe, r *ring) {
	it := r.pop()
	s.kept.remove(it)
	s.note()
	l.bytes.Add(-it.size())
}

// unkeep gives up a history that has a gap now.
func (l *Log) unkeep(s *stripe, t *topic) {
	for t.ring.n > 0 {
		l.drop(s, t.ring)
	}
	s.wake(t.ring)
	s.last = max(s.last, t.ring.head)
	t.ring = nil
}

// replay is what came after a position, and where the channel stands.
func (l *Log) replay(r *ring, opts engine.ReadOptions) engine.Replay {
	out := engine.Replay{Position: engine.Position{Epoch: l.epoch, Offset: r.head}}
	if opts.Since == nil {
		return out
	}
	from, lost := l.after(r, opts.Since)
	if lost != "" {
		out.Lost = lost
		return out
	}
	bytes := 0
	for i := from; i < r.n; i++ {
		bytes += len(r.at(i).Payload)
	}
	if r.n-from > opts.MaxItems || bytes > opts.MaxBytes {
		out.Lost = engine.TooMany
		return out
	}
	out.Items = make([]*engine.Publication, 0, r.n-from)
	for i := from; i < r.n; i++ {
		out.Items = append(out.Items, &r.at(i).Publication)
	}
	return out
}

// after is the index of the first item after a position, if all from there on
// are proven to be kept.
func (l *Log) after(r *ring, since *engine.Position) (from int, lost engine.Lost) {
	if since.Epoch != l.epoch || since.Offset > r.head { // nobody was told a position that is not there yet
		return 0, engine.EpochChanged
	}
	if since.Offset < r.floor {
		return 0, engine.Expired
	}
	low, high := 0, r.n
	for low < high {
		if middle := (low + high) / 2; r.at(middle).Position.Offset <= since.Offset {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low, ""
}

func unrecoverable(channel string, lost engine.Lost) error {
	return fault.New(fault.PositionUnrecoverable,
		"what came after that position is not kept ("+string(lost)+"); reload the state, and go on from where the channel is now",
		"channel", channel)
}
