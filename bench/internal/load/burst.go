package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A Burst is a question that all clients ask at the same time, once each, and
// what each is to hear until it is answered.
type Burst struct {
	Question

	// Holds is what the answer has in it; empty: it begins as it should, and
	// that is all.
	Holds string
	// Messages are how many kept messages (control.Kept, from number 1 on) come
	// before the answer or in it, each once and in order. Not one comes later.
	Messages int
	// From makes questions differ: {number} in it is From and the client's index.
	From int
	// Live says that kept messages are not held to anything: they come when they do.
	Live bool
	// Beside is what else may come at any time begins with.
	Beside []string
	// Name is what tells of one member in what comes beside.
	Name string
	// Quiet is how long nothing more must have come when it is over: then all is
	// told that is told. 0: it is over with the last answer.
	Quiet time.Duration
}

// Spent is what a burst took.
type Spent struct {
	Took   time.Duration // from the first question until the last answer
	Told   time.Duration // until the last message of all
	CPU    time.Duration // of the server, until it was over
	Bytes  int           // of all that was heard
	Names  int           // of members, in what came beside
	Answer []byte        // the last
}

// ErrNotBuilt is the answer of a server that has not got it yet.
var ErrNotBuilt = errors.New("not built yet")

// burst is one measurement. Owned by the loop, once begun; it stays until the
// next, for what comes beside.
type burst struct {
	Burst

	frames   [][]byte // of each client's question
	answer   []byte
	heard    []int  // kept messages of each client
	answered []bool // by client
	missing  int    // answers
	bytes    int
	names    int
	at       time.Time     // when something was heard last
	last     []byte        // answer
	all      chan struct{} // closed when nothing is missing
}

func newBurst(b Burst, clients int) *burst {
	r := &burst{
		Burst: b, frames: make([][]byte, clients), answer: []byte(b.Answer), missing: clients,
		heard: make([]int, clients), answered: make([]bool, clients), all: make(chan struct{}),
	}
	same := clientFrame(b.Say)
	for i := range r.frames {
		r.frames[i] = same
		if strings.Contains(b.Say, numberHere) {
			r.frames[i] = clientFrame(strings.ReplaceAll(b.Say, numberHere, strconv.Itoa(b.From+i)))
		}
	}
	return r
}

// numberHere stands in a question for From and the client's index.
const numberHere = "{number}"

// Burst has every client ask b. cpu is the server's processor time so far.
func (c *Crowd) Burst(ctx context.Context, b Burst, patience time.Duration, cpu func() (time.Duration, error)) (Spent, error) {
	r := newBurst(b, len(c.clients))
	return c.spend(ctx, r, patience, cpu, func() error {
		c.do(func() {
			c.burst = r
			for i := range c.clients {
				if err := c.clients[i].write(r.frames[i]); err != nil {
					c.fail(err)
				}
			}
		})
		return nil
	})
}

// Return connects n clients, all at the same time, each of which asks b as
// soon as it may. protocol is one without a subscription.
func Return(
	ctx context.Context, address string, protocol Protocol, n int, credential func(i int) string, b Burst,
	patience time.Duration, cpu func() (time.Duration, error),
) (c *Crowd, s Spent, err error) {
	if c, err = newCrowd(address, protocol); err != nil {
		return nil, s, err
	}
	clients := c.strangers(n, credential)
	r := newBurst(b, n)
	s, err = c.spend(ctx, r, patience, cpu, func() error {
		c.burst = r
		_, err := c.gather(ctx, clients, n)
		return err
	})
	if err != nil {
		c.Close()
		return nil, s, err
	}
	return c, s, nil
}

// spend counts what begin starts until everyone is answered.
func (c *Crowd) spend(ctx context.Context, r *burst, patience time.Duration, cpu func() (time.Duration, error), begin func() error) (
	s Spent, err error,
) {
	before, err := cpu()
	if err != nil {
		return s, err
	}
	began := time.Now()
	if err := begin(); err != nil {
		return s, err
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-r.all:
		s.Took = time.Since(began)
	case <-timer.C:
		missing := 0
		c.do(func() { missing = r.missing })
		return s, fmt.Errorf("%d of %d are never answered: %.40q", missing, len(r.answered), r.Say)
	case <-c.ended:
		return s, c.Err()
	case <-ctx.Done():
		return s, context.Cause(ctx)
	}
	for over := r.Quiet == 0; !over; {
		if err := c.pause(ctx, r.Quiet/4); err != nil {
			return s, err
		}
		c.do(func() { s.Told, over = r.at.Sub(began), time.Since(r.at) >= r.Quiet })
		if time.Since(began) > patience {
			return s, fmt.Errorf("after %s there is still something to tell", patience)
		}
	}
	after, err := cpu()
	s.CPU = after - before
	c.do(func() { s.Bytes, s.Names, s.Answer = r.bytes, r.names, r.last })
	return s, err
}

// hear is a message to a client.
func (r *burst) hear(client int32, m []byte) error {
	r.bytes += len(m)
	r.at = time.Now()
	before := r.heard[client]
	if err := r.count(client, m); err != nil {
		return err
	}
	switch kept := r.heard[client] > before; {
	case bytes.HasPrefix(m, r.answer):
		return r.settle(client, m)
	case r.Live && bytes.Contains(m, number):
		return nil
	case kept && r.answered[client]:
		return errors.New("a kept message comes behind the answer")
	case kept:
		return nil
	}
	for _, beginning := range r.Beside {
		if bytes.HasPrefix(m, []byte(beginning)) {
			r.names += bytes.Count(m, []byte(r.Name))
			return nil
		}
	}
	return unknown(m)
}

// number is what stands before a kept message's.
var number = []byte(`"data":"`) //nolint:gochecknoglobals // a constant

// count finds the kept messages in m: one in a message of the hub's, all in an
// answer of centrifuge's.
func (r *burst) count(client int32, m []byte) error {
	const digits = 8
	for !r.Live {
		at := bytes.Index(m, number)
		if at < 0 {
			return nil
		}
		m = m[at+len(number):]
		n, err := strconv.Atoi(string(m[:min(digits, len(m))]))
		if err != nil {
			return fmt.Errorf("a kept message without a number: %.40q", m)
		}
		if r.heard[client]++; n != r.heard[client] || n > r.Messages {
			return fmt.Errorf("the kept message %d comes as the %d. of %d", n, r.heard[client], r.Messages)
		}
	}
	return nil
}

// settle is an answer.
func (r *burst) settle(client int32, m []byte) error {
	switch {
	case r.answered[client]:
		return errors.New("more answers than questions")
	case r.heard[client] != r.Messages:
		return fmt.Errorf("the answer comes after %d of %d kept messages: %.120q", r.heard[client], r.Messages, m)
	case !bytes.Contains(m, []byte(r.Holds)):
		return fmt.Errorf("the answer has no %s: %.120q", r.Holds, m)
	}
	r.answered[client] = true
	if r.missing--; r.missing == 0 {
		r.last = bytes.Clone(m)
		close(r.all)
	}
	return nil
}

// unknown is a message that no one waits for; a refusal may say why.
func unknown(m []byte) error {
	if bytes.Contains(m, []byte(`"reason":"NOT_IMPLEMENTED"`)) || bytes.Contains(m, []byte(`"reason":"NOT_ENABLED"`)) {
		return fmt.Errorf("%w: %.200q", ErrNotBuilt, m)
	}
	return fmt.Errorf("nobody knows what %.120q is for", m)
}
