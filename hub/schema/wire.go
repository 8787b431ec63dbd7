package schema

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

var (
	errWire = errors.New("cannot parse invalid wire-format data")
	errDeep = errors.New("it nests too deep")
)

// checkWire looks at the binary form of a message before it is decoded.
//
// Two things are found only here. What an entry of a map holds beside its key
// and its value is dropped by the decoder without a trace. And a key that is
// there twice, the second time with another wire type, panics in the one that
// dynamic messages take (protobuf-go v1.36.12, proto/decode.go unmarshalMap);
// FuzzPayloadAny found it, and testdata keeps the bytes.
func (r *rules) checkWire(m protoreflect.MessageDescriptor, data []byte, depth int) error {
	if depth > maxDepth {
		return errDeep
	}
	for len(data) > 0 {
		number, kind, n := protowire.ConsumeTag(data)
		if n < 0 {
			return errWire
		}
		size := protowire.ConsumeFieldValue(number, kind, data[n:])
		if size < 0 {
			return errWire
		}
		value := data[n : n+size]
		data = data[n+size:]
		field := r.field(m, number)
		if m.IsMapEntry() && (field == nil || kind != wireType(field.Kind())) {
			return fmt.Errorf("field %d in an entry of %s is unknown here, or of another type", number, m.FullName())
		}
		if field == nil || field.Message() == nil {
			continue
		}
		if content, ok := contentOf(number, kind, value); ok {
			if err := r.checkWire(field.Message(), content, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *rules) field(m protoreflect.MessageDescriptor, number protowire.Number) protoreflect.FieldDescriptor {
	if field := m.Fields().ByNumber(number); field != nil {
		return field
	}
	if !m.ExtensionRanges().Has(number) {
		return nil
	}
	extension, err := r.types.FindExtensionByNumber(m.FullName(), number)
	if err != nil {
		return nil // an unknown field: found when it is decoded
	}
	return extension.TypeDescriptor()
}

// contentOf is the message in a field's value; there is none where the wire
// type is another.
func contentOf(number protowire.Number, kind protowire.Type, value []byte) ([]byte, bool) {
	n := -1
	switch kind {
	case protowire.BytesType:
		value, n = protowire.ConsumeBytes(value)
	case protowire.StartGroupType:
		value, n = protowire.ConsumeGroup(number, value)
	default:
	}
	return value, n >= 0
}

// wireType is how one value of the kind is written.
func wireType(kind protoreflect.Kind) protowire.Type {
	switch kind {
	case protoreflect.StringKind, protoreflect.BytesKind, protoreflect.MessageKind:
		return protowire.BytesType
	case protoreflect.Fixed32Kind, protoreflect.Sfixed32Kind, protoreflect.FloatKind:
		return protowire.Fixed32Type
	case protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind, protoreflect.DoubleKind:
		return protowire.Fixed64Type
	case protoreflect.GroupKind:
		return protowire.StartGroupType
	default:
		return protowire.VarintType
	}
}
