package dispatch_test

import (
	"slices"
	"time"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/fault"
)

// Send implements dispatch.Outlet.
func (w *soldier) Send(f *hubv1.HandleResponse) {
	w.book.mu.Lock()
	defer w.book.mu.Unlock()
	if d := f.GetDelivery(); d != nil {
		w.book.delivered(w, d.GetDeliveryId(), d.GetMessageId(), int(d.GetAttempt()), d.GetTimeLeft().AsDuration())
	}
	if e := f.GetEvent(); e != nil {
		w.book.delivered(w, e.GetDeliveryId(), e.GetCause(), 0, 0)
	}
	if q := f.GetAuthorize(); q != nil {
		w.book.put(w, q.GetQuestionId(), q.GetChannel())
	}
}

// Done implements dispatch.Outlet.
func (w *soldier) Done() {
	w.book.mu.Lock()
	defer w.book.mu.Unlock()
	w.ended = true
	if !w.draining || w.book.unacked(w)+w.book.unanswered(w) > 0 {
		w.book.errorf("a worker's stream ends; it drains: %v, and has %d", w.draining, w.book.unacked(w))
	}
}

func (l *ledger) unacked(w *soldier) (n int) {
	for _, f := range l.flights {
		if f.at == w && f.open() {
			n++
		}
	}
	return n
}

// eligible tells whether a worker may get what is of a group.
func (w *soldier) eligible(c *cargo, group string) bool {
	return !w.dead && !w.draining && w.group == group && slices.Contains(w.takes(), c.key(group))
}

// delivered holds a delivery against the rules. The caller holds mu.
func (l *ledger) delivered(w *soldier, id, name string, attempt int, left time.Duration) {
	c, now := l.cargo[name], time.Now()
	if !w.eligible(c, w.group) {
		l.errorf("%s is delivered to a worker that is not to get it", name)
	}
	if n := l.unacked(w); n >= w.capacity {
		l.errorf("%s is delivered to a worker that has %d of %d", name, n, w.capacity)
	}
	f := &flight{id: id, of: c, at: w, due: now.Add(min(c.deadline, c.expires.Sub(now)))}
	l.flights = append(l.flights, f)
	if c.kind == 0 && left != f.due.Sub(now) {
		l.errorf("%s has %s left, not %s", name, left, f.due.Sub(now))
	}
	if w.observe {
		if c.copies++; c.copies > 1 {
			l.errorf("%s is copied %d times", name, c.copies)
		}
		return
	}
	i := slices.IndexFunc(c.parts, func(p *part) bool { return p.group == w.group })
	if i < 0 {
		l.errorf("%s is delivered to group %s, which has nothing to do with it", name, w.group)
		return
	}
	p := c.parts[i]
	l.inTurn(p, w)
	p.attempts++
	if c.kind == 0 && attempt != p.attempts || p.attempts > 5 {
		l.errorf("%s is delivered as attempt %d, the %d. time", name, attempt, p.attempts)
	}
	p.last, f.part = f, p
	f.lo = 100 * time.Millisecond << (p.attempts - 1)
	f.hi = f.lo + f.lo/2
}

// inTurn tells whether it is a part's turn: in its order, when the last attempt
// is over and its pause, and at another worker.
func (l *ledger) inTurn(p *part, w *soldier) {
	c, now := p.of, time.Now()
	if p.attempts > 0 && c.once || p.acked || p.refused || !now.Before(c.expires) {
		l.errorf("%s is delivered in group %s when it is over", c.name, p.group)
	}
	if last := p.last; last != nil {
		if last.open() || now.Sub(last.ended()) < last.lo {
			l.errorf("%s is delivered again after %s, not %s; unacked: %v", c.name, now.Sub(last.ended()), last.lo, last.open())
		}
		for _, other := range l.workers {
			if last.at == w && other != w && other.eligible(c, p.group) && other.since.Before(last.ended()) {
				l.errorf("%s is delivered again to who failed it", c.name)
			}
		}
	}
	for _, other := range l.active {
		if other == c {
			break
		}
		for _, before := range other.parts {
			if other.session == c.session && other.channel == c.channel && before.group == p.group && !l.over(before, false) {
				l.errorf("%s is delivered before %s", c.name, other.name)
			}
		}
	}
	for _, f := range l.flights {
		if f.open() && f.part != nil && f.at != w && f.of.session == c.session && f.of.channel == c.channel && f.part.group == p.group {
			l.errorf("%s is delivered to another worker than %s, which is unacked", c.name, f.of.name)
		}
	}
}

// settled looks at what must have happened by now.
func (l *ledger) settled() {
	l.mu.Lock()
	defer l.mu.Unlock()
	heads := make(map[string]bool)
	l.active = slices.DeleteFunc(l.active, func(c *cargo) bool {
		surely, maybe := true, true
		for _, p := range c.parts {
			if l.over(p, true) {
				continue
			}
			surely = false
			maybe = maybe && l.over(p, false)
			if key := p.group + " " + c.session + " " + c.channel; !heads[key] {
				heads[key] = true
				l.stuck(p)
			}
		}
		if c.kind == 0 && surely && c.told == 0 {
			l.errorf("%s is over everywhere, and its sender was not told", c.name)
		}
		return surely
	})
	for _, w := range l.workers {
		if w.draining && !w.dead && !w.ended && l.unacked(w)+l.unanswered(w) == 0 {
			l.errorf("a worker has drained, and its stream goes on")
		}
	}
	l.asking()
}

// stuck tells whether a part could be delivered, and is not. The first of its
// queue is looked at.
func (l *ledger) stuck(p *part) {
	c := p.of
	if l.over(p, false) || p.last != nil && (p.last.open() || time.Since(p.last.ended()) < p.last.hi) || c.missed(l, p) {
		return
	}
	for _, f := range l.flights { // at most once waits for what a draining worker has
		if f.open() && f.part != nil && f.part.group == p.group && f.of.session == c.session && f.of.channel == c.channel {
			return
		}
	}
	someone := false
	for _, w := range l.workers {
		if w.eligible(c, p.group) {
			someone = true
			if l.unacked(w) >= w.capacity {
				return
			}
		}
	}
	if someone {
		l.errorf("%s waits in group %s, whose workers have room", c.name, p.group)
	}
}

// missed tells whether an event was one too many of those that wait.
func (c *cargo) missed(l *ledger, p *part) bool {
	waiting := 0
	for _, other := range l.active {
		if c.kind != 0 && other.kind != 0 && other.session == c.session {
			waiting++
		}
	}
	return waiting > 64 && p.attempts == 0
}

func (q *query) open(w *soldier) bool {
	n := len(q.puts)
	return n > 0 && q.puts[n-1] == w && !w.dead && !q.answered && q.heard == 0 && time.Since(q.asked) < 5*time.Second
}

func (l *ledger) unanswered(w *soldier) (n int) {
	for _, q := range l.queries {
		if q.open(w) {
			n++
		}
	}
	return n
}

// put holds a question against the rules. The caller holds mu.
func (l *ledger) put(w *soldier, id, name string) {
	i := slices.IndexFunc(l.queries, func(q *query) bool { return q.name == name })
	q := l.queries[i]
	if w.dead || w.draining || !w.decides {
		l.errorf("%s is put to a worker that is not to be asked", name)
	}
	if n := l.unanswered(w); n >= w.capacity {
		l.errorf("%s is put to a worker that has %d of %d", name, n, w.capacity)
	}
	if n := len(q.puts); n > 1 || n == 1 && !q.puts[0].dead {
		l.errorf("%s is put the %d. time", name, n+1)
	}
	for _, before := range l.queries[:i] {
		if len(q.puts) == 0 && len(before.puts) == 0 && before.heard == 0 && time.Since(before.asked) < 5*time.Second {
			l.errorf("%s is put before %s", name, before.name)
		}
	}
	q.puts, q.ids = append(q.puts, w), append(q.ids, id)
}

// question is one of those that are out.
func (l *ledger) question(n int) (w *soldier, id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []*query
	for _, q := range l.queries {
		if len(q.puts) > 0 && q.open(q.puts[len(q.puts)-1]) {
			all = append(all, q)
		}
	}
	if len(all) == 0 {
		return nil, ""
	}
	q := all[n%len(all)]
	q.answered = true
	return q.puts[len(q.puts)-1], q.ids[len(q.ids)-1]
}

// heard hears what an asker is told.
func (l *ledger) heard(q *query, answer *hubv1.Decide, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	q.heard++
	late, someone := time.Since(q.asked) >= 5*time.Second, slices.ContainsFunc(l.workers, func(w *soldier) bool { return !w.dead && !w.draining && w.decides })
	twice := len(q.puts) == 2 && q.puts[1].dead
	switch {
	case err == nil && q.answered && answer.GetMessage() == q.ids[len(q.ids)-1]:
	case fault.Is(err, fault.HandlerTimeout) && late && !q.answered, fault.Is(err, fault.NoWorker) && (!someone || twice):
	default:
		l.errorf("%s is told %v, %v; answered: %v", q.name, answer, err, q.answered)
	}
}

// asking looks at what must have been asked, or answered, by now.
func (l *ledger) asking() {
	for _, q := range l.queries {
		late := time.Since(q.asked) >= 5*time.Second
		if q.heard == 0 && (q.answered || late) {
			l.errorf("%s waits; answered: %v, late: %v", q.name, q.answered, late)
		}
		n := len(q.puts)
		orphan := n > 0 && q.puts[n-1].dead && !q.answered
		someone := slices.ContainsFunc(l.workers, func(w *soldier) bool { return !w.dead && !w.draining && w.decides })
		if q.heard == 0 && (orphan && n == 2 || (orphan || n == 0) && !someone) {
			l.errorf("%s waits, and nobody is there who answers it", q.name)
		}
		for _, w := range l.workers {
			if q.heard == 0 && (n == 0 || orphan) && !w.dead && !w.draining && w.decides && l.unanswered(w) < w.capacity {
				l.errorf("%s waits, and a worker has room", q.name)
			}
		}
	}
}

// done tells whether everything has come to its end.
func (l *ledger) done() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.active) == 0 && !slices.ContainsFunc(l.flights, (*flight).open) && !slices.ContainsFunc(l.queries, func(q *query) bool { return q.heard == 0 })
}

// complete looks at the sums.
func (l *ledger) complete() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.cargo {
		if c.kind == 0 && c.told != 1 {
			l.errorf("at the end %s was told %d times", c.name, c.told)
		}
	}
	for _, q := range l.queries {
		if q.heard != 1 {
			l.errorf("at the end %s was heard %d times", q.name, q.heard)
		}
	}
}
