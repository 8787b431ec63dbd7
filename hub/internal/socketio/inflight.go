package socketio

import (
	"context"
	"sync"
)

// Inflight counts what a server has begun and not ended, so that its Close can
// wait for it. The zero value counts nothing yet. Unlike a sync.WaitGroup it
// may be added to while somebody waits, who may also give up.
type Inflight struct {
	mu   sync.Mutex
	n    int           // guarded by mu
	idle chan struct{} // guarded by mu; closed when n becomes 0; nil: nobody waits
}

// Begin counts one more; End is its counterpart.
func (f *Inflight) Begin() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.n++
}

// End counts one less.
func (f *Inflight) End() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.n--
	if f.n == 0 && f.idle != nil {
		close(f.idle)
		f.idle = nil
	}
}

// Wait returns when nothing is in flight, or when ctx ends.
func (f *Inflight) Wait(ctx context.Context) {
	for idle := f.wait(); idle != nil; idle = f.wait() {
		select {
		case <-idle:
		case <-ctx.Done():
			return
		}
	}
}

// wait is what is closed when nothing is in flight; nil: nothing is.
func (f *Inflight) wait() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.n == 0 {
		return nil
	}
	if f.idle == nil {
		f.idle = make(chan struct{})
	}
	return f.idle
}
