package socketio

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/engine"
	"github.com/realtime-hub/hub/hub/internal/fault"
	"github.com/realtime-hub/hub/hub/internal/wire"
	"github.com/realtime-hub/hub/hub/schema"
)

// request is one event of a browser, to be answered by its ack, or by
// hub:error when it failed and has none.
type request struct {
	*conn

	call    call
	ack     string // the ack id; empty where none is asked for
	channel string // the concrete channel it is about, as far as known
}

// event handles an EVENT packet.
func (c *conn) event(ctx context.Context, p packet) {
	call, err := parseCall(p.data)
	if err != nil {
		c.violate("an event that is not a JSON array with a name")
		return
	}
	r := &request{conn: c, call: call, ack: p.ack}
	err = r.handle(ctx)
	c.door.cfg.Metrics.countRequest(call.name, err)
	if err != nil {
		r.fail(err)
	}
}

// refuseBinary answers a packet with attachments.
func (c *conn) refuseBinary(p packet) {
	r := &request{conn: c, ack: p.ack}
	if call, err := parseCall(p.data); err == nil {
		r.call = call
	}
	r.fail(fault.New(fault.RequestInvalid, "binary attachments are not carried; send JSON, bytes as base64"))
}

func (r *request) handle(ctx context.Context) error {
	switch name := r.call.name; {
	case name == "hub:subscribe":
		return r.subscribe(ctx)
	case name == "hub:unsubscribe":
		return r.unsubscribe()
	case name == "hub:presence":
		return r.presence(ctx)
	case name == "hub:history":
		return r.history(ctx)
	case name == "hub:refresh":
		return r.refresh(ctx)
	case strings.HasPrefix(name, "hub:"):
		return fault.New(fault.RequestInvalid, "unknown event; the hub's are hub:subscribe, hub:unsubscribe, hub:presence, hub:history and hub:refresh", "event", name)
	default:
		return r.inbound(ctx)
	}
}

func (r *request) subscribe(ctx context.Context) error {
	var args hubv1.SubscribeArguments
	if err := r.arguments(&args); err != nil {
		return err
	}
	r.channel = args.GetChannel()
	had := r.door.cfg.Subscriptions.Holds(r.session, r.channel)
	until, err := r.door.cfg.Subscriptions.Join(ctx, r.session, &args, func(result *hubv1.SubscribeResult, replay []*engine.Publication) {
		frames := make([]*wire.Frame, len(replay))
		for i, p := range replay {
			frames[i] = publicationFrame(p)
		}
		r.out.Replay(result.GetChannel(), frames, r.ackFrames(result)...)
	})
	if err == nil {
		r.permit(r.channel, until)
	}
	if err == nil && !had {
		r.tell(hubv1.SessionEventKind_SESSION_EVENT_KIND_SUBSCRIBED, r.channel, "")
	}
	return err
}

func (r *request) unsubscribe() error {
	var args hubv1.UnsubscribeArguments
	if err := r.arguments(&args); err != nil {
		return err
	}
	r.channel = args.GetChannel()
	had := r.door.cfg.Subscriptions.Holds(r.session, r.channel)
	err := r.door.cfg.Subscriptions.Leave(r.session, args.GetChannel(), func(result *hubv1.UnsubscribeResult) {
		r.out.Leave(result.GetChannel(), r.ackFrames(result)...)
	})
	if err == nil && had {
		r.tell(hubv1.SessionEventKind_SESSION_EVENT_KIND_UNSUBSCRIBED, r.channel, "unsubscribed")
	}
	return err
}

// readable is the channel that a request to read is about, if the session may join
// it. The gate comes first: who may not join learns nothing of the declaration.
func (r *request) readable(ctx context.Context, args interface {
	proto.Message
	GetChannel() string
},
) (schema.Match, error) {
	if err := r.arguments(args); err != nil {
		return schema.Match{}, err
	}
	r.channel = args.GetChannel()
	match, err := r.door.cfg.Schema.Snapshot().Match(r.channel)
	if err != nil {
		return schema.Match{}, err
	}
	_, err = r.door.cfg.Gate.Join(ctx, r.session.Identity(), match)
	return match, err
}

// arguments decodes the request's only argument: an object, or for its channel
// alone a string.
func (r *request) arguments(into proto.Message) error {
	if len(r.call.args) != 1 {
		return fault.New(fault.RequestInvalid, r.call.name+" takes one argument and an ack", "arguments", len(r.call.args))
	}
	arg := r.call.args[0]
	if arg[0] == '"' {
		object, err := json.Marshal(map[string]json.RawMessage{"channel": arg})
		if err != nil {
			return fault.Wrap(err, fault.RequestInvalid, r.call.name+": the argument is not a string")
		}
		arg = object
	}
	return decode(r.call.name, arg, into)
}

// decode reads one of the hub's own objects, and holds it against its rules.
func decode(what string, arg []byte, into proto.Message) error {
	if err := (protojson.UnmarshalOptions{RecursionLimit: maxArgumentDepth}).Unmarshal(arg, into); err != nil {
		return fault.New(fault.RequestInvalid, what+": "+schema.JSONProblem(err))
	}
	err := rules().Validate(into)
	if broken, ok := errors.AsType[*protovalidate.ValidationError](err); ok {
		return fault.Invalid(fault.RequestInvalid, schema.Violations(broken))
	}
	return err
}

// rules validates what requests have as arguments. The rules are compiled at
// once when the door is made, not when the first browser waits for its ack.
var rules = sync.OnceValue(func() protovalidate.Validator { //nolint:gochecknoglobals // of constant messages
	v, err := protovalidate.New(protovalidate.WithDisableLazy(), protovalidate.WithMessages(
		&hubv1.SubscribeArguments{}, &hubv1.UnsubscribeArguments{}, &hubv1.PresenceArguments{},
		&hubv1.HistoryArguments{}, &hubv1.RefreshArguments{}, &hubv1.InboundMeta{},
	))
	if err != nil {
		panic("the rules of the hub's own requests do not compile: " + err.Error())
	}
	return v
})

// maxArgumentDepth is above what any control object has.
const maxArgumentDepth = 8

func (r *request) ackFrames(result proto.Message) []*wire.Frame {
	if r.ack == "" {
		return nil
	}
	return []*wire.Frame{ackFrame(r.ack, result)}
}

// fail tells the browser that its request failed, and why.
func (r *request) fail(err error) {
	why := fault.Of(err)
	if why.Reason == fault.Internal {
		r.door.cfg.Log.Error("a request of a session failed", "session", r.session.ID, "event", r.call.name, "error", err)
	}
	if r.ack != "" {
		r.out.Send(ackFrame(r.ack, &hubv1.ErrorResult{Error: why.Proto()}))
		return
	}
	failure := &hubv1.Failure{Event: clip(r.call.name), Error: why.Proto()}
	if r.channel != "" {
		failure.Channel = new(clip(r.channel))
	}
	r.failures.add(failure)
	r.tellFailures()
}
