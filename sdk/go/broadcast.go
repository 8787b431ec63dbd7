package hub

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/channel"
)

// defaultTimeout bounds a call whose context has no deadline: a backend that
// forgot one must not hang with its hub.
const defaultTimeout = 10 * time.Second

// The contract's bounds of a request.
const (
	maxID     = 128 // bytes
	maxExcept = 100 // sessions
)

// Broadcaster sends to channels. It is what use cases depend on: [Client] is the
// real one, a test has its own. Use [Broadcast] to call it.
type Broadcaster interface {
	// SendBroadcast sends one message; see [Broadcast] for what it promises.
	SendBroadcast(ctx context.Context, out Outgoing) (Receipt, error)
}

// Outgoing is one message on its way to a channel's subscribers, as [Broadcast]
// hands it to a [Broadcaster].
type Outgoing struct {
	// Channel is the concrete name, as notifications.user.user_42.
	Channel string
	// Declared is the name as declared, as notifications.user.{user_id}.
	Declared string
	// Params are the values of its params, not escaped; nil without any.
	Params channel.Params
	// Payload is the channel's message. It is not changed, and not kept after
	// the call.
	Payload proto.Message
	// ID is the idempotency key, 1–128 bytes. Empty: the Broadcaster makes one.
	ID string
	// ExceptSessions do not get the message live; at most 100.
	ExceptSessions []string
}

// Receipt says that the hub accepted a broadcast.
type Receipt struct {
	// ID is the broadcast's id, which subscribers see, too.
	ID string
	// Position is where the message stands, the first one's where it is a duplicate.
	Position Position
	// Duplicate: the hub had seen the id before on this channel; nothing was sent now.
	Duplicate bool
}

// Position is where a message stands in what its channel keeps. The zero value:
// the channel keeps no history.
type Position struct {
	// Epoch names the history; it changes when that may have been lost.
	Epoch string
	// Offset grows along the channel; it need not be dense.
	Offset uint64
}

// BroadcastOption changes one broadcast.
type BroadcastOption func(*Outgoing)

// WithID names the broadcast: the same id on the same channel within 5 minutes
// is the same broadcast, whatever its payload, and is sent once. Use what names the event in
// your own system, so that a job that runs twice sends once. 1–128 bytes.
// Default: a random one.
func WithID(id string) BroadcastOption {
	return func(out *Outgoing) { out.ID = id }
}

// ExceptSessions leaves out sessions, as the one whose message caused the
// broadcast. For live delivery only: a channel's history keeps the message. At
// most 100 in all. Default: none.
func ExceptSessions(sessions ...string) BroadcastOption {
	return func(out *Outgoing) { out.ExceptSessions = append(out.ExceptSessions, sessions...) }
}

// Broadcast sends message to all subscribers of ch and returns when the hub has
// accepted it: one order for all subscribers where the channel keeps history,
// one per hub elsewhere; none among concurrent calls.
//
// A refusal is an [*Error]: PAYLOAD_INVALID with the violations, CHANNEL_UNKNOWN,
// SCOPE_DENIED and so on. While no hub can be reached (code Unavailable) the call
// is repeated with the same id until ctx ends, or for 10 s without a
// deadline; then the last failure is the error. After that, whether the hub
// accepted it is open: call again with the same id, see [WithID].
func Broadcast[M proto.Message](ctx context.Context, b Broadcaster, ch channel.Of[M], message M, opts ...BroadcastOption) (Receipt, error) {
	if err := ch.Err(); err != nil { // of generated functions, which cannot return it
		return Receipt{}, invalid("CHANNEL_NAME_INVALID", err.Error())
	}
	out := Outgoing{Channel: ch.Name(), Declared: ch.Declared(), Params: ch.Params(), Payload: message}
	for _, opt := range opts {
		opt(&out)
	}
	return b.SendBroadcast(ctx, out)
}

// SendBroadcast implements [Broadcaster]. Prefer [Broadcast], which checks the
// payload's type when it is compiled.
func (c *Client) SendBroadcast(ctx context.Context, out Outgoing) (Receipt, error) {
	request, err := out.request()
	if err != nil {
		return Receipt{}, err
	}
	if _, bounded := ctx.Deadline(); !bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, defaultTimeout)
		defer cancel()
	}
	response, err := persist(ctx, func() (*hubv1.BroadcastResponse, error) {
		return c.broadcasts.Broadcast(ctx, request)
	})
	if err != nil {
		return Receipt{}, err
	}
	return Receipt{
		ID:        response.GetId(),
		Position:  Position{Epoch: response.GetPosition().GetEpoch(), Offset: response.GetPosition().GetOffset()},
		Duplicate: response.GetDuplicate(),
	}, nil
}

// request checks what the hub would refuse without looking at a channel, to
// say it without a round trip; names and rules are the hub's to judge.
func (out *Outgoing) request() (*hubv1.BroadcastRequest, error) {
	switch {
	case out.Channel == "":
		return nil, invalid("REQUEST_INVALID", "the channel is empty: make it with NewChannel or FillChannel")
	case out.Payload == nil || !out.Payload.ProtoReflect().IsValid():
		return nil, invalid("PAYLOAD_MALFORMED", "the payload is nil")
	case len(out.ID) > maxID:
		return nil, invalid("REQUEST_INVALID", fmt.Sprintf("the id has %d bytes; at most %d fit", len(out.ID), maxID))
	case len(out.ExceptSessions) > maxExcept:
		return nil, invalid("REQUEST_INVALID", fmt.Sprintf("%d sessions are excepted; at most %d can be", len(out.ExceptSessions), maxExcept))
	}
	payload, err := anypb.New(out.Payload)
	if err != nil { // required fields of proto2, bad UTF-8
		return nil, invalid("PAYLOAD_MALFORMED", "the payload cannot be encoded: "+err.Error())
	}
	id := out.ID
	if id == "" {
		id = rand.Text() // 26 letters, at least 128 bits: never twice
	}
	return &hubv1.BroadcastRequest{
		Channel:        out.Channel,
		Payload:        &hubv1.BroadcastRequest_Message{Message: payload},
		Id:             id,
		ExceptSessions: out.ExceptSessions,
	}, nil
}

func invalid(reason, message string) *Error {
	return &Error{Code: codes.InvalidArgument, Reason: reason, Message: message}
}
