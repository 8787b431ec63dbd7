package plugin

import (
	"errors"
	"fmt"
	"strings"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

// form is which of a message's two JSON forms is meant.
type form bool

const (
	// received is canonical ProtoJSON with default values: what has no presence
	// is always there.
	received form = false
	// sent is what the hub takes: what may be left out is optional.
	sent form = true
)

func (f form) suffix() string {
	if f == sent {
		return "Input"
	}
	return ""
}

// enum writes the names of an enum. Where two have one number, the first is
// what the hub writes.
func (m *module) enum(e protoreflect.EnumDescriptor) {
	if e.FullName() == nullValue {
		return // it is null
	}
	m.p()
	if lines := comments(e); lines != nil {
		m.doc(0, lines...)
	}
	m.p("export type ", m.name(e, ""), " = ", strings.Join(enumNames(e, nil), " | "), ";")
}

// message writes both forms of a message.
func (m *module) message(d protoreflect.MessageDescriptor) error {
	must, err := m.g.mustGive(d)
	if err != nil {
		return err
	}
	for _, f := range []form{received, sent} {
		lines := comments(d)
		if f == sent {
			lines = []string{tsName(d) + " as browsers send it."}
		}
		if o, ok := d.Options().(*descriptorpb.MessageOptions); ok && o.GetDeprecated() {
			lines = append(lines, "@deprecated")
		}
		m.p()
		if len(lines) > 0 {
			m.doc(0, lines...)
		}
		m.form(d, m.name(d, f.suffix()), f, must)
	}
	return nil
}

// form writes one form: an interface, or where there are oneofs, which no
// interface can hold, a type.
func (m *module) form(d protoreflect.MessageDescriptor, name string, f form, must needs) {
	var oneofs []protoreflect.OneofDescriptor
	for i := range d.Oneofs().Len() {
		if o := d.Oneofs().Get(i); !o.IsSynthetic() {
			oneofs = append(oneofs, o)
		}
	}
	if len(oneofs) == 0 {
		m.p("export interface ", name, " {")
	} else {
		m.p("export type ", name, " = {")
	}
	for i := range d.Fields().Len() {
		field := d.Fields().Get(i)
		if o := field.ContainingOneof(); o != nil && !o.IsSynthetic() && !must.fields[field.Number()] {
			continue
		}
		optional := "?"
		if must.fields[field.Number()] || f == received && !field.HasPresence() {
			optional = ""
		}
		m.field(field, f, optional)
	}
	for n, o := range oneofs {
		end := "} & "
		if n > 0 {
			end = "}> & "
		}
		kind := "OneOf$"
		if must.oneofs[o.Name()] {
			kind, m.one = "One$", true
		} else {
			m.oneOf = true
		}
		m.p(end, kind, "<{")
		for i := range o.Fields().Len() {
			m.field(o.Fields().Get(i), f, "")
		}
	}
	if len(oneofs) == 0 {
		m.p("}")
	} else {
		m.p("}>;")
	}
}

func (m *module) field(f protoreflect.FieldDescriptor, form form, optional string) {
	lines := comments(f)
	if rules := fieldRules(f); len(rules) > 0 && m.own == nil {
		if len(lines) > 0 {
			lines = append(lines, "")
		}
		lines = append(lines, "Rules: "+strings.Join(rules, ", "))
	}
	if o, ok := f.Options().(*descriptorpb.FieldOptions); ok && o.GetDeprecated() {
		lines = append(lines, "@deprecated")
	}
	if len(lines) > 0 {
		m.doc(2, lines...)
	}
	m.p("  ", tsKey(f.JSONName()), optional, ": ", m.fieldType(f, form), ";")
}

// needs are what cannot be left out of a message.
type needs struct {
	fields map[protoreflect.FieldNumber]bool
	oneofs map[protoreflect.Name]bool
}

// mustGive asks the rules themselves: what an empty message breaks by a field
// that is not set, that field must be given. So min_len: 1 counts as well as
// required, and what is ignored does not.
func (g *tsGenerator) mustGive(d protoreflect.MessageDescriptor) (needs, error) {
	must := needs{fields: map[protoreflect.FieldNumber]bool{}, oneofs: map[protoreflect.Name]bool{}}
	for i := range d.Fields().Len() {
		if f := d.Fields().Get(i); f.Cardinality() == protoreflect.Required {
			must.fields[f.Number()] = true
		}
	}
	err := g.validator.Validate(dynamicpb.NewMessage(d))
	broken, ok := errors.AsType[*protovalidate.ValidationError](err)
	if err != nil && !ok {
		return must, fmt.Errorf("%s: message %s: the rules do not compile: %w", d.ParentFile().Path(), d.FullName(), err)
	}
	if broken == nil {
		return must, nil
	}
	for _, v := range broken.Violations {
		path := v.Proto.GetField().GetElements()
		switch {
		case len(path) != 1:
		case path[0].GetFieldNumber() != 0:
			must.fields[protoreflect.FieldNumber(path[0].GetFieldNumber())] = true
		default:
			must.oneofs[protoreflect.Name(path[0].GetFieldName())] = true
		}
	}
	return must, nil
}
