package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/realtime-hub/hub/hub/internal/fault"
)

// maxDepth bounds how deep a payload nests. Nobody means more, and each level
// costs the parsers stack.
const maxDepth = 100

// Input is refused before it is parsed beyond inputFactor times the limit of
// canonical JSON and inputSlack: white space, escapes, spelled-out numbers and
// binary doubles may be that much longer than what they mean.
const (
	inputFactor = 4
	inputSlack  = 1 << 10
)

// Message is the type of payloads. It is safe for concurrent use.
type Message struct {
	desc  protoreflect.MessageDescriptor
	rules *rules
}

// Payload is a message that keeps its rules. It is shared: read-only.
type Payload struct {
	// Message is the payload as protobuf.
	Message proto.Message
	// JSON is canonical ProtoJSON on one line without white space, default
	// values present. The same message has the same bytes.
	JSON []byte
}

// Name is the message's full name.
func (m *Message) Name() protoreflect.FullName { return m.desc.FullName() }

// Descriptor describes the message.
func (m *Message) Descriptor() protoreflect.MessageDescriptor { return m.desc }

// FromJSON reads a payload from ProtoJSON. Unknown fields, duplicate keys, bad
// UTF-8 and anything after the object are PAYLOAD_MALFORMED; what breaks a
// rule is PAYLOAD_INVALID, with a violation for each; canonical JSON beyond
// the limit is PAYLOAD_TOO_LARGE.
func (m *Message) FromJSON(data []byte) (Payload, error) {
	if err := m.checkInput(len(data)); err != nil {
		return Payload{}, err
	}
	if first := bytes.TrimLeft(data, " \t\r\n"); len(first) == 0 || first[0] != '{' {
		return Payload{}, fault.New(fault.PayloadMalformed, "a payload is a JSON object", "message", m.Name())
	}
	message := dynamicpb.NewMessage(m.desc)
	err := protojson.UnmarshalOptions{Resolver: m.rules.types, RecursionLimit: maxDepth}.Unmarshal(data, message)
	if err != nil {
		return Payload{}, m.malformed(JSONProblem(err))
	}
	return m.finish(message)
}

// FromAny reads a payload from its binary form. Another type, a type URL
// without one, unknown fields at any depth and what is not the message's wire
// form are PAYLOAD_MALFORMED; else as FromJSON.
func (m *Message) FromAny(a *anypb.Any) (Payload, error) {
	if a.GetTypeUrl() == "" {
		return Payload{}, m.malformed(fmt.Sprintf("the message has no type; it must be %s", m.Name()))
	}
	if name := a.MessageName(); name != m.Name() {
		return Payload{}, m.malformed(fmt.Sprintf("the message is a %q; it must be %s", truncate(a.GetTypeUrl(), maxFullName), m.Name()))
	}
	if err := m.checkInput(len(a.GetValue())); err != nil {
		return Payload{}, err
	}
	message := dynamicpb.NewMessage(m.desc)
	if err := m.rules.unmarshal(a.GetValue(), message, 1); err != nil {
		return Payload{}, m.malformed(fmt.Sprintf("the bytes are no %s: %s", m.Name(), JSONProblem(err)))
	}
	return m.finish(message)
}

// unmarshal decodes what depth-1 messages are around.
func (r *rules) unmarshal(data []byte, into proto.Message, depth int) error {
	if err := r.checkWire(into.ProtoReflect().Descriptor(), data, depth); err != nil {
		return err
	}
	return proto.UnmarshalOptions{Resolver: r.types, RecursionLimit: maxDepth}.Unmarshal(data, into)
}

func (m *Message) checkInput(size int) error {
	if limit := inputFactor*m.rules.limit + inputSlack; size > limit {
		return fault.New(fault.PayloadTooLarge, fmt.Sprintf("the payload has %d bytes; at most %d are allowed as canonical JSON", size, m.rules.limit), "message", m.Name())
	}
	return nil
}

func (m *Message) malformed(text string) error {
	return fault.New(fault.PayloadMalformed, text, "message", m.Name())
}

// finish inspects, encodes and judges what was parsed. The size comes before
// the rules: their cost may grow faster than the payload.
func (m *Message) finish(message proto.Message) (Payload, error) {
	look := inspection{rules: m.rules}
	switch err := look.message(message.ProtoReflect(), 1); {
	case errors.Is(err, errBeyondLimit):
		return Payload{}, fault.New(fault.PayloadTooLarge, fmt.Sprintf("the payload is larger than the %d bytes that are allowed as canonical JSON", m.rules.limit), "message", m.Name())
	case err != nil:
		return Payload{}, m.malformed(err.Error())
	}
	spaced, err := protojson.MarshalOptions{EmitDefaultValues: true, Resolver: m.rules.types}.Marshal(message)
	if err != nil {
		return Payload{}, m.malformed(JSONProblem(err))
	}
	// protojson adds white space that differs between builds, so that nobody
	// relies on its bytes; the hub's ids of payloads do.
	compact := bytes.NewBuffer(make([]byte, 0, len(spaced)))
	if err := json.Compact(compact, spaced); err != nil {
		return Payload{}, fmt.Errorf("compact %s: %w", m.Name(), err)
	}
	if size := compact.Len(); size > m.rules.limit {
		return Payload{}, fault.New(fault.PayloadTooLarge, fmt.Sprintf("the payload has %d bytes as canonical JSON; at most %d are allowed", size, m.rules.limit), "message", m.Name())
	}
	broken, err := judge(m.rules.validator, message)
	if err != nil {
		// As with a rule that divides by a field: the payload does not keep it.
		return Payload{}, fault.Wrap(err, fault.PayloadInvalid, fmt.Sprintf("a rule of %s could not be evaluated on this payload", m.Name()))
	}
	if len(broken) > 0 {
		return Payload{}, fault.Invalid(fault.PayloadInvalid, broken, "message", m.Name())
	}
	return Payload{Message: message, JSON: compact.Bytes()}, nil
}

// cleanProto takes Go's protobuf off an error's text: its prefix, which comes
// with one of two kinds of space.
func cleanProto(text string) string {
	return strings.NewReplacer("proto:\u00a0", "", "proto: ", "").Replace(text)
}
