package dispatch_test

import (
	"fmt"
	"slices"
	"sync"
	"time"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/dispatch"
	"github.com/realtime-hub/hub/hub/internal/fault"
)

// ledger is what was sent, delivered, answered and told, and the rules that
// hold for it. It knows of the flow only what it sees of it, and nothing of how
// it is made: no queue, no hash, no timer.
type ledger struct {
	now string // what is happening, for the errors

	mu      sync.Mutex
	wrong   []string
	workers []*soldier
	cargo   map[string]*cargo
	active  []*cargo // of which something may still come, in the order sent
	flights []*flight
	queries []*query
	covered map[string]*cover
}

// soldier is a worker. What it is sent is told to the ledger, before anything
// else can happen.
type soldier struct {
	*dispatch.Worker
	book *ledger

	group    string
	observe  bool
	capacity int
	channels []string
	kinds    []hubv1.SessionEventKind
	decides  bool
	good     bool

	since                 time.Time
	draining, dead, ended bool
}

// cargo is a message, or an event.
type cargo struct {
	name, session, channel, declared string
	kind                             hubv1.SessionEventKind
	size                             int
	once                             bool
	deadline                         time.Duration
	sent, expires                    time.Time

	parts      []*part // of each group that has to handle it
	copies     int
	may, must  fault.Reason // why it may, or must, be refused at once
	submitting bool
	told       int
}

// part is a cargo's way in one group.
type part struct {
	of             *cargo
	group          string
	attempts       int
	acked, refused bool
	last           *flight
}

// flight is a delivery.
type flight struct {
	id       string
	of       *cargo
	part     *part // nil: a copy for an observer
	at       *soldier
	due, end time.Time     // end is zero: until due
	lo, hi   time.Duration // the pause after it, if it failed
}

// query is a question.
type query struct {
	name     string
	asked    time.Time
	puts     []*soldier
	ids      []string
	answered bool
	heard    int
}

// cover is who takes something in a group, and when that was over.
type cover struct {
	workers int
	gone    time.Time
	lost    []time.Time
}

func newLedger() *ledger {
	return &ledger{cargo: make(map[string]*cargo), covered: make(map[string]*cover)}
}

// reportf is errorf for who does not hold mu.
func (l *ledger) reportf(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.errorf(format, args...)
}

func (l *ledger) errorf(format string, args ...any) {
	l.wrong = append(l.wrong, l.now+": "+fmt.Sprintf(format, args...))
}

func (l *ledger) living() (all []*soldier) {
	for _, w := range l.workers {
		if !w.dead {
			all = append(all, w)
		}
	}
	return all
}

// takes are the keys of what a worker covers.
func (w *soldier) takes() (keys []string) {
	for _, declared := range w.channels {
		keys = append(keys, w.group+declared)
	}
	for _, kind := range w.kinds {
		keys = append(keys, fmt.Sprint(w.group, kind))
	}
	return keys
}

func (c *cargo) key(group string) string {
	if c.kind != 0 {
		return fmt.Sprint(group, c.kind)
	}
	return group + c.declared
}

const remembered = 60 * time.Second

func (l *ledger) hired(w *soldier) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.workers = append(l.workers, w)
	w.since = time.Now()
	for _, key := range w.takes() {
		c := l.covered[key]
		if c == nil {
			c = &cover{}
			l.covered[key] = c
		}
		if over := c.gone.Add(remembered); c.workers == 0 && !c.gone.IsZero() && !time.Now().Before(over) {
			c.lost = append(c.lost, over)
		}
		c.workers++
	}
}

func (l *ledger) died(w *soldier) {
	l.mu.Lock()
	defer l.mu.Unlock()
	w.dead = true
	for _, key := range w.takes() {
		if c := l.covered[key]; c.workers > 0 {
			c.workers--
			c.gone = time.Now()
		}
	}
	for _, f := range l.flights {
		if f.at == w && f.end.IsZero() && time.Now().Before(f.due) {
			f.end = time.Now()
		}
	}
}

func (l *ledger) drains(w *soldier) {
	l.mu.Lock()
	defer l.mu.Unlock()
	w.draining = true
}

func (l *ledger) has(key string) bool {
	c := l.covered[key]
	return c != nil && (c.workers > 0 || time.Now().Before(c.gone.Add(remembered)))
}

// lost tells whether nobody came back for a part in time.
func (l *ledger) lost(p *part) bool {
	c := l.covered[p.of.key(p.group)]
	over := c.gone.Add(remembered)
	return slices.ContainsFunc(c.lost, func(at time.Time) bool { return at.After(p.of.sent) }) ||
		c.workers == 0 && !time.Now().Before(over) && over.After(p.of.sent)
}

func (f *flight) open() bool {
	return f.end.IsZero() && time.Now().Before(f.due) && !f.at.dead
}

func (f *flight) ended() time.Time {
	if f.end.IsZero() {
		return f.due
	}
	return f.end
}

// over tells whether nothing more can come of a part; surely, or perhaps
// because a pause that nobody but the hub knows would be too long.
func (l *ledger) over(p *part, surely bool) bool {
	switch {
	case p.acked, p.refused, !time.Now().Before(p.of.expires), p.of.once && p.attempts > 0, l.lost(p):
		return true
	case p.attempts == 0 || p.last.open():
		return false
	}
	pause := p.last.hi
	if surely {
		pause = p.last.lo
	}
	return p.attempts == 5 || p.of.expires.Sub(p.last.ended()) <= pause
}

// accepted notes what is about to be sent, and whether it may be refused.
func (l *ledger) accepted(c *cargo) *cargo {
	l.mu.Lock()
	defer l.mu.Unlock()
	c.name, c.sent, c.submitting = fmt.Sprint("m", len(l.cargo)), time.Now(), true
	l.cargo[c.name] = c
	l.active = append(l.active, c)
	for _, group := range []string{"a", "b"} {
		if !l.has(c.key(group)) {
			continue
		}
		c.parts = append(c.parts, &part{of: c, group: group})
		var sure, maybe, sureBytes, maybeBytes int
		for _, other := range l.active {
			for _, p := range other.parts {
				if other == c || p.group != group || other.session != c.session || other.channel != c.channel {
					continue
				}
				if !l.over(p, false) {
					sure, sureBytes = sure+1, sureBytes+other.size
				}
				if !l.over(p, true) {
					maybe, maybeBytes = maybe+1, maybeBytes+other.size
				}
			}
		}
		if sure >= 64 || sureBytes+c.size > 256<<10 {
			c.must = fault.Overloaded
		}
		if maybe >= 64 || maybeBytes+c.size > 256<<10 {
			c.may = fault.Overloaded
		}
	}
	if len(c.parts) == 0 {
		c.may, c.must = fault.NoWorker, fault.NoWorker
	}
	if c.kind != 0 { // an event that does not fit is missed
		c.submitting, c.may, c.must = false, "", ""
	}
	return c
}

// submitted notes that a message is on its way, or was refused.
func (l *ledger) submitted(c *cargo) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c.submitting = false
	if c.must != "" && c.told == 0 {
		l.errorf("%s was taken, and not refused with %s", c.name, c.must)
	}
}

// told hears what a sender is told.
func (f *fire) told(c *cargo, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c.told++; c.told > 1 {
		f.errorf("%s is told %d times, now %v", c.name, c.told, err)
		return
	}
	if reason := fault.Outcome(err); c.submitting && (reason == string(fault.NoWorker) || reason == string(fault.Overloaded)) {
		if reason != string(c.may) {
			f.errorf("%s is refused with %s", c.name, reason)
		}
		c.parts = nil
		return
	}
	why := err == nil
	for _, p := range c.parts {
		switch late := !p.acked && !p.refused && f.over(p, false); {
		case !f.over(p, false):
			f.errorf("%s is told %v, but group %s has it still", c.name, err, p.group)
		case err == nil && !p.acked && (!c.once || p.attempts == 0):
			f.errorf("%s is told ok, but group %s has not handled it", c.name, p.group)
		case fault.Is(err, fault.HandlerFailed) && p.refused, fault.Is(err, fault.HandlerTimeout) && late, fault.Is(err, fault.NoWorker) && f.lost(p):
			why = true
		}
	}
	if !why {
		f.errorf("%s is told %v, but nobody failed so", c.name, err)
	}
}

// open is one of the deliveries that are unacked.
func (l *ledger) open(n int) *flight {
	return choose(l, n, func(f *flight) bool { return f.open() })
}

// closed is one of those that are not.
func (l *ledger) closed(n int) *flight {
	return choose(l, n, func(f *flight) bool { return !f.open() })
}

func choose(l *ledger, n int, fits func(*flight) bool) *flight {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []*flight
	for _, f := range l.flights {
		if fits(f) {
			all = append(all, f)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all[n%len(all)]
}

func (l *ledger) acked(f *flight)   { l.landed(f, func(p *part) { p.acked = true }) }
func (l *ledger) refused(f *flight) { l.landed(f, func(p *part) { p.refused = true }) }

// nacked has a pause of its own, unless that is negative.
func (l *ledger) nacked(f *flight, pause time.Duration) {
	l.landed(f, func(*part) {
		if pause >= 0 {
			f.lo, f.hi = pause, pause
		}
	})
}

func (l *ledger) landed(f *flight, note func(*part)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f.end = time.Now()
	if f.part != nil && !f.of.once {
		note(f.part)
	}
}

func (l *ledger) asks() *query {
	l.mu.Lock()
	defer l.mu.Unlock()
	q := &query{name: fmt.Sprint("q", len(l.queries)), asked: time.Now()}
	l.queries = append(l.queries, q)
	return q
}
