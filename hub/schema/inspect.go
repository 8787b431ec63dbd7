package schema

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"
)

// errBeyondLimit says that the payload's JSON would be longer than allowed.
var errBeyondLimit = errors.New("larger than allowed")

// inspection looks at a parsed payload before it is encoded, for what the
// parsers let through: unknown fields, and Any inside of messages, which the
// binary parser does not open. It also adds up what the JSON will have at
// least. An empty message takes three bytes of input and becomes all of its
// fields' defaults: a list of them would fill the memory before its length is
// known.
type inspection struct {
	rules *rules
	size  int
}

// message inspects m and what is in it; depth counts m itself. How deep it
// goes was bounded when it was parsed, and is again for what is in an Any.
func (i *inspection) message(m protoreflect.Message, depth int) error {
	if unknown := m.GetUnknown(); len(unknown) > 0 {
		return unknownText(m.Descriptor(), unknown)
	}
	if err := i.add(i.rules.sizes[m.Descriptor().FullName()]); err != nil {
		return err
	}
	if m.Descriptor().FullName() == anyName {
		return i.any(m, depth)
	}
	var err error
	m.Range(func(field protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		err = i.field(field, v, depth)
		return err == nil
	})
	return err
}

//nolint:gochecknoglobals // a constant that Go cannot write as one
var anyName = (*anypb.Any)(nil).ProtoReflect().Descriptor().FullName()

func (i *inspection) add(bytes int) error {
	if i.size += bytes; i.size > i.rules.limit {
		return errBeyondLimit
	}
	return nil
}

func (i *inspection) field(field protoreflect.FieldDescriptor, v protoreflect.Value, depth int) error {
	switch {
	case field.IsMap():
		if err := i.add(v.Map().Len() * len(`"":0`)); err != nil {
			return err
		}
		var err error
		v.Map().Range(func(_ protoreflect.MapKey, item protoreflect.Value) bool {
			err = i.value(field.MapValue(), item, depth)
			return err == nil
		})
		return err
	case field.IsList():
		if err := i.add(v.List().Len()); err != nil { // the commas
			return err
		}
		if field.Message() == nil && field.Kind() != protoreflect.StringKind && field.Kind() != protoreflect.BytesKind {
			return nil
		}
		for n := range v.List().Len() {
			if err := i.value(field, v.List().Get(n), depth); err != nil {
				return err
			}
		}
		return nil
	}
	return i.value(field, v, depth)
}

func (i *inspection) value(field protoreflect.FieldDescriptor, v protoreflect.Value, depth int) error {
	switch field.Kind() {
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return i.message(v.Message(), depth+1)
	case protoreflect.StringKind:
		return i.add(len(v.String()))
	case protoreflect.BytesKind:
		return i.add(len(v.Bytes()))
	default:
		return nil
	}
}

// any opens an Any with the source's own types and inspects what is in it.
func (i *inspection) any(m protoreflect.Message, depth int) error {
	fields := m.Descriptor().Fields()
	url, value := m.Get(fields.ByNumber(1)).String(), m.Get(fields.ByNumber(2)).Bytes()
	if url == "" && len(value) == 0 {
		return nil
	}
	kind, err := i.rules.types.FindMessageByURL(url)
	if err != nil {
		return fmt.Errorf("the type %q in an Any is not among the channel's files", truncate(url, maxTextBytes))
	}
	inner := kind.New()
	if err := i.rules.unmarshal(value, inner.Interface(), depth+1); err != nil {
		return fmt.Errorf("the bytes in an Any are no %s: %s", kind.Descriptor().FullName(), JSONProblem(err))
	}
	return i.message(inner, depth+1)
}

func unknownText(m protoreflect.MessageDescriptor, unknown protoreflect.RawFields) error {
	number, _, n := protowire.ConsumeTag(unknown)
	if n < 0 {
		return fmt.Errorf("%s has bytes that are no field", m.FullName())
	}
	if field := m.Fields().ByNumber(number); field != nil {
		return fmt.Errorf("%s has a value of another type", field.JSONName())
	}
	return fmt.Errorf("field %d of %s is unknown here; update the hub's descriptors before the senders", number, m.FullName())
}

// measure notes for each message how many bytes its JSON has at least: the
// braces and, for each field that is written even when it is not set, its
// name and the shortest value.
func (r *rules) measure(list protoreflect.MessageDescriptors) {
	for i := range list.Len() {
		m := list.Get(i)
		size := len(`{}`)
		for j := range m.Fields().Len() {
			if field := m.Fields().Get(j); !field.HasPresence() {
				size += len(`"":0`) + len(field.JSONName())
			}
		}
		r.sizes[m.FullName()] = size
		r.measure(m.Messages())
	}
}
