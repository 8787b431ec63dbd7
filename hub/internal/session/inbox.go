package session

import "sync"

// Bounds of one inbox: what a browser may have sent beyond what was looked
// at. When they are reached its connection is not read.
const (
	maxItems = 16
	maxBytes = 64 << 10
)

// Inbox is a connection's queue of things to do, carried out one after the
// other on a goroutine of the pool, never on two.
type Inbox struct {
	pool *Pool // static

	mu     sync.Mutex
	room   sync.Cond // signalled when an item was taken
	items  []item    // guarded by mu
	bytes  int       // guarded by mu
	queued bool      // guarded by mu; the pool has it, or runs it
	closed bool      // guarded by mu; the last item is in
}

type item struct {
	size int
	run  func()
}

// NewInbox makes an empty inbox that the pool carries out.
func NewInbox(p *Pool) *Inbox {
	b := &Inbox{pool: p}
	b.room.L = &b.mu
	return b
}

// Submit queues run, which came with size bytes. It blocks while the inbox is
// full, which stops the reading of this one connection, and does nothing once
// the inbox is closed.
func (b *Inbox) Submit(size int, run func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for !b.closed && len(b.items) > 0 && (len(b.items) >= maxItems || b.bytes+size > maxBytes) {
		b.room.Wait()
	}
	if !b.closed {
		b.push(size, run)
	}
}

// Close queues the inbox's last item, whether there is room or not. Only the
// first call counts.
func (b *Inbox) Close(last func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	b.closed = true
	b.push(0, last)
	b.room.Broadcast()
}

// push appends an item. The caller holds mu.
func (b *Inbox) push(size int, run func()) {
	b.items = append(b.items, item{size: size, run: run})
	b.bytes += size
	if !b.queued {
		b.queued = true
		b.pool.add(b)
	}
}

// runOne carries out the oldest item and tells whether there are more.
func (b *Inbox) runOne() bool {
	b.mu.Lock()
	next := b.items[0]
	b.items[0] = item{}
	b.items = b.items[1:]
	b.bytes -= next.size
	b.room.Signal()
	b.mu.Unlock()

	next.run()
	return b.more()
}

// more tells whether there are items left, and lets go of the inbox if not.
func (b *Inbox) more() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.items) == 0 {
		b.items, b.queued = nil, false // an idle connection holds no buffer
		return false
	}
	return true
}
