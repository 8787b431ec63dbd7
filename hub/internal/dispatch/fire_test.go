package dispatch_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"pgregory.net/rapid"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/dispatch"
	"github.com/realtime-hub/hub/hub/internal/gate"
	"github.com/realtime-hub/hub/hub/schema"
)

// Whatever sessions send and workers do, in whatever order and at whatever
// time: what the flow promises holds (see ledger_test.go). rapid makes up the
// stories, and cuts a bad one down to what it takes;
//
//	go test -run TestUnderFire ./hub/internal/dispatch -rapid.checks=10000
//
// tells more of them. Time is the bubble's.
func TestUnderFire(t *testing.T) {
	registry := schema.New(schema.Config{})
	if _, err := registry.Load(t.Context(), "testdata"); err != nil {
		t.Fatal(err)
	}
	g, err := gate.New(gate.Config{})
	if err != nil {
		t.Fatal(err)
	}
	caller, err := g.Caller("", nil)
	if err != nil {
		t.Fatal(err)
	}
	var seen tally
	defer func() { t.Logf("%+v", seen) }()
	rapid.Check(t, func(r *rapid.T) {
		story := rapid.SliceOfN(rapid.Custom(draw), 80, 200).Draw(r, "story")
		var f *fire
		synctest.Test(t, func(*testing.T) { // r is not the bubble's: the story is drawn before, and judged after
			f = newFire(registry, caller)
			for i, s := range story {
				f.now = fmt.Sprintf("step %d, %s", i, s)
				s.run(f)
				synctest.Wait()
				f.settled()
			}
			f.end()
		})
		seen.count(f.ledger, len(story))
		if len(f.wrong) > 0 {
			r.Fatalf("%s", strings.Join(f.wrong[:min(len(f.wrong), 5)], "\n"))
		}
	})
}

// step is one thing that happens; its numbers choose among what is there.
type step struct {
	what string
	a, b int
	time time.Duration
}

func (s step) String() string { return fmt.Sprintf("%s(%d, %d, %s)", s.what, s.a, s.b, s.time) }

var deeds = map[string]func(*fire, step){
	"attach": (*fire).attach, "kill": (*fire).kill, "drain": (*fire).drain,
	"submit": (*fire).submit, "burst": (*fire).burst, "tell": (*fire).tell, "ask": (*fire).ask,
	"ack": (*fire).ack, "retry": (*fire).retry, "refuse": (*fire).refuse, "late": (*fire).late, "answer": (*fire).answer,
	"sleep": (*fire).sleep, "acks": (*fire).acks,
	"nothing": func(*fire, step) {}, // what a story is cut down with
}

func draw(r *rapid.T) step {
	return step{
		what: rapid.SampledFrom([]string{
			"nothing", "attach", "attach", "attach", "kill", "drain", "submit", "submit", "submit", "submit", "submit", "burst", "tell", "tell", "ask", "ask",
			"ack", "ack", "ack", "ack", "ack", "acks", "retry", "retry", "refuse", "late", "answer", "answer", "sleep", "sleep", "sleep",
		}).Draw(r, "what"),
		a: rapid.IntRange(0, 63).Draw(r, "a"), b: rapid.IntRange(0, 63).Draw(r, "b"),
		time: rapid.SampledFrom([]time.Duration{
			0, time.Millisecond, 100 * time.Millisecond, 150 * time.Millisecond, time.Second, 2 * time.Second, 5 * time.Second,
			10 * time.Second, 30 * time.Second, 61 * time.Second,
		}).Draw(r, "time"),
	}
}

func (s step) run(f *fire) { deeds[s.what](f, s) }

// fire is a flow, those around it, and the ledger of what they did.
type fire struct {
	*ledger

	service  *dispatch.Service
	registry *schema.Registry
	caller   *gate.Caller
	asking   sync.WaitGroup
}

func newFire(registry *schema.Registry, caller *gate.Caller) *fire {
	return &fire{
		ledger:   newLedger(),
		service:  dispatch.New(dispatch.Config{Schema: registry, Log: slog.New(slog.DiscardHandler)}),
		registry: registry, caller: caller,
	}
}

var (
	groups   = []string{"a", "a", "b", "o"} // o observes
	channels = []string{"room.1.said", "room.1.moved", "room.1.brief", "room.2.said", "room.2.moved"}
	covers   = [][]string{{said, moved, brief}, {said}, {moved, brief}, {}}
	wishes   = [][]hubv1.SessionEventKind{{1, 2, 3, 4}, {}, {1, 2}, {3}}
)

func (f *fire) attach(s step) {
	if len(f.living()) >= 6 {
		return
	}
	w := &soldier{
		book: f.ledger, group: groups[s.a%4], observe: groups[s.a%4] == "o", capacity: 1 + s.b%5,
		channels: covers[s.b/5%4], kinds: wishes[s.a/4%4], decides: s.a/16%2 == 0,
	}
	f.hired(w)
	req := &hubv1.Attach{
		Group: w.group, Observe: w.observe, Capacity: uint32(w.capacity), Channels: w.channels, Events: w.kinds, Authorizer: w.decides,
	}
	var err error
	if w.Worker, err = f.service.Attach(f.caller, req, w); err != nil {
		f.reportf("attach: %v", err)
	}
}

// one chooses a living worker.
func (f *fire) one(n int) *soldier {
	all := f.living()
	if len(all) == 0 {
		return nil
	}
	return all[n%len(all)]
}

func (f *fire) kill(s step) {
	if w := f.one(s.a); w != nil {
		f.died(w)
		w.Detach()
	}
}

func (f *fire) drain(s step) {
	if w := f.one(s.a); w != nil {
		f.drains(w)
		w.Worker.Drain()
	}
}

func (f *fire) submit(s step) { f.send(s.a, s.b, "") }

func (f *fire) burst(s step) {
	for range 40 { // two of them are more than may wait
		f.send(s.a, s.b, strings.Repeat("x", s.b/16*1000))
	}
}

func (f *fire) send(session, channel int, padding string) {
	match, err := f.registry.Snapshot().Match(channels[channel%len(channels)])
	if err != nil {
		f.reportf("%v", err)
		return
	}
	in := match.Inbound.Options
	c := f.accepted(&cargo{
		session: fmt.Sprint("s", session%3), channel: match.Name, declared: match.Channel.Name(), size: len(padding),
		once:     in.GetDelivery() == hubv1.InboundOptions_DELIVERY_AT_MOST_ONCE,
		deadline: in.GetDeadline().AsDuration(), expires: time.Now().Add(in.GetExpiry().AsDuration()),
	})
	f.service.Submit(dispatch.Message{
		Match: match, ID: c.name, Sender: &hubv1.Sender{Session: c.session}, Payload: &anypb.Any{Value: []byte(padding)},
		Reply: func(err error) { f.told(c, err) },
	})
	f.submitted(c)
}

func (f *fire) tell(s step) {
	kind := hubv1.SessionEventKind(1 + s.a%4)
	c := f.accepted(&cargo{
		session: fmt.Sprint("s", s.b%3), kind: kind, deadline: 10 * time.Second, expires: time.Now().Add(60 * time.Second),
	})
	f.service.Tell(dispatch.Event{Kind: kind, Sender: &hubv1.Sender{Session: c.session}, Cause: c.name})
}

func (f *fire) ask(step) {
	q := f.asks()
	f.asking.Go(func() {
		answer, err := f.service.Decide(context.Background(), &hubv1.Authorize{Channel: q.name})
		f.heard(q, answer, err)
	})
}

func (f *fire) ack(s step) {
	if d := f.open(s.a); d != nil {
		f.acked(d)
		f.check(d.at.Ack(d.id))
	}
}

func (f *fire) acks(s step) {
	for range 20 {
		f.ack(s)
	}
}

func (f *fire) retry(s step) {
	d := f.open(s.a)
	if d == nil {
		return
	}
	nack := &hubv1.Nack{DeliveryId: d.id, Retry: true}
	pause := time.Duration(-1)
	if s.b%2 == 0 {
		pause = min(s.time, 30*time.Second)
		nack.RetryAfter = durationpb.New(s.time) // the hub, too, holds to 30 s
	}
	f.nacked(d, pause)
	f.check(d.at.Nack(nack))
}

func (f *fire) refuse(s step) {
	if d := f.open(s.a); d != nil {
		f.refused(d)
		f.check(d.at.Nack(&hubv1.Nack{DeliveryId: d.id, Public: s.b%2 == 0}))
	}
}

// late answers what was answered, or is late: it must be nothing.
func (f *fire) late(s step) {
	if d := f.closed(s.a); d != nil {
		switch s.b % 3 {
		case 0:
			f.check(d.at.Ack(d.id))
		case 1:
			f.check(d.at.Nack(&hubv1.Nack{DeliveryId: d.id}))
		default:
			f.check(d.at.Nack(&hubv1.Nack{DeliveryId: d.id, Retry: true}))
		}
	}
}

func (f *fire) answer(s step) {
	if w, id := f.question(s.a); w != nil {
		f.check(w.Decide(&hubv1.Decide{QuestionId: id, Allow: true, Message: id}))
	}
}

func (f *fire) sleep(s step) {
	time.Sleep(s.time) // in the bubble
}

func (f *fire) check(err error) {
	if err != nil {
		f.reportf("an honest answer is refused: %v", err)
	}
}

// end has good workers come, who take what is left; then all go, and nothing
// may be left of anything.
func (f *fire) end() {
	f.now = "the good end"
	for _, group := range []string{"a", "b"} {
		w := &soldier{book: f.ledger, group: group, capacity: 4096, channels: covers[0], kinds: wishes[0], decides: true, good: true}
		f.hired(w)
		var err error
		w.Worker, err = f.service.Attach(f.caller, &hubv1.Attach{Group: group, Capacity: 4096, Channels: w.channels, Events: w.kinds, Authorizer: true}, w)
		if err != nil {
			f.reportf("attach: %v", err)
		}
	}
	for _, w := range f.living() {
		if !w.good {
			f.drains(w)
			w.Worker.Drain()
		}
	}
	for range 1000 {
		synctest.Wait()
		f.settled()
		if f.done() {
			break
		}
		for range 50 {
			f.ack(step{})
			f.answer(step{})
		}
		time.Sleep(100 * time.Millisecond) // in the bubble
	}
	f.asking.Wait()
	for _, w := range f.living() {
		if left := f.service.Busy(); w.good && left != "" {
			f.reportf("when all is handled there is left: %s", left)
		}
		f.died(w)
		w.Detach()
	}
	time.Sleep(61 * time.Second) // in the bubble
	synctest.Wait()
	f.complete()
	if n := f.service.Groups(); n != 0 {
		f.reportf("%d groups are left", n)
	}
	if left := f.service.Busy(); left != "" {
		f.reportf("at the end there is left: %s", left)
	}
}

// tally is what the stories were about: a story in which nothing happens proves
// nothing.
type tally struct {
	stories, steps, workers, sent, told, failed, refused, deliveries, again, copies, events, asked, askedAgain int
}

func (a *tally) count(l *ledger, steps int) {
	a.stories++
	a.steps += steps
	a.workers += len(l.workers)
	a.deliveries += len(l.flights)
	for _, c := range l.cargo {
		if c.kind != 0 {
			a.events++
			continue
		}
		a.sent++
		a.copies += c.copies
		if len(c.parts) == 0 {
			a.refused++
		}
		for _, p := range c.parts {
			a.again += max(p.attempts-1, 0)
			if !p.acked && (!c.once || p.attempts == 0) {
				a.failed++
			}
		}
		a.told += c.told
	}
	for _, q := range l.queries {
		a.asked++
		a.askedAgain += max(len(q.puts)-1, 0)
	}
}
