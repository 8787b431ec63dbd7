package memory

import (
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"time"
)

// Contract §3: an id holds for 5 minutes or the newest limits.max_ids.
const (
	defaultMaxIDs = 262_144
	defaultIDLife = 5 * time.Minute
)

// ids remembers idempotency keys, the oldest forgotten first. A key is kept as
// 16 bytes of SHA-256: backends choose ids, and a hash they cannot collide on
// purpose makes one of them unable to swallow another's message.
type ids struct {
	max  int           // static after newIDs
	life time.Duration // static after newIDs
	now  func() time.Time

	mu    sync.Mutex
	known map[key]uint64 // guarded by mu; the keys of order, with the publication's offset
	order []remembered   // guarded by mu; a ring, oldest at head
	head  int            // guarded by mu
	count int            // guarded by mu
}

type key [16]byte

type remembered struct {
	key key
	at  time.Time
}

func newIDs(cfg Config) *ids {
	m := &ids{max: cfg.MaxIDs, life: cfg.IDLife, now: cfg.Now, known: make(map[key]uint64)}
	if m.max <= 0 {
		m.max = defaultMaxIDs
	}
	if m.life <= 0 {
		m.life = defaultIDLife
	}
	if m.now == nil {
		m.now = time.Now
	}
	return m
}

// find is the offset of the publication that had the id on the channel, 0 where
// it was not kept.
func (m *ids) find(channel, id string) (offset uint64, known bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	for m.count > 0 && now.Sub(m.order[m.head].at) >= m.life {
		m.forget()
	}
	offset, known = m.known[hash(channel, id)]
	return offset, known
}

// add remembers an id that find did not know. The channel's lock is held from
// the one to the other.
func (m *ids) add(channel, id string, offset uint64) {
	k := hash(channel, id)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.count == m.max {
		m.forget()
	}
	if m.count == len(m.order) {
		m.grow()
	}
	m.order[(m.head+m.count)%len(m.order)] = remembered{key: k, at: m.now()}
	m.count++
	m.known[k] = offset
}

// forget drops the oldest key.
func (m *ids) forget() {
	delete(m.known, m.order[m.head].key)
	m.head = (m.head + 1) % len(m.order)
	m.count--
}

// grow doubles the ring up to max, so that a hub that never sees ids pays nothing.
func (m *ids) grow() {
	order := make([]remembered, min(m.max, max(64, 2*len(m.order))))
	n := copy(order, m.order[m.head:])
	copy(order[n:], m.order[:m.head])
	m.order, m.head = order, 0
}

// hash puts the channel's length first, so that no pair can pose as another.
func hash(channel, id string) key {
	buf := make([]byte, 0, 400)                                    // both names are bounded: stays on the stack
	buf = binary.BigEndian.AppendUint32(buf, uint32(len(channel))) //nolint:gosec // a name has at most 255 bytes
	buf = append(buf, channel...)
	buf = append(buf, id...)
	sum := sha256.Sum256(buf)
	return key(sum[:16])
}
