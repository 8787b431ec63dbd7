package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// A Question is what a client says again and again, and what the answer to it
// begins with. Any other answer is an error.
type Question struct {
	Say, Answer string
}

// Answered is what became of questions.
type Answered struct {
	Answers int // in Took
	Took    time.Duration
	CPU     time.Duration // of the server, in Took
	OwnCPU  time.Duration // of this process, in Took
	// Asked counts the whole measurement's: each had its answer.
	Asked int
}

// requests is one measurement. Owned by the loop, once begun.
type requests struct {
	frames  []byte // the question as often as a client may have it unanswered
	size    int    // of one of them
	answer  []byte // what each answer begins with
	asked   int
	answers int
	heard   int // answers of the client that is read just now
	stopped bool
	silent  chan struct{} // closed when stopped and everything asked is answered; nil after it
}

func newRequests(q Question, window int) *requests {
	frame := clientFrame(q.Say)
	return &requests{
		frames: bytes.Repeat(frame, window), size: len(frame), answer: []byte(q.Answer), silent: make(chan struct{}),
	}
}

// ask says the question n times, in one write.
func (r *requests) ask(cl *client, n int) error {
	r.asked += n
	if n*r.size > len(r.frames) {
		return errors.New("more answers than questions")
	}
	return cl.write(r.frames[:n*r.size])
}

// answered is one more answer.
func (r *requests) answered() error {
	r.answers++
	r.heard++
	if r.answers > r.asked {
		return errors.New("more answers than questions")
	}
	return nil
}

// again asks as often as answers have come together.
func (r *requests) again(cl *client) error {
	n := r.heard
	r.heard = 0
	if r.stopped {
		r.settle()
		return nil
	}
	if n == 0 {
		return nil
	}
	return r.ask(cl, n)
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
	nothing := func() (time.Duration, error) { return 0, nil }
	a, err := c.Ask(ctx, Question{Say: c.protocol.Request, Answer: c.protocol.Answer}, width, 1, plan, nothing)
	if err != nil {
		return 0, err
	}
	return float64(a.Answers) / a.Took.Seconds(), nil
}

// Ask lets width clients ask, each with window questions unanswered: for
// answers that came together the next are asked together. It returns when all
// are answered. cpu is the server's processor time so far.
func (c *Crowd) Ask(ctx context.Context, q Question, width, window int, plan Plan, cpu func() (time.Duration, error)) (
	a Answered, err error,
) {
	r := newRequests(q, window)
	silent := r.silent
	width = min(width, len(c.clients))
	c.do(func() {
		c.requests = r
		for i := range width {
			if err := r.ask(&c.clients[i], window); err != nil {
				c.fail(err)
			}
		}
	})
	if err := c.pause(ctx, plan.WarmUp); err != nil {
		return a, err
	}
	a, err = c.watch(ctx, r, plan.Measure, cpu)
	if err != nil {
		return a, err
	}
	c.do(func() { r.stopped = true; r.settle() })
	patience := time.NewTimer(plan.Drain)
	defer patience.Stop()
	select {
	case <-silent:
	case <-patience.C:
		missing := 0
		c.do(func() { missing = r.asked - r.answers })
		return a, fmt.Errorf("%d of %.40q are never answered", missing, q.Say)
	case <-c.ended:
		return a, c.Err()
	case <-ctx.Done():
		return a, context.Cause(ctx)
	}
	c.do(func() { c.requests, a.Asked = nil, r.asked })
	if a.Answers == 0 {
		return a, errors.New("nothing was answered")
	}
	return a, nil
}

// watch counts answers for a while.
func (c *Crowd) watch(ctx context.Context, r *requests, measure time.Duration, cpu func() (time.Duration, error)) (a Answered, err error) {
	answered := func() (n int) { c.do(func() { n = r.answers }); return n }
	before, err := cpu()
	if err != nil {
		return a, err
	}
	own := ownCPU()
	from, began := answered(), time.Now()
	if err := c.pause(ctx, measure); err != nil {
		return a, err
	}
	a.Answers, a.Took = answered()-from, time.Since(began)
	a.OwnCPU = ownCPU() - own
	after, err := cpu()
	a.CPU = after - before
	return a, err
}

// ownCPU is the processor time that this process has used.
func ownCPU() time.Duration {
	var used unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &used); err != nil {
		return 0 // it cannot fail for oneself
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
