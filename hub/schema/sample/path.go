package sample

import (
	"encoding/json"
	"strconv"
	"strings"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// jsonPath is a path in JSON names, as items[2].displayName: the hub's form,
// written here a second time so that the two can differ.
func jsonPath(path []*validate.FieldPathElement, in protoreflect.MessageDescriptor) string {
	return writePath(path, in, func(e *validate.FieldPathElement) string {
		switch e.WhichSubscript() {
		case validate.FieldPathElement_Index_case:
			return strconv.FormatUint(e.GetIndex(), 10)
		case validate.FieldPathElement_BoolKey_case:
			return strconv.FormatBool(e.GetBoolKey())
		case validate.FieldPathElement_IntKey_case:
			return strconv.FormatInt(e.GetIntKey(), 10)
		case validate.FieldPathElement_UintKey_case:
			return strconv.FormatUint(e.GetUintKey(), 10)
		case validate.FieldPathElement_StringKey_case:
			key, _ := json.Marshal(e.GetStringKey()) // a string is always JSON
			return string(key)
		case validate.FieldPathElement_Subscript_not_set_case:
		}
		return ""
	})
}

// patternPath is a path in JSON names, with [] for any subscript.
func patternPath(path []*validate.FieldPathElement, in protoreflect.MessageDescriptor) string {
	return writePath(path, in, func(*validate.FieldPathElement) string { return "" })
}

func writePath(
	path []*validate.FieldPathElement, in protoreflect.MessageDescriptor, subscript func(*validate.FieldPathElement) string,
) string {
	var b strings.Builder
	for i, e := range path {
		if i > 0 {
			b.WriteByte('.')
		}
		name := e.GetFieldName()
		var field protoreflect.FieldDescriptor
		if in != nil && e.GetFieldNumber() != 0 { // a oneof has no number
			field = in.Fields().ByNumber(protoreflect.FieldNumber(e.GetFieldNumber()))
		}
		in = nil
		if field != nil {
			name, in = field.JSONName(), field.Message()
			if field.IsMap() {
				in = field.MapValue().Message()
			}
		}
		b.WriteString(name)
		if e.WhichSubscript() != validate.FieldPathElement_Subscript_not_set_case {
			b.WriteString("[" + subscript(e) + "]")
		}
	}
	return b.String()
}
