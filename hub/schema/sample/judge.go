package sample

import (
	"errors"
	"slices"
	"strings"
	"time"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// breach is a broken rule.
type breach struct {
	path []*validate.FieldPathElement
	rule string
	// ofKey tells that the path's last subscript itself breaks the rule.
	ofKey bool
}

// key is the same for all items of a list, and all entries of a map.
func (b breach) key() string {
	var s strings.Builder
	for i, element := range b.path {
		if i > 0 {
			s.WriteByte('.')
		}
		s.WriteString(element.GetFieldName())
		if element.WhichSubscript() != validate.FieldPathElement_Subscript_not_set_case {
			s.WriteString("[]")
		}
	}
	if b.ofKey {
		s.WriteString("#key")
	}
	return s.String() + " " + b.rule
}

// String is the path as protovalidate writes it.
func (b breach) String() string {
	return protovalidate.FieldPathString(validate.FieldPath_builder{Elements: b.path}.Build())
}

// isJust tells whether what was found is what was wanted; nil: nothing.
func isJust(found []breach, want *breach) bool {
	if want == nil {
		return len(found) == 0
	}
	return len(found) == 1 && found[0].key() == want.key()
}

// judge holds a message to its rules, or, with a field, to that field's
// alone, whatever the message and its other fields ask for. An error is that a
// rule cannot be evaluated.
func (k *maker) judge(m protoreflect.Message, only protoreflect.FieldDescriptor) ([]breach, error) {
	return k.judgeAt(k.cfg.Now, m, only)
}

// lasts tells whether the verdict is the same a while later. What is close to now may
// pass when it is made and not when it is read, or the other way round.
func (k *maker) lasts(m protoreflect.Message, only protoreflect.FieldDescriptor, found []breach) bool {
	later, err := k.judgeAt(k.cfg.Now.Add(shelfLife), m, only)
	return err == nil && slices.EqualFunc(found, later, func(a, b breach) bool { return a.key() == b.key() })
}

// shelfLife is how long a payload keeps its verdict at least.
const shelfLife = time.Minute

func (k *maker) judgeAt(now time.Time, m protoreflect.Message, only protoreflect.FieldDescriptor) ([]breach, error) {
	if err := k.ended(); err != nil {
		return nil, err
	}
	options := []protovalidate.ValidationOption{protovalidate.WithNowFunc(func() *timestamppb.Timestamp { return timestamppb.New(now) })}
	if only != nil {
		options = append(options, protovalidate.WithFilter(protovalidate.FilterFunc(
			func(in protoreflect.Message, asked protoreflect.Descriptor) bool { return in != m || asked == only },
		)))
	}
	err := k.validator.Validate(m.Interface(), options...)
	if err == nil {
		return nil, nil
	}
	broken, ok := errors.AsType[*protovalidate.ValidationError](err)
	if !ok {
		return nil, err
	}
	out := make([]breach, len(broken.Violations))
	for i, v := range broken.Violations {
		out[i] = breach{path: v.Proto.GetField().GetElements(), rule: v.Proto.GetRuleId(), ofKey: v.Proto.GetForKey()}
	}
	return out, nil
}

func isCompilation(err error) bool {
	_, ok := errors.AsType[*protovalidate.CompilationError](err)
	return ok
}

// below is a breach of a value within a field.
func (b breach) below(element *validate.FieldPathElement) breach {
	return breach{path: append([]*validate.FieldPathElement{element}, b.path...), rule: b.rule, ofKey: b.ofKey}
}

// step is a field on a path. Whether it has a subscript is all that keys know of it.
func step(field protoreflect.FieldDescriptor, many bool) *validate.FieldPathElement {
	e := &validate.FieldPathElement{}
	e.SetFieldName(string(field.Name()))
	if field.IsExtension() {
		e.SetFieldName("[" + string(field.FullName()) + "]")
	}
	e.SetFieldNumber(int32(field.Number()))
	if many {
		e.SetIndex(0)
	}
	return e
}

// encoded is the same text for the same message.
func encoded(m protoreflect.Message) string {
	data, err := proto.MarshalOptions{Deterministic: true, AllowPartial: true}.Marshal(m.Interface())
	if err != nil {
		return err.Error() // text that is not UTF-8, which is nothing to try
	}
	return string(data)
}
