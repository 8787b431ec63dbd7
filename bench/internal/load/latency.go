package load

import (
	"context"
	"errors"
	"slices"
	"time"
)

// Lateness is how long deliveries took, from when the generator asked for the
// broadcast.
type Lateness struct {
	P50, P99 time.Duration
	// Whole says that everything arrived in the time it had. Where not, what
	// is missing counts with the age it had at the end: at least so late.
	Whole bool
}

// Paced asks for a broadcast every interval, however far behind the server is.
func (c *Crowd) Paced(ctx context.Context, broadcast Broadcaster, interval time.Duration, plan Plan) (Lateness, error) {
	n := int(plan.Measure / interval)
	f := &fanout{broadcast: broadcast, timed: true, late: make([]time.Duration, 0, n*len(c.clients))}
	drained, err := c.begin(f)
	if err != nil {
		return Lateness{}, err
	}
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for range n {
		select {
		case <-ticker.C:
		case <-c.ended:
			return Lateness{}, c.Err()
		case <-ctx.Done():
			return Lateness{}, context.Cause(ctx)
		}
		now := time.Now() // before the loop has time for it: what waits here is late too
		c.do(func() { err = f.ask(1, now) })
		if err != nil {
			return Lateness{}, err
		}
	}
	whole, err := c.drain(ctx, f, drained, plan.Drain)
	if err != nil {
		return Lateness{}, err
	}
	late, end := f.late, time.Now()
	for number := f.complete; number < f.asked; number++ {
		slot := number % outstandingLimit
		for range f.subscribers - f.arrivals[slot] {
			late = append(late, end.Sub(f.askedAt[slot]))
		}
	}
	if len(late) == 0 {
		return Lateness{}, errors.New("too short for a single broadcast")
	}
	slices.Sort(late)
	return Lateness{P50: late[len(late)/2], P99: late[len(late)*99/100], Whole: whole}, nil
}
