package hub

import (
	"context"
	"sync"
	"time"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
)

// turns runs jobs: those of one key one after the other in the order they came,
// others side by side, at most limit at once. It outlives streams, so that a
// redelivery to the same worker waits for the attempt that its old stream left
// behind.
type turns struct {
	limit   int            // static
	running sync.WaitGroup // the goroutines; waited for when no more is added

	mu sync.Mutex
	// guarded by mu. A key is in queues while a job of it runs or waits, and
	// in ready while one waits and none runs.
	queues  map[string][]job
	ready   []string
	active  int // goroutines
	waiting int // jobs
	sweepAt int // of waiting; 0: 2*limit
}

// job is a delivery, event or question that waits for its turn.
type job struct {
	on    *attachment
	until time.Time // after it the hub has given up on the answer
	// handle makes the answer, otherwise makes it if handle ends its goroutine.
	handle    func(ctx context.Context) *hubv1.HandleRequest
	otherwise func() *hubv1.HandleRequest
}

// add never blocks. ctx is that of the handlers.
func (t *turns) add(ctx context.Context, key string, j job) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.queues == nil {
		t.queues = map[string][]job{}
	}
	queue, busy := t.queues[key]
	t.queues[key] = append(queue, j)
	t.waiting++
	if !busy {
		t.ready = append(t.ready, key)
		if t.active < t.limit {
			t.active++
			t.running.Go(func() { t.run(ctx) })
		}
	}
	// Handlers that stay beyond their deadline hold turns which the hub no
	// longer counts. What lapses behind them must not pile up.
	if t.waiting > max(2*t.limit, t.sweepAt) {
		t.sweep()
		t.sweepAt = 2 * t.waiting
	}
}

// run does what is ready, key after key.
func (t *turns) run(ctx context.Context) {
	key, returned := "", true
	defer func() {
		if !returned { // a handler ended the goroutine, but not the work
			t.done(key)
			t.running.Go(func() { t.run(ctx) })
		}
	}()
	for {
		next, j, ok := t.pop()
		if !ok {
			return
		}
		key, returned = next, false
		j.do(ctx)
		returned = true
		t.done(key)
	}
}

// pop takes a job whose turn it is. Without one the goroutine that asked ends.
func (t *turns) pop() (key string, j job, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.ready) > 0 {
		key, t.ready = t.ready[0], t.ready[1:]
		queue := t.queues[key]
		if len(queue) == 0 { // swept
			delete(t.queues, key)
			continue
		}
		j, queue[0] = queue[0], job{}
		t.queues[key] = queue[1:]
		t.waiting--
		return key, j, true
	}
	t.active--
	return "", job{}, false
}

// done gives a key its next turn, after those that wait already.
func (t *turns) done(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.queues[key]) == 0 {
		delete(t.queues, key)
		return
	}
	t.ready = append(t.ready, key)
}

// sweep drops what has lapsed. Called with mu held.
func (t *turns) sweep() {
	for key, queue := range t.queues {
		kept := queue[:0]
		for _, j := range queue {
			if j.lapsed() {
				j.on.release()
				t.waiting--
				continue
			}
			kept = append(kept, j)
		}
		clear(queue[len(kept):])
		t.queues[key] = kept
	}
}

// lapsed tells that nobody waits for the answer: the hub gives the delivery to
// another worker, or has.
func (j job) lapsed() bool {
	return !time.Now().Before(j.until) || j.on.isGone()
}

func (j job) do(ctx context.Context) {
	if j.lapsed() || ctx.Err() != nil {
		j.on.release()
		return
	}
	ctx, cancel := context.WithDeadline(ctx, j.until)
	defer cancel()
	var answer *hubv1.HandleRequest
	defer func() {
		if answer == nil {
			answer = j.otherwise()
		}
		j.on.answer(answer)
	}()
	answer = j.handle(ctx)
}
