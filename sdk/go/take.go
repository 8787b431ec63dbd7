package hub

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/channel"
)

const (
	// questionTime is the contract's time for an answer.
	questionTime = 5 * time.Second
	// deliveryTime is the contract's, of events, which do not tell theirs.
	deliveryTime = 10 * time.Second
)

// take gives a frame of the hub its turn. It is the reader's, and never blocks:
// deliveries are bounded by the capacity, questions by the hub's patience.
func (w *worker) take(ctx context.Context, a *attachment, frame *hubv1.HandleResponse) {
	switch f := frame.GetFrame().(type) {
	case *hubv1.HandleResponse_Delivery:
		d := f.Delivery
		w.queue(ctx, a, &w.work, d.GetSender().GetSession()+"\x00"+d.GetChannel(), job{
			until:  deadline(d.GetTimeLeft()),
			handle: func(ctx context.Context) *hubv1.HandleRequest { return w.deliver(ctx, d) },
			otherwise: func() *hubv1.HandleRequest {
				return answerTo(d.GetDeliveryId(), w.exited(ctx, d.GetMessageId()), false)
			},
		})
	case *hubv1.HandleResponse_Event:
		e := f.Event
		w.queue(ctx, a, &w.work, e.GetSender().GetSession(), job{ // one order for all events of a session
			until:  time.Now().Add(deliveryTime),
			handle: func(ctx context.Context) *hubv1.HandleRequest { return w.happen(ctx, e) },
			otherwise: func() *hubv1.HandleRequest {
				return answerTo(e.GetDeliveryId(), w.exited(ctx, e.GetDeliveryId()), false)
			},
		})
	case *hubv1.HandleResponse_Authenticate:
		q := f.Authenticate
		w.queue(ctx, a, &w.questions, q.GetQuestionId(), job{
			until:  time.Now().Add(questionTime),
			handle: func(ctx context.Context) *hubv1.HandleRequest { return w.identify(ctx, q) },
			otherwise: func() *hubv1.HandleRequest {
				return identify(&hubv1.Identify{QuestionId: q.GetQuestionId(), Error: refusalOf(w.exited(ctx, q.GetQuestionId()), false)})
			},
		})
	case *hubv1.HandleResponse_Authorize:
		q := f.Authorize
		w.queue(ctx, a, &w.questions, q.GetQuestionId(), job{
			until:  time.Now().Add(questionTime),
			handle: func(ctx context.Context) *hubv1.HandleRequest { return w.decide(ctx, q) },
			otherwise: func() *hubv1.HandleRequest {
				_ = w.exited(ctx, q.GetQuestionId())
				return decide(Decision{}, q.GetQuestionId())
			},
		})
	default: // of a newer hub; nobody has asked for it
	}
}

func (w *worker) queue(ctx context.Context, a *attachment, t *turns, key string, j job) {
	if a.hold() {
		j.on = a
		t.add(ctx, key, j)
	}
}

// deadline counts from the arrival, a little later than the hub does: what has
// lapsed here has lapsed there.
func deadline(left *durationpb.Duration) time.Time {
	if left == nil {
		return time.Now().Add(deliveryTime)
	}
	return time.Now().Add(left.AsDuration())
}

func (w *worker) deliver(ctx context.Context, d *hubv1.Delivery) *hubv1.HandleRequest {
	m := Inbound{
		Channel: d.GetChannel(), Params: channel.Params(d.GetParams()), ID: d.GetMessageId(), Attempt: int(d.GetAttempt()),
		Sender: sender(d.GetSender()), TraceContext: d.GetTraceContext(),
	}
	found := w.reg.channels.find(d.GetChannel())
	if found == nil {
		err := w.call(ctx, fail(errors.New("no handler for the channel")), nil, m)
		return answerTo(d.GetDeliveryId(), err, false)
	}
	m.Declared = found.declared
	payload, h := found.value.payload.ProtoReflect().New().Interface(), found.value.handle
	if err := d.GetMessage().UnmarshalTo(payload); err != nil {
		err = w.call(ctx, fail(fmt.Errorf("the payload is not the handler's message: %w", err)), nil, m)
		return answerTo(d.GetDeliveryId(), err, false)
	}
	err := w.call(ctx, h, payload, m)
	return answerTo(d.GetDeliveryId(), err, ctx.Err() != nil)
}

func (w *worker) happen(ctx context.Context, e *hubv1.SessionEvent) *hubv1.HandleRequest {
	m := Inbound{Channel: e.GetChannel(), ID: e.GetDeliveryId(), Sender: sender(e.GetSender())}
	err := w.call(ctx, w.reg.onEvent, e, m)
	return answerTo(e.GetDeliveryId(), err, ctx.Err() != nil)
}

func (w *worker) identify(ctx context.Context, q *hubv1.Authenticate) *hubv1.HandleRequest {
	h := w.reg.authenticate
	if h == nil {
		h = fail(errors.New("no authenticator is registered"))
	}
	ctx, identity := withAnswer[*Identity](ctx)
	told := &hubv1.Identify{QuestionId: q.GetQuestionId()}
	if err := w.call(ctx, h, q, Inbound{ID: q.GetQuestionId()}); err != nil {
		told.Error = refusalOf(err, ctx.Err() != nil)
	} else {
		told.Identity = (*identity).proto()
	}
	return identify(told)
}

func (w *worker) decide(ctx context.Context, q *hubv1.Authorize) *hubv1.HandleRequest {
	m := Inbound{Channel: q.GetChannel(), Params: channel.Params(q.GetParams()), ID: q.GetQuestionId(), Sender: sender(q.GetSender())}
	h := fail(errors.New("no authorizer for the channel"))
	if found := w.reg.joins.find(q.GetChannel()); found != nil {
		m.Declared, h = found.declared, found.value
	}
	ctx, decision := withAnswer[Decision](ctx)
	if err := w.call(ctx, h, q, m); err != nil {
		*decision = Decision{}
		if rejection, ok := errors.AsType[*RejectError](err); ok {
			decision.Message = rejection.Message
		}
	}
	return decide(*decision, q.GetQuestionId())
}

// call logs what no Capture has logged.
func (w *worker) call(ctx context.Context, h Handler[proto.Message], in proto.Message, m Inbound) error {
	return capture(ctx, w.log, h, in, m)
}

// exited is the error of a handler that ended its goroutine, as t.FailNow does:
// it returned none, and no Capture saw it.
func (w *worker) exited(ctx context.Context, id string) error {
	w.log.LogAttrs(ctx, slog.LevelError, "handler ended its goroutine", slog.String("message_id", id))
	return errors.New("the handler ended its goroutine")
}

func fail(err error) Handler[proto.Message] {
	return func(context.Context, proto.Message, Inbound) error { return err }
}

func identify(i *hubv1.Identify) *hubv1.HandleRequest {
	return &hubv1.HandleRequest{Frame: &hubv1.HandleRequest_Identify{Identify: i}}
}

func decide(d Decision, question string) *hubv1.HandleRequest {
	return &hubv1.HandleRequest{Frame: &hubv1.HandleRequest_Decide{Decide: d.proto(question)}}
}

func sender(s *hubv1.Sender) Sender {
	return Sender{Session: s.GetSession(), UserID: s.GetUserId(), Roles: s.GetRoles(), Attributes: s.GetAttributes()}
}
