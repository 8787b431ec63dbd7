package load

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// A Broadcaster makes the server send n more broadcasts to everyone. It is
// called by the crowd's loop, so it must not wait for the server.
type Broadcaster func(n int) error

// outstandingLimit bounds the broadcasts that are asked for and not yet with
// everyone. A server that is so far behind is not measured any more.
const outstandingLimit = 4096

// A fanout is one measurement. Owned by the loop, once begun.
//
// Broadcasts have no number in them: a client's k-th delivery is the k-th
// broadcast, since connections keep their order and a lost connection is an
// error.
type fanout struct {
	broadcast   Broadcaster
	subscribers int
	first       uint64 // the number of its first broadcast
	asked       uint64 // broadcasts so far, of this fanout
	complete    uint64 // of these, delivered to everyone
	window      int    // how many may be outstanding; 0: somebody else asks
	stopped     bool
	drained     chan struct{} // closed when stopped and nothing is outstanding; nil after it

	// by a broadcast's number modulo outstandingLimit
	arrivals [outstandingLimit]int
	askedAt  [outstandingLimit]time.Time
	late     []time.Duration // of each delivery, if wanted
	timed    bool
}

// arrived is n more deliveries to a client.
func (f *fanout) arrived(cl *client, n int) error {
	var now time.Time
	if f.timed {
		now = time.Now()
	}
	for range n {
		number := cl.delivered - f.first
		cl.delivered++
		if number >= f.asked {
			return errors.New("more deliveries than broadcasts")
		}
		slot := number % outstandingLimit
		f.arrivals[slot]++
		if f.timed {
			f.late = append(f.late, now.Sub(f.askedAt[slot]))
		}
		if f.arrivals[slot] == f.subscribers {
			f.arrivals[slot] = 0
			f.complete++
		}
	}
	return nil
}

// next asks for what may be asked for now.
func (f *fanout) next() error {
	if f.stopped {
		if f.complete == f.asked && f.drained != nil {
			close(f.drained)
			f.drained = nil
		}
		return nil
	}
	if n := f.window - int(f.asked-f.complete); f.window > 0 && n > 0 { //nolint:gosec // at most outstandingLimit
		return f.ask(n, time.Now())
	}
	return nil
}

func (f *fanout) ask(n int, at time.Time) error {
	if f.asked-f.complete+uint64(n) > outstandingLimit { //nolint:gosec // a small positive number
		return fmt.Errorf("%d broadcasts are outstanding", f.asked-f.complete)
	}
	for range n {
		f.askedAt[f.asked%outstandingLimit] = at
		f.asked++
	}
	return f.broadcast(n)
}

// begin makes f what is measured now.
func (c *Crowd) begin(f *fanout) (drained <-chan struct{}, err error) {
	f.subscribers = len(c.clients)
	f.drained = make(chan struct{})
	drained = f.drained
	c.do(func() {
		f.first = c.clients[0].delivered
		for i := range c.clients {
			if c.clients[i].delivered != f.first {
				err = errors.New("deliveries of the last measurement are missing")
				return
			}
		}
		c.fanout = f // the loop asks for the first broadcasts when this task is done
	})
	return drained, err
}

// drain stops asking and waits until everything has arrived, for patience at
// most. f is the caller's after it.
func (c *Crowd) drain(ctx context.Context, f *fanout, drained <-chan struct{}, patience time.Duration) (whole bool, err error) {
	c.do(func() { f.stopped = true })
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case <-drained:
		whole = true
	case <-c.ended:
		return false, c.Err()
	case <-ctx.Done():
		if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return false, context.Cause(ctx)
		}
	}
	c.do(func() {
		if whole {
			c.fanout = nil
			return
		}
		// Late deliveries still come, and are nobody's; only now f stands still.
		c.fanout = &fanout{broadcast: f.broadcast, subscribers: f.subscribers, first: f.first, asked: f.asked, stopped: true}
	})
	return whole, nil
}

// Delivered is what a measurement of deliveries saw, from the first asking
// until everything had arrived.
type Delivered struct {
	Broadcasts, Deliveries int
	Took                   time.Duration
	// CPU is what the server used in Took.
	CPU time.Duration
	// MessageBytes is a message's mean length, without frame headers.
	MessageBytes float64
	// Whole says that everything did arrive in the time it had: then
	// Deliveries is Broadcasts × subscribers. Where not, Took is that time.
	Whole bool
}

// Outstanding keeps window broadcasts outstanding: the next is asked for when
// the oldest is with everyone. cpu is the server's processor time so far.
//
// The last of them are waited for within the measurement. A server may prepare
// 32 × 5,000 deliveries before it writes the first, for seconds: what arrives in
// a shorter time than that tells nothing of what a delivery costs.
func (c *Crowd) Outstanding(ctx context.Context, broadcast Broadcaster, window int, plan Plan, cpu func() (time.Duration, error)) (
	Delivered, error,
) {
	f := &fanout{broadcast: broadcast, window: window}
	from, began := c.count(), time.Now()
	cpu0, err := cpu()
	if err != nil {
		return Delivered{}, err
	}
	drained, err := c.begin(f)
	if err != nil {
		return Delivered{}, err
	}
	if err := c.pause(ctx, plan.Measure); err != nil {
		return Delivered{}, err
	}
	whole, err := c.drain(ctx, f, drained, plan.Drain)
	if err != nil {
		return Delivered{}, err
	}
	to, took := c.count(), time.Since(began)
	cpu1, err := cpu()
	if err != nil {
		return Delivered{}, err
	}
	if to.deliveries == from.deliveries {
		return Delivered{}, errors.New("nothing was delivered")
	}
	return Delivered{
		Broadcasts:   int(f.asked), //nolint:gosec // a count
		Deliveries:   to.deliveries - from.deliveries,
		Took:         took,
		CPU:          cpu1 - cpu0,
		MessageBytes: float64(to.bytes-from.bytes) / float64(to.deliveries-from.deliveries),
		Whole:        whole,
	}, nil
}

// A Plan is how long is measured.
type Plan struct {
	// WarmUp is before the first measurement of a server, and not counted.
	WarmUp time.Duration
	// Measure is how long is asked for more.
	Measure time.Duration
	// Drain is how long to wait for what is outstanding after that, at most.
	Drain time.Duration
}

func (c *Crowd) count() (n seen) {
	c.do(func() { n = c.counted })
	return n
}
