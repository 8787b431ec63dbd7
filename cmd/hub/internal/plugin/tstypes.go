package plugin

import (
	"slices"
	"strings"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// nullValue is an enum whose only value is JSON's null.
const nullValue = "google.protobuf.NullValue"

// float is a number, or what JSON has no number for.
const float = `number | "NaN" | "Infinity" | "-Infinity"`

// long is a 64-bit integer: the hub writes it as a string, since a number of
// JavaScript's has 53 bits, and takes both.
func long(f form) string {
	if f == sent {
		return "string | number"
	}
	return "string"
}

// fieldType is the type of a field's JSON.
func (m *module) fieldType(f protoreflect.FieldDescriptor, form form) string {
	rules := rulesFor(f)
	switch {
	case f.IsMap():
		return "{ [key: string]: " + m.valueType(f.MapValue(), form, rules.GetMap().GetValues()) + " }"
	case f.IsList():
		item := m.valueType(f, form, rules.GetRepeated().GetItems())
		if strings.Contains(item, " | ") && !strings.HasPrefix(item, "{") {
			item = "(" + item + ")"
		}
		return item + "[]"
	}
	return m.valueType(f, form, rules)
}

// valueType is the type of one value, as far as its rules narrow it.
func (m *module) valueType(f protoreflect.FieldDescriptor, form form, rules *validate.FieldRules) string {
	if rules.GetIgnore() != validate.Ignore_IGNORE_UNSPECIFIED {
		rules = nil // the zero value passes as well
	}
	switch f.Kind() {
	case protoreflect.BoolKind:
		if m.own != nil {
			return okType(f)
		}
		return "boolean"
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Uint32Kind, protoreflect.Fixed32Kind, protoreflect.Sfixed32Kind:
		return "number"
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Uint64Kind, protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind:
		return long(form)
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		if rules.GetFloat().GetFinite() || rules.GetDouble().GetFinite() {
			return "number"
		}
		return float
	case protoreflect.StringKind:
		return stringType(rules.GetString())
	case protoreflect.BytesKind:
		return "string" // base64
	case protoreflect.EnumKind:
		return m.enumType(f.Enum(), rules.GetEnum())
	default:
		return m.messageType(f.Message(), form)
	}
}

func stringType(rules *validate.StringRules) string {
	switch {
	case rules.HasConst():
		return quote(rules.GetConst())
	case len(rules.GetIn()) > 0:
		quoted := make([]string, len(rules.GetIn()))
		for i, text := range rules.GetIn() {
			quoted[i] = quote(text)
		}
		return strings.Join(quoted, " | ")
	}
	return "string"
}

func (m *module) enumType(e protoreflect.EnumDescriptor, rules *validate.EnumRules) string {
	if e.FullName() == nullValue {
		return "null"
	}
	names := enumNames(e, rules)
	if len(names) == 0 || len(names) == len(enumNames(e, nil)) {
		return m.name(e, "")
	}
	return strings.Join(names, " | ")
}

// enumNames are the names that the rules let pass, one for each number.
func enumNames(e protoreflect.EnumDescriptor, rules *validate.EnumRules) []string {
	var names []string
	for i := range e.Values().Len() {
		value := e.Values().Get(i)
		number := int32(value.Number())
		switch {
		case e.Values().ByNumber(value.Number()) != value: // another name of a number
		case rules.HasConst() && rules.GetConst() != number:
		case len(rules.GetIn()) > 0 && !slices.Contains(rules.GetIn(), number):
		case slices.Contains(rules.GetNotIn(), number):
		default:
			names = append(names, quote(string(value.Name())))
		}
	}
	return names
}

// messageType is a message's type, or what ProtoJSON makes of those that
// Google's protos bring.
func (m *module) messageType(d protoreflect.MessageDescriptor, form form) string {
	switch d.FullName() {
	case "google.protobuf.Timestamp", "google.protobuf.Duration", "google.protobuf.FieldMask",
		"google.protobuf.StringValue", "google.protobuf.BytesValue":
		return "string"
	case "google.protobuf.BoolValue":
		return "boolean"
	case "google.protobuf.Int32Value", "google.protobuf.UInt32Value":
		return "number"
	case "google.protobuf.Int64Value", "google.protobuf.UInt64Value":
		return long(form)
	case "google.protobuf.FloatValue", "google.protobuf.DoubleValue":
		return float
	case "google.protobuf.Empty":
		return "{ [key: string]: never }"
	case "google.protobuf.Any":
		if form == sent {
			return `{ "@type": string; [key: string]: unknown }`
		}
		return `{ "@type"?: string; [key: string]: unknown }`
	case "google.protobuf.Struct":
		m.jsonValue = true
		return "{ [key: string]: JsonValue$ }"
	case "google.protobuf.Value":
		m.jsonValue = true
		return "JsonValue$"
	case "google.protobuf.ListValue":
		m.jsonValue = true
		return "JsonValue$[]"
	}
	return m.name(d, form.suffix())
}
