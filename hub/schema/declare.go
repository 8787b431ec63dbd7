package schema

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/channel"
)

// maxQuotedBytes is enough to recognize a name by.
const maxQuotedBytes = 64

// declarations gathers the messages that carry an option of the hub's and
// holds each to its rules.
type declarations struct {
	own      *linked
	found    *collector
	channels []*draft
	inbounds []declared
	// refused are names whose declaration is wrong: what refers to them is
	// not reported as well.
	refused map[string]bool
}

// draft is a channel on its way: its declaration stands, its rules are not
// compiled yet.
type draft struct {
	declared

	template channel.Template
	taken    *declared // the message that browsers may send
}

// messages looks at the options of messages and of those nested in them.
func (d *declarations) messages(list protoreflect.MessageDescriptors) {
	for i := range list.Len() {
		d.message(list.Get(i))
		d.messages(list.Get(i).Messages())
	}
}

func (d *declarations) message(m protoreflect.MessageDescriptor) {
	one := declared{message: m}
	if err := d.own.checkStrays(m); err != nil {
		p := one.at(channelOption(), "")
		p.Option = ""
		d.found.addf(p, "%v", err)
	}
	options := m.Options()
	if proto.HasExtension(options, hubv1.E_Channel) {
		one.channel, _ = proto.GetExtension(options, hubv1.E_Channel).(*hubv1.ChannelOptions)
	}
	if proto.HasExtension(options, hubv1.E_Inbound) {
		one.inbound, _ = proto.GetExtension(options, hubv1.E_Inbound).(*hubv1.InboundOptions)
	}
	if one.channel != nil {
		d.channel(one)
	}
	if o := one.inbound; o != nil && d.wellFormed(one, inboundOption(), o, o.GetScope(), o.GetScope() != nil, "send") {
		d.inbounds = append(d.inbounds, one)
	}
}

// channel checks what a channel's declaration says of itself.
func (d *declarations) channel(one declared) {
	o := one.channel
	ok := d.wellFormed(one, channelOption(), o, o.GetScope(), true, "join")
	template, err := channel.ParseTemplate(o.GetName())
	if err != nil {
		text := fmt.Sprintf("%q is malformed: %v", truncate(o.GetName(), maxQuotedBytes), err)
		if o.GetName() == "" {
			text = `missing; name the channel, as name: "blog.article.feed"`
		}
		d.found.add(with(one.at(channelOption(), "name"), text))
		return
	}
	for _, param := range sortedKeys(o.GetParams()) {
		if !slices.Contains(template.Params(), param) {
			ok = false
			d.found.addf(one.at(channelOption(), fmt.Sprintf("params[%q]", param)), "%s", missingParam(template, param))
		}
	}
	if user := o.GetScope().GetUser(); user.GetParam() != "" && !slices.Contains(template.Params(), user.GetParam()) {
		ok = false
		d.found.addf(one.at(channelOption(), "scope.user.param"), "%s", missingParam(template, user.GetParam()))
	}
	if o.GetOnSlow() == hubv1.ChannelOptions_SLOW_LATEST && o.GetHistory() != nil {
		ok = false
		d.found.add(with(one.at(channelOption(), "on_slow"),
			"SLOW_LATEST does not go with history: a replay would show what it replaced; take another on_slow, or no history"))
	}
	if !ok {
		d.refused[o.GetName()] = true
		return
	}
	d.channels = append(d.channels, &draft{declared: one, template: template})
}

// wellFormed holds an option to the rules of hub/v1/channel.proto, and
// refuses fields that this hub does not know: they ask for something.
func (d *declarations) wellFormed(one declared, option optionName, o proto.Message, scope *hubv1.Scope, needsScope bool, verb string) bool {
	before := len(d.found.list)
	if number := unknownField(o.ProtoReflect()); number != 0 {
		d.found.addf(one.at(option, ""), "field %d is unknown to this hub; it needs a newer one", number)
	}
	if needsScope && scope.GetKind() == nil {
		d.found.addf(one.at(option, "scope"), "missing; say who may %s, as scope: { public: {} }", verb)
	}
	validator, err := optionRules()
	if err == nil {
		err = validator.Validate(o)
	}
	broken, isBroken := errors.AsType[*protovalidate.ValidationError](err)
	if err != nil && !isBroken {
		d.found.addf(one.at(option, ""), "cannot be checked: %v", err)
	}
	if isBroken {
		for _, v := range broken.Violations {
			field := protovalidate.FieldPathString(v.Proto.GetField())
			if field == "name" || needsScope && (field == "scope" || field == "scope.kind") {
				continue // said above or by the name's grammar, in words that help
			}
			d.found.addf(one.at(option, field), "%s", violationText(v))
		}
	}
	return len(d.found.list) == before
}

func with(p Problem, text string) Problem {
	p.Text = text
	return p
}

func missingParam(t channel.Template, param string) string {
	if len(t.Params()) == 0 {
		return fmt.Sprintf("%q is no param of the name %q, which has none", param, t)
	}
	return fmt.Sprintf("%q is no param of the name %q; it has %s", param, t, strings.Join(t.Params(), ", "))
}

// unknownField is the number of a field that the hub's descriptors do not
// have, here or in a message below; 0 if there is none. The rules of params
// are not looked into: predefined rules are unknown fields there, and their
// compilation refuses what is unknown indeed.
func unknownField(m protoreflect.Message) protowire.Number {
	if len(m.GetUnknown()) > 0 {
		number, _, _ := protowire.ConsumeTag(m.GetUnknown())
		return number
	}
	var number protowire.Number
	m.Range(func(field protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if field.Message() != nil && !field.IsList() && !field.IsMap() {
			number = unknownField(v.Message())
		}
		return number == 0
	})
	return number
}
