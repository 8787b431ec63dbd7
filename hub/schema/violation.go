package schema

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/realtime-hub/hub/hub/internal/fault"
)

const (
	// maxViolations bounds what one payload is told; a list of ten thousand
	// bad items has one mistake, ten thousand times.
	maxViolations = 100
	// maxViolationBytes bounds one message: CEL rules make their own, and may
	// quote the payload.
	maxViolationBytes = 512
)

// judge holds the message to its rules. An error is that a rule could not be
// evaluated.
func judge(validator protovalidate.Validator, m proto.Message) ([]fault.Violation, error) {
	err := validator.Validate(m)
	if err == nil {
		return nil, nil
	}
	broken, ok := errors.AsType[*protovalidate.ValidationError](err)
	if !ok {
		return nil, err
	}
	return violations(broken, m.ProtoReflect().Descriptor()), nil
}

// Violations tells broken rules with their fields in JSON names, at most 100
// of them. It is for generated messages, as those of hub/v1: a name that the
// error does not carry is derived, as protoc derives it.
func Violations(broken *protovalidate.ValidationError) []fault.Violation {
	return violations(broken, nil)
}

// violations knows the message that was validated, or nil.
func violations(broken *protovalidate.ValidationError, root protoreflect.MessageDescriptor) []fault.Violation {
	shown := broken.Violations[:min(len(broken.Violations), maxViolations)]
	out := make([]fault.Violation, 0, len(shown))
	for _, v := range shown {
		out = append(out, fault.Violation{Field: jsonPath(v, root), Rule: v.Proto.GetRuleId(), Message: violationText(v)})
	}
	return out
}

// violationText is protovalidate's own message; a CEL rule without one is
// told by its id.
func violationText(v *protovalidate.Violation) string {
	text := v.Proto.GetMessage()
	switch {
	case text != "":
		return truncate(text, maxViolationBytes)
	case v.Proto.GetRuleId() != "":
		return "breaks the rule " + truncate(v.Proto.GetRuleId(), maxViolationBytes)
	}
	return "is not valid"
}

// jsonPath is the field's path in JSON names, as items[2].displayName.
func jsonPath(v *protovalidate.Violation, at protoreflect.MessageDescriptor) string {
	var b strings.Builder
	elements := v.Proto.GetField().GetElements()
	for i, element := range elements {
		if i > 0 {
			b.WriteByte('.')
		}
		field := fieldOf(at, element)
		if field == nil && i == len(elements)-1 {
			field = leaf(v, element)
		}
		b.WriteString(jsonName(field, element))
		b.WriteString(subscript(element))
		at = below(field)
	}
	return b.String()
}

func fieldOf(m protoreflect.MessageDescriptor, element *validate.FieldPathElement) protoreflect.FieldDescriptor {
	if m == nil || element.GetFieldNumber() == 0 {
		return nil // a oneof has no number
	}
	return m.Fields().ByNumber(protoreflect.FieldNumber(element.GetFieldNumber()))
}

// leaf is the field that broke the rule, where it is the path's last.
func leaf(v *protovalidate.Violation, element *validate.FieldPathElement) protoreflect.FieldDescriptor {
	if f := v.FieldDescriptor; f != nil && int32(f.Number()) == element.GetFieldNumber() && string(f.Name()) == element.GetFieldName() {
		return f
	}
	return nil
}

func jsonName(field protoreflect.FieldDescriptor, element *validate.FieldPathElement) string {
	if field != nil {
		return field.JSONName()
	}
	if element.GetFieldNumber() == 0 || strings.HasPrefix(element.GetFieldName(), "[") {
		return element.GetFieldName() // a oneof or an extension: as declared
	}
	return camelCase(element.GetFieldName())
}

// camelCase is a field's JSON name as protoc derives it.
func camelCase(name string) string {
	var b strings.Builder
	upper := false
	for _, c := range []byte(name) {
		switch {
		case c == '_':
			upper = true
			continue
		case upper && c >= 'a' && c <= 'z':
			c -= 'a' - 'A'
		}
		upper = false
		b.WriteByte(c)
	}
	return b.String()
}

func below(field protoreflect.FieldDescriptor) protoreflect.MessageDescriptor {
	switch {
	case field == nil:
		return nil
	case field.IsMap():
		return field.MapValue().Message()
	}
	return field.Message()
}

func subscript(element *validate.FieldPathElement) string {
	switch element.WhichSubscript() {
	case validate.FieldPathElement_Index_case:
		return "[" + strconv.FormatUint(element.GetIndex(), 10) + "]"
	case validate.FieldPathElement_BoolKey_case:
		return "[" + strconv.FormatBool(element.GetBoolKey()) + "]"
	case validate.FieldPathElement_IntKey_case:
		return "[" + strconv.FormatInt(element.GetIntKey(), 10) + "]"
	case validate.FieldPathElement_UintKey_case:
		return "[" + strconv.FormatUint(element.GetUintKey(), 10) + "]"
	case validate.FieldPathElement_StringKey_case:
		key, _ := json.Marshal(truncate(element.GetStringKey(), maxViolationBytes)) // a string is always JSON
		return "[" + string(key) + "]"
	case validate.FieldPathElement_Subscript_not_set_case:
	}
	return ""
}
