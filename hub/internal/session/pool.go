package session

import (
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
)

// workers bounds how many sessions' requests run at once. Most only touch
// memory; the bound is for those that will wait for a worker's answer.
const workers = 256

// Pool carries out inboxes on a bounded number of goroutines. An inbox gets
// one item's turn and then waits behind the others: one busy browser does not
// hold up the rest. Goroutines exist only while there is something to do.
type Pool struct {
	log *slog.Logger // static

	running sync.WaitGroup

	lists sync.Pool // of *[maxItems + 1]item: what an inbox queues in while it is not empty

	mu    sync.Mutex
	ready []*Inbox // guarded by mu; at most one entry for each inbox
	busy  int      // guarded by mu; goroutines, at most workers
}

// NewPool makes an idle pool. Panics of items are logged and end nothing else.
func NewPool(log *slog.Logger) *Pool {
	p := &Pool{log: log}
	p.lists.New = func() any { return new([maxItems + 1]item) } // the last one is Close's
	return p
}

func (p *Pool) list() []item {
	l, _ := p.lists.Get().(*[maxItems + 1]item)
	return l[:0]
}

// giveBack takes an empty list. One that a full inbox's submitter outgrew is
// not kept.
func (p *Pool) giveBack(list []item) {
	if cap(list) == maxItems+1 {
		p.lists.Put((*[maxItems + 1]item)(list[:maxItems+1]))
	}
}

// Wait returns when nothing is left to do. No inbox may be used after it.
func (p *Pool) Wait() { p.running.Wait() }

func (p *Pool) add(b *Inbox) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ready = append(p.ready, b)
	if p.busy < workers {
		p.busy++
		p.running.Go(p.work)
	}
}

func (p *Pool) work() {
	for {
		p.mu.Lock()
		if len(p.ready) == 0 {
			p.busy--
			p.ready = nil
			p.mu.Unlock()
			return
		}
		b := p.ready[0]
		p.ready[0] = nil
		p.ready = p.ready[1:]
		p.mu.Unlock()

		if p.runOne(b) {
			p.mu.Lock()
			p.ready = append(p.ready, b)
			p.mu.Unlock()
		}
	}
}

// runOne shields the process, and the inbox's later items, from one item's panic.
func (p *Pool) runOne(b *Inbox) (more bool) {
	defer func() {
		if r := recover(); r != nil {
			p.log.Error("a request of a session panicked", "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
			more = b.more()
		}
	}()
	return b.runOne()
}
