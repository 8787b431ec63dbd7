package socketio

import (
	"context"
	"crypto/rand"

	"golang.org/x/time/rate"
	"google.golang.org/protobuf/types/known/anypb"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/dispatch"
	"github.com/realtime-hub/hub/hub/internal/fault"
	"github.com/realtime-hub/hub/hub/internal/session"
	"github.com/realtime-hub/hub/hub/schema"
)

// inbound handles a message on a channel: does it take messages (gate 3), may
// this session send so many of them (gate 4), and is it one? What passes goes
// to the workers, whose word comes later.
func (r *request) inbound(ctx context.Context) error {
	r.channel = r.call.name
	match, err := r.door.cfg.Schema.Snapshot().Match(r.channel)
	if err != nil {
		return err
	}
	if match.Inbound == nil {
		return fault.New(fault.InboundNotAccepted, "the channel takes no messages from browsers", "channel", match.Name)
	}
	if err := r.maySend(ctx, match); err != nil {
		return err
	}
	if !r.allowed(match) {
		return fault.New(fault.RateLimited, "more messages than the channel takes of one session; send slower", "channel", match.Name)
	}
	message, err := r.message(match)
	if err != nil {
		return err
	}
	message.Reply = func(err error) { r.replied(message.ID, err) }
	r.door.cfg.Dispatch.Submit(message)
	return nil
}

// maySend is gate 4. Where a worker decides who joins, its word counts for
// sending too, as long as the session is subscribed.
func (r *request) maySend(ctx context.Context, match schema.Match) error {
	if match.Inbound.Options.GetScope().GetHandler() == nil {
		return r.door.cfg.Gate.Send(ctx, r.session.Identity(), match)
	}
	if !r.door.cfg.Subscriptions.Holds(r.session, match.Name) {
		return fault.New(fault.ScopeDenied, "subscribe to the channel first: its backend decides who may", "channel", match.Name)
	}
	return nil
}

// message is the request as workers get it.
func (r *request) message(match schema.Match) (dispatch.Message, error) {
	if n := len(r.call.args); n != 1 && n != 2 {
		return dispatch.Message{}, fault.New(fault.RequestInvalid, "a message has a payload, and perhaps {id, traceContext}", "arguments", n)
	}
	var meta hubv1.InboundMeta
	if len(r.call.args) == 2 {
		if err := decode("the second argument", r.call.args[1], &meta); err != nil {
			return dispatch.Message{}, err
		}
	}
	id := meta.GetId()
	if id == "" {
		id = rand.Text()
	}
	payload, err := match.Inbound.Message.FromJSON(r.call.args[0])
	if err != nil {
		return dispatch.Message{}, err
	}
	body, err := anypb.New(payload.Message)
	if err != nil {
		return dispatch.Message{}, err
	}
	return dispatch.Message{Match: match, ID: id, Sender: r.session.Sender(), Payload: body, Trace: meta.GetTraceContext()}, nil
}

// replied hears what became of a message, from any goroutine.
func (r *request) replied(id string, err error) {
	switch {
	case err == nil && r.ack == "":
	case err == nil:
		r.out.Send(ackFrame(r.ack, &hubv1.InboundResult{Ok: true, Id: id}))
	case r.ack != "":
		r.fail(err)
	default: // the failures are the inbox's
		r.inbox.Submit(session.Func(func() { r.guarded(func() { r.fail(err) }) }), nil)
	}
}

// tell tells workers that want to know what happened to the session.
func (c *conn) tell(kind hubv1.SessionEventKind, channel, cause string) {
	if c.door.cfg.Dispatch == nil || !c.door.cfg.Dispatch.Wants(kind) {
		return
	}
	event := dispatch.Event{Kind: kind, Sender: c.session.Sender(), Channel: channel, Cause: cause}
	if channel != "" {
		match, err := c.door.cfg.Schema.Snapshot().Match(channel)
		if err != nil {
			return // not declared any more: no token covers it
		}
		event.Declared = match.Channel.Name()
	}
	c.door.cfg.Dispatch.Tell(event)
}

// allowed takes a message from the channel's bucket, which is made when it is
// first needed: most sessions send nothing.
func (c *conn) allowed(match schema.Match) bool {
	declared := match.Channel.Name()
	limiter := c.rates[declared]
	if limiter == nil {
		r := match.Inbound.Options.GetRate()
		limiter = rate.NewLimiter(rate.Limit(r.GetPerSecond()), int(r.GetBurst()))
		if c.rates == nil {
			c.rates = make(map[string]*rate.Limiter)
		}
		c.rates[declared] = limiter
	}
	return limiter.Allow()
}
