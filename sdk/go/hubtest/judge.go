package hubtest

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"buf.build/go/protovalidate"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/schema"
	hub "github.com/realtime-hub/hub/sdk/go"
)

// The contract's bounds of a request, which the SDK's client checks itself.
const (
	maxID     = 128 // bytes
	maxExcept = 100 // sessions
)

// judge says what a client and its hub would, in their order: the client looks
// at the request, the hub at the request, the name and the payload.
func (r *Recorder) judge(out hub.Outgoing) (schema.Match, error) {
	switch {
	case out.Channel == "":
		return schema.Match{}, invalid("REQUEST_INVALID", "the channel is empty: make it with NewChannel or FillChannel")
	case out.Payload == nil || !out.Payload.ProtoReflect().IsValid():
		return schema.Match{}, invalid("PAYLOAD_MALFORMED", "the payload is nil")
	case len(out.ID) > maxID:
		return schema.Match{}, invalid("REQUEST_INVALID", fmt.Sprintf("the id has %d bytes; at most %d fit", len(out.ID), maxID))
	case len(out.ExceptSessions) > maxExcept:
		return schema.Match{}, invalid("REQUEST_INVALID",
			fmt.Sprintf("%d sessions are excepted; at most %d can be", len(out.ExceptSessions), maxExcept))
	}
	payload, err := anypb.New(out.Payload)
	if err != nil {
		return schema.Match{}, invalid("PAYLOAD_MALFORMED", "the payload cannot be encoded: "+err.Error())
	}
	if err := wellFormed(&hubv1.BroadcastRequest{
		Channel: out.Channel, Payload: &hubv1.BroadcastRequest_Message{Message: payload}, Id: out.ID, ExceptSessions: out.ExceptSessions,
	}); err != nil {
		return schema.Match{}, err
	}
	match, err := r.channels.Match(out.Channel)
	if err == nil {
		_, err = match.Payload.FromAny(payload)
	}
	return match, refusal(err)
}

// wellFormed holds a request to its own rules, those of hub/v1/broadcast.proto.
func wellFormed(request *hubv1.BroadcastRequest) error {
	err := protovalidate.Validate(request)
	broken, ok := errors.AsType[*protovalidate.ValidationError](err)
	if !ok {
		return err
	}
	e := invalid("REQUEST_INVALID", "")
	var texts []string
	for _, v := range schema.Violations(broken) {
		e.Violations = append(e.Violations, hub.Violation(v))
		texts = append(texts, v.String())
	}
	e.Message = strings.Join(texts, "; ")
	return e
}

func invalid(reason, message string) *hub.Error {
	return &hub.Error{Code: codes.InvalidArgument, Reason: reason, Message: message}
}

// refusal is a fault of the hub's as its backend reads it.
func refusal(err error) error {
	fault, ok := errors.AsType[interface {
		error
		Proto() *hubv1.Error
	}](err)
	if !ok {
		return err
	}
	told := fault.Proto()
	e := &hub.Error{Reason: told.GetReason(), Message: told.GetMessage(), Retryable: told.GetRetryable()}
	if err := e.Code.UnmarshalJSON(strconv.AppendQuote(nil, told.GetCode())); err != nil {
		e.Code = codes.Unknown
	}
	for _, v := range told.GetViolations() {
		e.Violations = append(e.Violations, hub.Violation{Field: v.GetField(), Rule: v.GetRule(), Message: v.GetMessage()})
	}
	return e
}

// hint says what the payload's own declaration has to do with a refusal: a
// message on another's channel is the mistake that its text alone does not show.
func hint(out hub.Outgoing) string {
	if out.Payload == nil {
		return ""
	}
	m := out.Payload.ProtoReflect().Descriptor()
	options, _ := proto.GetExtension(m.Options(), hubv1.E_Channel).(*hubv1.ChannelOptions)
	switch {
	case options == nil:
		return fmt.Sprintf(" (%s declares no channel: it has no option (hub.v1.channel))", m.FullName())
	case options.GetName() != out.Declared:
		return fmt.Sprintf(" (%s declares the channel %s)", m.FullName(), options.GetName())
	}
	return ""
}
