package plugin

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/schema"
)

// What a declaration says, in lines for a doc comment: both languages tell the
// same.

// channelFacts are who may join, what is kept, and the rules.
func channelFacts(c *schema.Channel) []string {
	o := c.Options
	facts := []string{"scope: " + scopeText(o.GetScope(), "join")}
	for _, param := range c.Template.Params() {
		rules := "any value"
		if r := o.GetParams()[param]; r != nil {
			rules = strings.Join(rulesOf(r.ProtoReflect(), ""), ", ")
		}
		facts = append(facts, fmt.Sprintf("param %s: %s", param, rules))
	}
	if h := o.GetHistory(); h != nil {
		facts = append(facts, fmt.Sprintf("history: %d messages, each for %v", h.GetSize(), h.GetTtl().AsDuration()))
	}
	if o.GetPresence() != nil {
		facts = append(facts, "presence: its members are visible to who may join")
	}
	if o.GetOnSlow() != hubv1.ChannelOptions_SLOW_DISCONNECT {
		facts = append(facts, "on_slow: "+o.GetOnSlow().String())
	}
	return append(facts, messageRules(c.Payload.Descriptor())...)
}

// inboundFacts are who may send, how it is delivered, and the rules.
func inboundFacts(c *schema.Channel) []string {
	o := c.Inbound.Options
	delivery := "at least once"
	if o.GetDelivery() == hubv1.InboundOptions_DELIVERY_AT_MOST_ONCE {
		delivery = "at most once"
	}
	return append([]string{
		"scope: " + scopeText(o.GetScope(), "send"),
		fmt.Sprintf("delivery: %s; a worker has %v, the message lives %v", delivery, o.GetDeadline().AsDuration(), o.GetExpiry().AsDuration()),
		fmt.Sprintf("rate: %v a second from one session, %d at once", o.GetRate().GetPerSecond(), o.GetRate().GetBurst()),
	}, messageRules(c.Inbound.Message.Descriptor())...)
}

func scopeText(s *hubv1.Scope, verb string) string {
	switch kind := s.GetKind().(type) {
	case *hubv1.Scope_Public:
		return "public, any session may " + verb
	case *hubv1.Scope_Authenticated:
		return "authenticated, any session with an identity may " + verb
	case *hubv1.Scope_Role:
		quoted := make([]string, len(kind.Role.GetAnyOf()))
		for i, role := range kind.Role.GetAnyOf() {
			quoted[i] = strconv.Quote(role)
		}
		return "role, sessions with " + strings.Join(quoted, " or ") + " may " + verb
	case *hubv1.Scope_User:
		return "user, only the user that is " + kind.User.GetParam() + " may " + verb
	default:
		return "handler, a worker decides who may " + verb
	}
}

// messageRules are the rules of a message's own fields, and of the whole.
func messageRules(m protoreflect.MessageDescriptor) []string {
	var facts []string
	for i := range m.Fields().Len() {
		f := m.Fields().Get(i)
		if rules := fieldRules(f); len(rules) > 0 {
			facts = append(facts, fmt.Sprintf("%s: %s", f.JSONName(), strings.Join(rules, ", ")))
		}
	}
	for i := range m.Oneofs().Len() {
		o := m.Oneofs().Get(i)
		if rules, _ := proto.GetExtension(o.Options(), validate.E_Oneof).(*validate.OneofRules); rules.GetRequired() {
			facts = append(facts, fmt.Sprintf("one of %s: required", strings.Join(jsonNames(o.Fields()), ", ")))
		}
	}
	rules, _ := proto.GetExtension(m.Options(), validate.E_Message).(*validate.MessageRules)
	for _, rule := range rulesOf(rules.ProtoReflect(), "") {
		facts = append(facts, "message: "+rule)
	}
	return facts
}

func fieldRules(f protoreflect.FieldDescriptor) []string {
	return rulesOf(rulesFor(f).ProtoReflect(), "")
}

func rulesFor(f protoreflect.FieldDescriptor) *validate.FieldRules {
	rules, _ := proto.GetExtension(f.Options(), validate.E_Field).(*validate.FieldRules)
	return rules
}

func jsonNames(fields protoreflect.FieldDescriptors) []string {
	names := make([]string, fields.Len())
	for i := range names {
		names[i] = fields.Get(i).JSONName()
	}
	return names
}

// rulesOf writes rules as a path and a value each, in the order of their
// numbers, as `string.min_len: 1`. Predefined rules are not among protovalidate's
// own fields, and only said to be there.
func rulesOf(m protoreflect.Message, prefix string) []string {
	var out []string
	for i := range m.Descriptor().Fields().Len() {
		f := m.Descriptor().Fields().Get(i)
		if !m.Has(f) {
			continue
		}
		path, value := prefix+string(f.Name()), m.Get(f)
		switch {
		case f.IsList():
			items := make([]string, value.List().Len())
			for n := range items {
				items[n] = valueText(f, value.List().Get(n))
			}
			out = append(out, fmt.Sprintf("%s: %s", path, strings.Join(items, " or ")))
		case f.Message() != nil && !leaf(f.Message()):
			out = append(out, rulesOf(value.Message(), path+".")...)
		case f.Kind() == protoreflect.BoolKind && value.Bool():
			out = append(out, path)
		default:
			out = append(out, path+": "+valueText(f, value))
		}
	}
	if len(m.GetUnknown()) > 0 {
		out = append(out, prefix+"rules of its own")
	}
	return out
}

var leaves = []protoreflect.FullName{"google.protobuf.Duration", "google.protobuf.Timestamp"}

func leaf(m protoreflect.MessageDescriptor) bool { return slices.Contains(leaves, m.FullName()) }

func valueText(f protoreflect.FieldDescriptor, v protoreflect.Value) string {
	switch f.Kind() {
	case protoreflect.StringKind:
		return strconv.Quote(v.String())
	case protoreflect.BytesKind:
		return strconv.Quote(string(v.Bytes()))
	case protoreflect.EnumKind:
		if value := f.Enum().Values().ByNumber(v.Enum()); value != nil {
			return string(value.Name())
		}
	case protoreflect.MessageKind:
		return messageText(v.Message().Interface())
	default:
	}
	return fmt.Sprint(v.Interface())
}

func messageText(m proto.Message) string {
	switch m := m.(type) {
	case *durationpb.Duration:
		return m.AsDuration().String()
	case *timestamppb.Timestamp:
		return m.AsTime().String()
	case *validate.Rule:
		text := m.GetMessage()
		if text == "" {
			text = m.GetExpression()
		}
		return strconv.Quote(m.GetId()) + " " + strconv.Quote(text)
	default:
		return strings.Join(rulesOf(m.ProtoReflect(), ""), ", ")
	}
}
