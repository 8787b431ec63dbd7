package session

import "sync"

// Bounds of one inbox: what a browser may have sent beyond what was looked
// at. When they are reached its connection is not read.
const (
	maxItems = 16
	maxBytes = 64 << 10
)

// Task is something to do for a connection.
type Task interface {
	// Do carries it out with what came with it.
	Do(data []byte)
}

// Owner is whose inbox it is.
type Owner interface {
	// Room tells, on a goroutine of the pool, that an inbox that was full can
	// take more.
	Room()
}

// Func is a task without data.
type Func func()

// Do implements Task.
func (f Func) Do([]byte) { f() }

// Inbox is a connection's queue of things to do, carried out one after the
// other on a goroutine of the pool, never on two. It never blocks who puts
// something in. An empty one holds no memory but its own.
type Inbox struct {
	pool  *Pool // static after Init
	owner Owner // static after Init

	mu     sync.Mutex
	items  []item // guarded by mu
	bytes  int    // guarded by mu
	queued bool   // guarded by mu; the pool has it, or runs it
	full   bool   // guarded by mu; who fills it was told to stop
	closed bool   // guarded by mu; the last item is in
}

type item struct {
	task Task
	data []byte
}

// Init makes an empty inbox that the pool carries out.
func (b *Inbox) Init(p *Pool, o Owner) { b.pool, b.owner = p, o }

// Submit queues a task with its data, which belongs to the inbox from now on.
// It is always taken, but when it returns false the inbox is full, and nothing
// more may be submitted before Owner.Room was called; that stops the reading of this
// one connection. Once the inbox is closed, nothing is done.
func (b *Inbox) Submit(task Task, data []byte) (more bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return true
	}
	b.push(item{task: task, data: data})
	b.full = len(b.items) >= maxItems || b.bytes >= maxBytes
	return !b.full
}

// Do queues a task of the hub's own, whether there is room or not: nobody waits
// behind a full inbox for it. It is false where the inbox is closed, and then
// nothing is done.
func (b *Inbox) Do(task Task) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	b.push(item{task: task})
	return true
}

// Close queues the inbox's last task, whether there is room or not. Only the
// first call counts.
func (b *Inbox) Close(last Task) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	b.closed, b.full = true, false
	b.push(item{task: last})
}

// push appends an item. The caller holds mu.
func (b *Inbox) push(i item) {
	if b.items == nil {
		b.items = b.pool.list()
	}
	b.items = append(b.items, i)
	b.bytes += len(i.data)
	if !b.queued {
		b.queued = true
		b.pool.add(b)
	}
}

// runOne carries out the oldest item and tells whether there are more.
func (b *Inbox) runOne() bool {
	b.mu.Lock()
	next := b.items[0]
	n := copy(b.items, b.items[1:]) // at most maxItems: cheaper than a new list now and then
	b.items[n] = item{}
	b.items = b.items[:n]
	b.bytes -= len(next.data)
	room := b.full && n <= maxItems/2 && b.bytes <= maxBytes/2
	if room {
		b.full = false
	}
	b.mu.Unlock()

	if room {
		b.owner.Room()
	}
	next.task.Do(next.data)
	return b.more()
}

// more tells whether there are items left, and lets go of the inbox if not.
func (b *Inbox) more() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.items) > 0 {
		return true
	}
	b.pool.giveBack(b.items)
	b.items, b.queued = nil, false // an idle connection holds no buffer
	return false
}
