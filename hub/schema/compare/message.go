package compare

import (
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/realtime-hub/hub/hub/schema"
)

// direction is who writes a payload and who reads it.
type direction struct {
	writers, readers Whom
	verb             string // what writers do
}

var (
	outbound = direction{writers: Backends, readers: Browsers, verb: "broadcast"}
	inward   = direction{writers: Browsers, readers: Workers, verb: "send"}
)

// walk compares what one payload can hold. Messages that hold themselves are
// compared once.
type walk struct {
	*comparison
	direction

	channel string
	seen    map[[2]protoreflect.FullName]bool
}

func (c *comparison) payload(channel string, d direction, old, now *schema.Message) {
	w := &walk{comparison: c, direction: d, channel: channel, seen: map[[2]protoreflect.FullName]bool{}}
	if old.Name() != now.Name() {
		kind := Kind("MESSAGE_RENAMED")
		w.sayf(Breaking, kind, channel, "", (d.writers|d.readers)&^Browsers,
			"its message is %s instead of %s: who has the old one's type %ss what is PAYLOAD_MALFORMED, or cannot read it",
			now.Name(), old.Name(), d.verb)
	}
	w.message("", old.Descriptor(), now.Descriptor())
}

func (w *walk) tellf(s Severity, kind Kind, field string, whom Whom, format string, args ...any) {
	w.sayf(s, kind, w.channel, field, whom, format, args...)
}

func (w *walk) message(path string, old, now protoreflect.MessageDescriptor) {
	pair := [2]protoreflect.FullName{old.FullName(), now.FullName()}
	if w.seen[pair] {
		return
	}
	w.seen[pair] = true
	w.rules(path, messageRules(old), messageRules(now))
	for i := range old.Fields().Len() {
		was := old.Fields().Get(i)
		is := now.Fields().ByNumber(was.Number())
		if is == nil {
			w.tellf(Breaking, "FIELD_REMOVED", join(path, was), w.writers|w.readers,
				"the field is gone: who still sets it %ss what is PAYLOAD_MALFORMED, who reads it finds nothing", w.verb)
			continue
		}
		w.field(join(path, was), was, is)
	}
	for i := range now.Fields().Len() {
		if is := now.Fields().Get(i); old.Fields().ByNumber(is.Number()) == nil {
			w.added(join(path, is), is)
		}
	}
}

func join(path string, f protoreflect.FieldDescriptor) string {
	if path == "" {
		return f.JSONName()
	}
	return path + "." + f.JSONName()
}

// added is a field that is new.
func (w *walk) added(path string, f protoreflect.FieldDescriptor) {
	if rule := refusesEmpty(fieldRules(f)); rule != "" {
		w.tellf(Breaking, "FIELD_ADDED", path, w.writers,
			"the field is new, and %s refuses a message without it: PAYLOAD_INVALID for who does not know it", rule)
		return
	}
	w.tellf(Note, "FIELD_ADDED", path, w.readers, "the field is new")
}

func (w *walk) field(path string, old, now protoreflect.FieldDescriptor) {
	if old.JSONName() != now.JSONName() {
		w.tellf(Breaking, "FIELD_RENAMED", path, w.writers|w.readers, "in JSON the field is %s now", now.JSONName())
	}
	if cardinality(old) != cardinality(now) {
		w.tellf(Breaking, "FIELD_CARDINALITY_CHANGED", path, w.writers|w.readers,
			"it is %s instead of %s", cardinality(now), cardinality(old))
		return
	}
	if old.HasPresence() != now.HasPresence() && old.Message() == nil && !old.IsList() && !old.IsMap() {
		w.presence(path, now.HasPresence())
	}
	if inOneof(old) != inOneof(now) {
		w.tellf(Breaking, "FIELD_ONEOF_CHANGED", path, w.writers|w.readers,
			"it is in %s instead of %s: of a oneof's fields one at most is set", inOneof(now), inOneof(old))
	}
	if old.IsMap() {
		w.kind(path+".key", old.MapKey(), now.MapKey())
		old, now = old.MapValue(), now.MapValue()
	}
	w.kind(path, old, now)
	w.rules(path, fieldRules(old), fieldRules(now))
}

func (w *walk) presence(path string, now bool) {
	if now {
		w.tellf(Warning, "FIELD_PRESENCE_CHANGED", path, w.readers, "where it is not set, JSON has it no more")
		return
	}
	w.tellf(Warning, "FIELD_PRESENCE_CHANGED", path, w.readers, "where it is not set, JSON has its zero value")
}

func cardinality(f protoreflect.FieldDescriptor) string {
	switch {
	case f.IsMap():
		return "a map"
	case f.IsList():
		return "a list"
	}
	return "one value"
}

func inOneof(f protoreflect.FieldDescriptor) string {
	if o := f.ContainingOneof(); o != nil && !o.IsSynthetic() {
		return "the oneof " + string(o.Name())
	}
	return "no oneof"
}

// kind compares the type of a value.
func (w *walk) kind(path string, old, now protoreflect.FieldDescriptor) {
	o, n := typeName(old), typeName(now)
	switch {
	case o != n && compatible(old.Kind(), now.Kind()):
		w.tellf(Warning, "FIELD_TYPE_CHANGED", path, w.writers|w.readers,
			"it is %s instead of %s: the same in JSON and on the wire, but not every value fits", n, o)
	case o != n:
		w.tellf(Breaking, "FIELD_TYPE_CHANGED", path, w.writers|w.readers, "it is %s instead of %s", n, o)
	case old.Message() != nil:
		w.message(path, old.Message(), now.Message())
	case old.Enum() != nil:
		w.enum(path, old.Enum(), now.Enum())
	}
}

func typeName(f protoreflect.FieldDescriptor) string {
	switch {
	case f.Message() != nil:
		return string(f.Message().FullName())
	case f.Enum() != nil:
		return string(f.Enum().FullName())
	}
	return f.Kind().String()
}

// compatible are kinds that share their wire form and their JSON: buf's
// FIELD_WIRE_JSON_COMPATIBLE_TYPE.
func compatible(a, b protoreflect.Kind) bool {
	group := map[protoreflect.Kind]int{
		protoreflect.Int32Kind: 1, protoreflect.Uint32Kind: 1,
		protoreflect.Int64Kind: 2, protoreflect.Uint64Kind: 2,
		protoreflect.Fixed32Kind: 3, protoreflect.Sfixed32Kind: 3,
		protoreflect.Fixed64Kind: 4, protoreflect.Sfixed64Kind: 4,
	}
	return group[a] != 0 && group[a] == group[b]
}

func (w *walk) enum(path string, old, now protoreflect.EnumDescriptor) {
	for i := range old.Values().Len() {
		was := old.Values().Get(i)
		switch is := now.Values().ByNumber(was.Number()); {
		case is == nil:
			w.tellf(Breaking, "ENUM_VALUE_REMOVED", path, w.writers|w.readers, "%s is no value any more", was.Name())
		case now.Values().ByName(was.Name()) == nil:
			w.tellf(Breaking, "ENUM_VALUE_RENAMED", path, w.writers|w.readers, "in JSON %s is %s now", was.Name(), is.Name())
		}
	}
	for i := range now.Values().Len() {
		if is := now.Values().Get(i); old.Values().ByNumber(is.Number()) == nil {
			w.tellf(Warning, "ENUM_VALUE_ADDED", path, w.readers,
				"%s is new: who does not know it must not fail at it", is.Name())
		}
	}
}
