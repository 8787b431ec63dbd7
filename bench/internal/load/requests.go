package load

import (
	"context"
	"errors"
	"time"
)

// requests is one measurement. Owned by the loop, once begun.
type requests struct {
	frame   []byte
	answers int
	stopped bool
}

// Requests lets width clients ask, each the next thing when it has its answer,
// and returns the answers per second.
func (c *Crowd) Requests(ctx context.Context, width int, plan Plan) (perSecond float64, err error) {
	if c.protocol.Request == "" {
		return 0, errors.New("the protocol has no requests")
	}
	r := &requests{frame: clientFrame(c.protocol.Request)}
	width = min(width, len(c.clients))
	c.do(func() {
		c.requests = r
		for i := range width {
			if err := c.clients[i].write(r.frame); err != nil {
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
	// Each of them has one answer to come; then the clients are silent again.
	c.do(func() { r.stopped = true })
	for before := -1; before != answered(); {
		before = answered()
		if err := c.pause(ctx, plan.WarmUp); err != nil {
			return 0, err
		}
	}
	c.do(func() { c.requests = nil })
	if to == from {
		return 0, errors.New("nothing was answered")
	}
	return float64(to-from) / took.Seconds(), nil
}
