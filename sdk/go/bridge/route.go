package bridge

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"github.com/realtime-hub/hub/hub/channel"
	hub "github.com/realtime-hub/hub/sdk/go"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// Event is what is known of an event beside its payload.
type Event struct {
	// Topic is where it was published.
	Topic string
	// ID names it, the same at every delivery; see [IDFrom]. One of more than 128
	// bytes is replaced by its hash.
	ID string
	// Metadata is the message's: the bus' headers. Not to be changed.
	Metadata map[string]string
}

// Mapper says what browsers are told of an event: nothing (nil), one broadcast
// ([To]) or several (appended). It is called again for an event that comes
// again, and then has to say the same in the same order.
//
// [hub.Retry] asks to be called again with the event, after its pause or the
// bridge's own, for as long as it takes. Any other error and a panic are final: the
// event is dead. The context ends after 10 s; an error of a mapper whose context
// has ended is a Retry. It has the event's W3C trace context.
type Mapper[E any] func(ctx context.Context, ev E, m Event) (Broadcasts, error)

// Broadcasts are what browsers are told of one event. They are sent in their
// order; the first that the hub refuses makes the event dead, whatever was sent before.
type Broadcasts []Broadcast

// Broadcast is one message for one channel. [To] makes it.
type Broadcast struct {
	out hub.Outgoing
	err error
}

// Outgoing is what will be sent, for tests of a mapper. The error is a channel's
// name that is none, as at [hub.Broadcast]; then the event will be dead.
func (b Broadcast) Outgoing() (hub.Outgoing, error) { return b.out, b.err }

// To is a broadcast of payload on ch; a payload of another type does not
// compile. Its id is the event's; a second one on the same channel has #2
// appended, and so on. [hub.WithID] says another: it has to be the same
// whenever the event comes again.
func To[M proto.Message](ch channel.Of[M], payload M, opts ...hub.BroadcastOption) Broadcasts {
	if err := ch.Err(); err != nil { // as hub.Broadcast says it
		return Broadcasts{{err: &hub.Error{Code: codes.InvalidArgument, Reason: "CHANNEL_NAME_INVALID", Message: err.Error()}}}
	}
	out := hub.Outgoing{Channel: ch.Name(), Declared: ch.Declared(), Params: ch.Params(), Payload: payload}
	for _, opt := range opts {
		opt(&out)
	}
	return Broadcasts{{out: out}}
}

// Decoder makes an event of a message's payload. An error is final: the event is dead.
type Decoder[E any] func(payload []byte, m Event) (E, error)

// RouteOption changes how one topic is forwarded.
type RouteOption[E any] func(*routing[E])

type routing[E any] struct {
	decode Decoder[E]
}

// Decode reads the topic's payloads with d. Default: [Protobuf] where E is a
// protobuf message, [JSON] elsewhere.
func Decode[E any](d Decoder[E]) RouteOption[E] {
	return func(r *routing[E]) { r.decode = d }
}

// Forward lists a topic: its events are decoded as E, and what the mapper makes
// of them is broadcast. A second mapper of one topic, a missing one, and a bridge
// that runs already are errors: mistakes in the program. [Bridge.Run] refuses a
// bridge with a mistake, so that none is lost where the error is not looked at.
func Forward[E any](b *Bridge, topic string, mapper Mapper[E], opts ...RouteOption[E]) error {
	r := routing[E]{decode: decoder[E]()}
	mistake := error(nil)
	for _, opt := range opts {
		if opt == nil {
			mistake = errors.New("an option is nil")
			continue
		}
		opt(&r)
	}
	switch {
	case topic == "":
		mistake = errors.New("the name is empty")
	case mapper == nil:
		mistake = errors.New("the mapper is nil")
	case reflect.TypeFor[E]().Kind() == reflect.Interface:
		mistake = fmt.Errorf("the event's type %v is an interface: name the type that is published", reflect.TypeFor[E]())
	case !isMessage[E]() && isMessage[*E]():
		mistake = fmt.Errorf("the event's type is %v, which is no message: *%[1]v is", reflect.TypeFor[E]())
	case mistake == nil && r.decode == nil:
		mistake = errors.New("Decode: the decoder is nil")
	}
	return b.add(&route{topic: topic, translate: func(ctx context.Context, payload []byte, m Event) (Broadcasts, *obstacle) {
		ev, err := r.decode(payload, m)
		if err != nil {
			return nil, dead(reasonMalformed, fmt.Errorf("the payload is no %v: %w", reflect.TypeFor[E](), err))
		}
		out, err := mapper(ctx, ev, m)
		return out, mapping(ctx, err)
	}}, mistake)
}

// route is a topic that is forwarded.
type route struct {
	topic     string
	translate func(ctx context.Context, payload []byte, m Event) (Broadcasts, *obstacle)
}

// isMessage tells whether E is a protobuf message.
func isMessage[E any]() bool {
	return reflect.TypeFor[E]().Implements(reflect.TypeFor[proto.Message]())
}

// decoder is the one for E.
func decoder[E any]() Decoder[E] {
	if !isMessage[E]() {
		return JSON[E]
	}
	return func(payload []byte, _ Event) (E, error) {
		return fill[E](func(m proto.Message) error { return proto.Unmarshal(payload, m) })
	}
}

// Protobuf is a [Decoder] of protobuf's binary form. Fields that the program
// does not know are ignored: who publishes may be newer.
func Protobuf[E proto.Message](payload []byte, _ Event) (E, error) {
	return fill[E](func(m proto.Message) error { return proto.Unmarshal(payload, m) })
}

// ProtoJSON is a [Decoder] of protobuf's JSON form. Fields that the program does
// not know are ignored.
func ProtoJSON[E proto.Message](payload []byte, _ Event) (E, error) {
	return fill[E](func(m proto.Message) error {
		return protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(payload, m)
	})
}

// fill makes a message of the type E.
func fill[E any](unmarshal func(proto.Message) error) (E, error) {
	var none E
	typed, ok := any(none).(proto.Message)
	if !ok { // an interface, which Forward refuses
		return none, fmt.Errorf("%v is no protobuf message", reflect.TypeFor[E]())
	}
	m := typed.ProtoReflect().Type().New().Interface()
	if err := unmarshal(m); err != nil {
		return none, err
	}
	ev, _ := m.(E) // a type's New is of the type
	return ev, nil
}

// JSON is a [Decoder] for encoding/json. Fields that the program does not know
// are ignored; null is an error.
func JSON[E any](payload []byte, _ Event) (E, error) {
	var ev E
	if bytes.Equal(bytes.TrimSpace(payload), []byte("null")) {
		return ev, errors.New("it is null")
	}
	err := json.Unmarshal(payload, &ev)
	return ev, err
}
