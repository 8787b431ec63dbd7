package bridge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

const (
	// The pause of an event that is held doubles from the first to the longest; a
	// random part of up to a half keeps many bridges from coming back in step.
	firstPause   = 50 * time.Millisecond
	longestPause = 2 * time.Second
	// sending bounds one attempt to broadcast, within which the SDK itself looks
	// for a hub that is away. Short, because Run's end waits for it.
	sending = 5 * time.Second
	// working bounds a mapper's call, and a publisher's.
	working = 10 * time.Second
	// doubting is how long an event waits for what may not pass.
	doubting = 30 * time.Second
)

// Outcome is what became of an event.
type Outcome string

const (
	// Forwarded is that the hub accepted all that the mapper made of it.
	Forwarded Outcome = "forwarded"
	// Skipped is that the mapper made nothing of it.
	Skipped Outcome = "skipped"
	// DeadLettered is that it can never pass, and was set aside.
	DeadLettered Outcome = "dead_lettered"
	// Returned is that the bridge stopped before it was through; the bus delivers it again.
	Returned Outcome = "returned"
)

// Result is what [Watch] is told of an event.
type Result struct {
	// Topic is the event's.
	Topic string
	// ID is the event's.
	ID string
	// Outcome is what became of it.
	Outcome Outcome
	// Reason is why, of DeadLettered and Returned, as in [DeadReason]; few values.
	Reason string
	// Duplicates are the broadcasts that the hub had seen before.
	Duplicates int
	// Took is the time since the bus offered it.
	Took time.Duration
}

// delivery is one event on its way.
type delivery struct {
	*Bridge

	// static
	route *route
	msg   *message.Message
	event Event
	log   *slog.Logger

	// owned by handle
	duplicates int
}

// handle brings one event through, or says why Run has to end. ctx ends when
// Run is told to, work when it loses patience.
func (b *Bridge) handle(ctx, work context.Context, r *route, msg *message.Message) error {
	began := time.Now()
	d := &delivery{Bridge: b, route: r, msg: msg, event: Event{Topic: r.topic, ID: b.eventID(msg), Metadata: msg.Metadata}}
	d.log = b.log.With(slog.String("topic", r.topic), slog.String("event_id", d.event.ID))
	work, cancel := d.context(work)
	defer cancel()

	outcome, o := d.forward(ctx, work)
	if o != nil && o.verdict == bury && b.dead != nil {
		outcome = DeadLettered
		if failed := d.bury(ctx, work, o); failed != nil {
			outcome, o = Returned, failed
		}
	}
	result := Result{Topic: r.topic, ID: d.event.ID, Outcome: outcome, Duplicates: d.duplicates}
	if o != nil {
		result.Reason = o.reason
	}
	if outcome == Returned {
		msg.Nack()
		d.log.LogAttrs(work, slog.LevelWarn, "event returned", slog.String("reason", o.reason), slog.String("error", o.err.Error()))
	} else {
		msg.Ack()
	}
	if outcome == Returned || ctx.Err() != nil {
		settle(msg)
	}
	result.Took = time.Since(began)
	if b.watch != nil {
		b.watch(result)
	}
	return d.failure(outcome, o)
}

// failure is why Run has to end, if it has to.
func (d *delivery) failure(outcome Outcome, o *obstacle) error {
	switch {
	case outcome != Returned || o.verdict == giveBack:
		return nil
	case o.verdict == bury:
		return fmt.Errorf("bridge: Run: topic %q, event %q can never pass (%s): %w; give New the option DeadLetters to set such events aside",
			d.event.Topic, d.event.ID, o.reason, o.err)
	default:
		return fmt.Errorf("bridge: Run: topic %q, event %q: %w", d.event.Topic, d.event.ID, o.err)
	}
}

// context has the message's values and the event's trace, where the bus' own
// middleware has not begun a span already. The message's end does not count: a
// bus that loses patience delivers the event again, but behind its successors.
func (d *delivery) context(work context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(d.msg.Context()))
	unlink := context.AfterFunc(work, cancel)
	if !trace.SpanContextFromContext(ctx).IsValid() {
		ctx = propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier(d.event.Metadata))
	}
	return ctx, func() { unlink(); cancel() }
}

// forward maps the event and sends what comes of it.
func (d *delivery) forward(ctx, work context.Context) (Outcome, *obstacle) {
	if d.event.ID == "" {
		return Returned, dead(reasonNoID, errors.New("the event has no id, without which a redelivery is another event: see IDFrom"))
	}
	var out Broadcasts
	o := d.persist(ctx, work, working, func(ctx context.Context) (o *obstacle) {
		out, o = d.route.protect(ctx, d.msg.Payload, d.event)
		return o
	})
	if o != nil {
		return Returned, o
	}
	seen := map[string]int{} // by channel
	for _, next := range out {
		o := d.persist(ctx, work, sending, func(ctx context.Context) *obstacle { return d.send(ctx, next, seen[next.out.Channel]) })
		if o != nil {
			return Returned, o
		}
		seen[next.out.Channel]++
	}
	if len(out) == 0 {
		return Skipped, nil
	}
	return Forwarded, nil
}

// send is one attempt to broadcast. before are the event's broadcasts on the
// channel that were sent already.
func (d *delivery) send(ctx context.Context, next Broadcast, before int) *obstacle {
	if next.err != nil {
		return refusal(next.out.Channel, next.err)
	}
	out := next.out
	if out.ID == "" {
		out.ID = d.event.ID
		if before > 0 {
			out.ID = fit(fmt.Sprintf("%s#%d", d.event.ID, before+1))
		}
	}
	receipt, err := d.hub.SendBroadcast(ctx, out)
	if receipt.Duplicate {
		d.duplicates++
	}
	o := refusal(out.Channel, err)
	if o != nil && ctx.Err() != nil {
		o.verdict = hold // the attempt was ended, not refused
	}
	return o
}

// bury publishes the event where dead ones are.
func (d *delivery) bury(ctx, work context.Context, why *obstacle) *obstacle {
	attrs := []slog.Attr{
		slog.String("reason", why.reason), slog.String("error", why.err.Error()),
		slog.String("channel", why.channel), slog.String("dead_letters", d.deadTopic),
	}
	if why.stack != nil {
		attrs = append(attrs, slog.String("stack", string(why.stack)))
	}
	d.log.LogAttrs(work, slog.LevelError, "event is dead", attrs...)
	return d.persist(ctx, work, working, func(ctx context.Context) *obstacle {
		if err := d.dead.Publish(d.deadTopic, letter(ctx, d.msg, d.event, why)); err != nil {
			return &obstacle{verdict: hold, reason: why.reason, err: fmt.Errorf("publishing it on the dead-letter topic %q: %w", d.deadTopic, err)}
		}
		return nil
	})
}

// persist repeats an attempt while the event is to be held. When ctx ends, the
// first attempt has its time; whoever failed before is not waited for: the event
// is not acked, so that ending an attempt loses nothing.
func (d *delivery) persist(ctx, work context.Context, limit time.Duration, attempt func(context.Context) *obstacle) *obstacle {
	began, pause := time.Now(), firstPause
	for n := 1; ; n++ {
		patient := ctx
		if n == 1 {
			patient = work
		}
		o := within(patient, work, limit, attempt)
		if o == nil {
			if n > 1 {
				d.log.LogAttrs(work, slog.LevelInfo, "held event goes on", slog.Int("attempts", n), slog.Duration("held", time.Since(began)))
			}
			return nil
		}
		if o.verdict == doubt && time.Since(began) >= doubting {
			o.verdict = bury
		}
		if o.verdict != hold && o.verdict != doubt {
			return o
		}
		level := slog.LevelWarn
		if pause == longestPause {
			level = slog.LevelDebug // said often enough
		}
		again := max(pause/2+rand.N(pause/2+1), o.after) //nolint:gosec // spreads load, guards nothing
		d.log.LogAttrs(work, level, "event held", slog.String("reason", o.reason), slog.String("error", o.err.Error()),
			slog.String("channel", o.channel), slog.Duration("in", again))
		if !wait(ctx, again) {
			o.verdict = giveBack
			return o
		}
		pause = min(2*pause, longestPause)
	}
}

// within is an attempt that has the values of work, and ends with patient or
// after the limit.
func within(patient, work context.Context, limit time.Duration, attempt func(context.Context) *obstacle) *obstacle {
	work, cancel := context.WithTimeout(work, limit)
	defer cancel()
	defer context.AfterFunc(patient, cancel)()
	return attempt(work)
}

// wait tells whether the pause was over before ctx.
func wait(ctx context.Context, pause time.Duration) bool {
	if ctx.Err() != nil {
		return false
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
