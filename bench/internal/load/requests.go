package load

import (
	"context"
	"errors"
	"time"
)

// requests is one measurement. Owned by the loop, once begun.
type requests struct {
	frame   []byte
	asked   int
	answers int
	stopped bool
	silent  chan struct{} // closed when stopped and everything asked is answered; nil after it
}

func (r *requests) ask(cl *client) error {
	r.asked++
	return cl.write(r.frame)
}

// answered is one more answer, after which the client asks again.
func (r *requests) answered(cl *client) error {
	r.answers++
	if r.stopped {
		r.settle()
		return nil
	}
	return r.ask(cl)
}

func (r *requests) settle() {
	if r.answers == r.asked && r.silent != nil {
		close(r.silent)
		r.silent = nil
	}
}

// Requests lets width clients ask, each the next thing when it has its answer,
// and returns the answers per second.
func (c *Crowd) Requests(ctx context.Context, width int, plan Plan) (perSecond float64, err error) {
	if c.protocol.Request == "" {
		return 0, errors.New("the protocol has no requests")
	}
	r := &requests{frame: clientFrame(c.protocol.Request), silent: make(chan struct{})}
	silent := r.silent
	width = min(width, len(c.clients))
	c.do(func() {
		c.requests = r
		for i := range width {
			if err := r.ask(&c.clients[i]); err != nil {
				c.fail(err)
			}
		}
	})
	answered := func() (n int) { c.do(func() { n = r.answers }); return n }
	if err := c.pause(ctx, plan.WarmUp); err != nil {
		return 0, err
	}
	from, began := answered(), time.Now()
	if err := c.pause(ctx, plan.Measure); err != nil {
		return 0, err
	}
	to, took := answered(), time.Since(began)
	c.do(func() { r.stopped = true; r.settle() })
	patience := time.NewTimer(plan.Drain)
	defer patience.Stop()
	select {
	case <-silent:
	case <-patience.C:
		return 0, errors.New("some requests are never answered")
	case <-c.ended:
		return 0, c.Err()
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
	c.do(func() { c.requests = nil })
	if to == from {
		return 0, errors.New("nothing was answered")
	}
	return float64(to-from) / took.Seconds(), nil
}
