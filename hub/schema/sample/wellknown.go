package sample

import (
	"fmt"
	"math"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// wellKnown are the values of google.protobuf's own messages, whose fields are not
// what JSON shows; ok is false for any other message.
func (k *maker) wellKnown(m protoreflect.MessageDescriptor, set protoreflect.Message, near hints, many int) (out []candidate, ok bool) {
	switch m.FullName() {
	case "google.protobuf.Duration":
		return k.durations(m, set, near, many), true
	case "google.protobuf.Timestamp":
		return k.timestamps(m, set, near, many), true
	case "google.protobuf.Any":
		return k.anys(m, set), true
	case "google.protobuf.FieldMask":
		return masks(m, set), true
	case "google.protobuf.Struct", "google.protobuf.Value", "google.protobuf.ListValue":
		return structs(m, many), true
	case "google.protobuf.DoubleValue", "google.protobuf.FloatValue", "google.protobuf.Int64Value", "google.protobuf.UInt64Value",
		"google.protobuf.Int32Value", "google.protobuf.UInt32Value", "google.protobuf.BoolValue", "google.protobuf.StringValue",
		"google.protobuf.BytesValue":
		return k.wrapped(m, set, near, many), true
	}
	return nil, false
}

// wrapped are a wrapper's: the values of what is in it, under the same rules.
func (k *maker) wrapped(m protoreflect.MessageDescriptor, set protoreflect.Message, near hints, many int) []candidate {
	field := m.Fields().ByName("value")
	var inner []candidate
	switch field.Kind() {
	case protoreflect.BoolKind:
		inner = []candidate{{value: protoreflect.ValueOfBool(true), why: "true"}, {value: protoreflect.ValueOfBool(false), why: "false"}}
	case protoreflect.StringKind:
		inner = k.texts(set, near, many)
	case protoreflect.BytesKind:
		inner = k.bytes(set, near, many)
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		inner = floats(field.Kind(), set, near, many)
	default:
		inner = integers(field.Kind(), set, near, many)
	}
	out := make([]candidate, len(inner))
	for i, c := range inner {
		wrapper := dynamicpb.NewMessage(m)
		wrapper.Set(field, c.value)
		out[i] = candidate{value: protoreflect.ValueOfMessage(wrapper), why: c.why}
	}
	return out
}

// like is a message of google.protobuf as the descriptor's own.
func like(m protoreflect.MessageDescriptor, of proto.Message, why string) (candidate, bool) {
	data, err := proto.Marshal(of)
	out := dynamicpb.NewMessage(m)
	if err != nil || proto.Unmarshal(data, out) != nil {
		return candidate{}, false
	}
	return candidate{value: protoreflect.ValueOfMessage(out), why: why}, true
}

// moments are seconds and nanoseconds of a time or a duration.
type moments struct {
	out []candidate
	of  func(seconds int64, nanos int32) (candidate, bool)
}

func (t *moments) add(seconds, nanos int64) {
	seconds += floorDiv(nanos, 1e9)
	nanos -= floorDiv(nanos, 1e9) * 1e9
	if c, ok := t.of(seconds, int32(nanos)); ok { //nolint:gosec // less than 1e9
		t.out = append(t.out, c)
	}
}

func floorDiv(a, b int64) int64 { return int64(math.Floor(float64(a) / float64(b))) }

// around adds what is at a time and close to it, by a nanosecond and by more.
func (t *moments) around(seconds, nanos int64) {
	for _, by := range []int64{0, 1, -1, 1e9, -1e9} {
		t.add(seconds, nanos+by)
	}
}

// read are the times that rules name. Those for examples and of lists come alone first.
func (t *moments) read(set protoreflect.Message) {
	var named [][2]int64
	for _, r := range ruled(set) {
		m, ok := r.value.Interface().(protoreflect.Message)
		if !ok || r.rule == "within" {
			continue
		}
		fields := m.Descriptor().Fields()
		at := [2]int64{m.Get(fields.ByName("seconds")).Int(), m.Get(fields.ByName("nanos")).Int()}
		if r.rule == "example" || r.rule == "in" || r.rule == "const" {
			t.add(at[0], at[1])
		}
		named = append(named, at)
	}
	for i := range named {
		for j := i + 1; j < len(named); j++ {
			t.add((named[i][0]+named[j][0])/2, (named[i][1]+named[j][1])/2)
		}
	}
	for _, at := range named {
		t.around(at[0], at[1])
	}
}

func (k *maker) durations(m protoreflect.MessageDescriptor, set protoreflect.Message, near hints, many int) []candidate {
	t := &moments{of: func(seconds int64, nanos int32) (candidate, bool) {
		if seconds < 0 && nanos > 0 { // one sign for both
			seconds, nanos = seconds+1, nanos-1e9
		}
		d := &durationpb.Duration{Seconds: seconds, Nanos: nanos}
		if d.CheckValid() != nil {
			return candidate{}, false
		}
		return like(m, d, d.AsDuration().String())
	}}
	t.read(set)
	for _, span := range near.spans {
		t.around(int64(span/time.Second), int64(span%time.Second))
	}
	for _, seconds := range []int64{1, 60, 0, -1, 315_576_000_000, -315_576_000_000} {
		t.add(seconds, 0)
	}
	for i := range int64(many) {
		t.add(i+2, 0)
	}
	return t.out
}

// fixed is the time that samples have where rules leave it open: they should be the
// same tomorrow.
const fixed = 1_767_225_600 // 2026-01-01T00:00:00Z

func (k *maker) timestamps(m protoreflect.MessageDescriptor, set protoreflect.Message, near hints, many int) []candidate {
	t := &moments{of: func(seconds int64, nanos int32) (candidate, bool) {
		at := &timestamppb.Timestamp{Seconds: seconds, Nanos: nanos}
		if at.CheckValid() != nil {
			return candidate{}, false
		}
		return like(m, at, at.AsTime().Format(time.RFC3339Nano))
	}}
	t.read(set)
	t.add(fixed, 0)
	t.add(fixed, 123_456_789)
	t.add(0, 0)
	t.add(-62_135_596_800, 0)         // the year 1
	t.add(253_402_300_799, 999999999) // the year 9999
	for _, at := range near.times {
		t.around(at.Unix(), int64(at.Nanosecond()))
	}
	// Close to now, but not so close that a slow reader comes too late.
	now := k.cfg.Now.Unix()
	for _, by := range []int64{0, 3600, -3600, 30, -30} {
		t.add(now+by, 0)
	}
	for _, r := range ruled(set) {
		if within, ok := r.value.Interface().(protoreflect.Message); ok && r.rule == "within" {
			seconds := within.Get(within.Descriptor().Fields().ByName("seconds")).Int()
			for _, by := range []int64{seconds / 2, -seconds / 2, 2*seconds + 60, -2*seconds - 60} {
				t.add(now+by, 0)
			}
		}
	}
	for i := range int64(many) {
		t.add(fixed+60*(i+1), 0)
	}
	return t.out
}

// anys hold messages of the proto's own files, those that the rules name first.
func (k *maker) anys(m protoreflect.MessageDescriptor, set protoreflect.Message) []candidate {
	var out []candidate
	add := func(url string) {
		found, err := k.types.FindMessageByURL(url)
		if err != nil {
			return
		}
		inner := found.New().Interface()
		if data, err := proto.Marshal(inner); err == nil {
			if c, ok := like(m, &anypb.Any{TypeUrl: url, Value: data}, "a "+string(found.Descriptor().FullName())); ok {
				out = append(out, c)
			}
		}
	}
	for _, r := range ruled(set) {
		if url, ok := r.value.Interface().(string); ok {
			add(url)
		}
	}
	for _, name := range []string{"Duration", "Timestamp", "Empty", "StringValue"} {
		add("type.googleapis.com/google.protobuf." + name)
	}
	add("type.googleapis.com/hub.v1.HistoryOptions")
	return out
}

// masks name what rules name, below it, and something else.
func masks(m protoreflect.MessageDescriptor, set protoreflect.Message) []candidate {
	var named []string
	var lists [][]string
	for _, r := range ruled(set) {
		switch x := r.value.Interface().(type) {
		case string:
			named = append(named, x)
			lists = append(lists, []string{x}, []string{x + ".below"}, []string{x + "x"})
		case protoreflect.Message:
			var paths []string
			for i, list := 0, x.Get(x.Descriptor().Fields().ByName("paths")).List(); i < list.Len(); i++ {
				paths = append(paths, list.Get(i).String())
			}
			lists = append(lists, paths, append(slices.Clone(paths), "other"))
		}
	}
	lists = append(lists, named, []string{"name"}, []string{"some_name"}, []string{"other"}, nil)
	out := make([]candidate, 0, len(lists))
	for _, paths := range lists {
		mask := dynamicpb.NewMessage(m)
		list := mask.Mutable(m.Fields().ByName("paths")).List()
		for _, path := range paths {
			list.Append(protoreflect.ValueOfString(path))
		}
		out = append(out, candidate{value: protoreflect.ValueOfMessage(mask), why: fmt.Sprintf("%q", paths)})
	}
	return out
}

// structs are free-form JSON.
func structs(m protoreflect.MessageDescriptor, many int) []candidate {
	var out []candidate
	for i, text := range append([]any{"text", 1.5, true, nil, map[string]any{"a": []any{1.0, "b"}}}, make([]any, many)...) {
		if i > 4 {
			text = float64(i)
		}
		value, err := structpb.NewValue(text)
		if err != nil {
			continue
		}
		var of proto.Message = value
		switch m.Name() {
		case "Struct":
			of = &structpb.Struct{Fields: map[string]*structpb.Value{"key": value}}
		case "ListValue":
			of = &structpb.ListValue{Values: []*structpb.Value{value}}
		}
		if c, ok := like(m, of, fmt.Sprint(text)); ok {
			out = append(out, c)
		}
	}
	return out
}
