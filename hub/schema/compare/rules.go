package compare

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// ruleSet is rules by their path, as string.min_len, and what they ask for.
type ruleSet map[string]protoreflect.Value

// rules compares what is refused. Rules of messages are by their CEL ids.
func (w *walk) rules(path string, old, now ruleSet) {
	for _, rule := range union(old, now) {
		was, is := old[rule], now[rule]
		if same(was, is) {
			continue
		}
		switch tightened(rule, was, is) {
		case tighter:
			w.tellf(Breaking, "RULES_TIGHTENED", path, w.writers,
				"%s: %s: what passed before may be PAYLOAD_INVALID", rule, fromTo(was, is))
		case looser:
			w.tellf(Warning, "RULES_LOOSENED", path, w.readers,
				"%s: %s: values come that could not come before", rule, fromTo(was, is))
		case other:
			w.tellf(Breaking, "RULES_CHANGED", path, w.writers|w.readers,
				"%s: %s: nobody can tell from outside what it refuses; look at it", rule, fromTo(was, is))
		}
	}
}

func (c *comparison) params(name string, was, is map[string]*validate.StringRules) {
	w := &walk{comparison: c, channel: name, direction: direction{writers: Browsers | Backends, readers: Workers}}
	for _, param := range slices.Sorted(maps.Keys(merged(was, is))) {
		w.rules("{"+param+"}", flatten(was[param]), flatten(is[param]))
	}
}

func merged[V any](a, b map[string]V) map[string]V {
	out := maps.Clone(a)
	if out == nil {
		out = map[string]V{}
	}
	maps.Copy(out, b)
	return out
}

func union(a, b ruleSet) []string { return slices.Sorted(maps.Keys(merged(a, b))) }

func same(a, b protoreflect.Value) bool {
	return a.IsValid() == b.IsValid() && (!a.IsValid() || a.Equal(b))
}

func fromTo(was, is protoreflect.Value) string {
	switch {
	case !was.IsValid():
		return "is new (" + text(is) + ")"
	case !is.IsValid():
		return "is gone (was " + text(was) + ")"
	}
	return "is " + text(is) + " instead of " + text(was)
}

func text(v protoreflect.Value) string {
	switch x := v.Interface().(type) {
	case protoreflect.Message:
		return strings.Join(strings.Fields(prototext.MarshalOptions{}.Format(x.Interface())), " ")
	case protoreflect.List:
		texts := make([]string, x.Len())
		for i := range texts {
			texts[i] = text(x.Get(i))
		}
		return "[" + strings.Join(texts, ", ") + "]"
	case string:
		return strconv.Quote(x)
	}
	return v.String()
}

// effect is what a changed rule does.
type effect uint8

const (
	tighter effect = iota
	looser
	other // it cannot be told
)

// tightened judges a rule by its last word.
func tightened(rule string, was, is protoreflect.Value) effect {
	last := rule[strings.LastIndexByte(rule, '.')+1:]
	order := 0 // of a bound: which of the two is greater
	if was.IsValid() && is.IsValid() {
		order = compareValues(was, is)
	}
	switch {
	case strings.HasPrefix(last, "example") || last == "ignore":
		return looser
	case strings.HasPrefix(last, "min_"), last == "gt", last == "gte":
		return bound(was, is, order < 0)
	case strings.HasPrefix(last, "max_"), last == "lt", last == "lte", last == "within":
		return bound(was, is, order > 0)
	case !was.IsValid():
		return tighter // a rule that was not there
	case !is.IsValid():
		return looser
	case last == "in", last == "not_in":
		return listed(last, was.List(), is.List())
	}
	if on, is := is.Interface().(bool); is { // a bool that was the other one
		if on {
			return tighter
		}
		return looser
	}
	return other
}

// listed is what became of a list of values.
func listed(rule string, was, is protoreflect.List) effect {
	added, gone := lacks(was, is), lacks(is, was)
	if rule == "not_in" {
		added, gone = gone, added
	}
	switch {
	case gone && added:
		return other
	case gone:
		return tighter
	}
	return looser
}

// lacks tells whether the list has not all of the other's values.
func lacks(list, of protoreflect.List) bool {
	for i := range of.Len() {
		found := false
		for j := range list.Len() {
			found = found || list.Get(j).Equal(of.Get(i))
		}
		if !found {
			return true
		}
	}
	return false
}

// bound is what became of a least or a greatest.
func bound(was, is protoreflect.Value, narrower bool) effect {
	switch {
	case !was.IsValid():
		return tighter
	case !is.IsValid():
		return looser
	case narrower:
		return tighter
	}
	return looser
}

// compareValues orders two bounds of one rule.
func compareValues(a, b protoreflect.Value) int {
	switch x := a.Interface().(type) {
	case uint64:
		return cmp.Compare(x, b.Uint())
	case uint32:
		return cmp.Compare(uint64(x), b.Uint())
	case int64:
		return cmp.Compare(x, b.Int())
	case int32:
		return cmp.Compare(int64(x), b.Int())
	case float64:
		return cmp.Compare(x, b.Float())
	case float32:
		return cmp.Compare(float64(x), b.Float())
	case protoreflect.Message: // durations and timestamps: seconds, then nanos
		y := b.Message()
		return cmp.Or(cmp.Compare(number(x, "seconds"), number(y, "seconds")), cmp.Compare(number(x, "nanos"), number(y, "nanos")))
	}
	return 0
}

func number(m protoreflect.Message, name protoreflect.Name) int64 {
	field := m.Descriptor().Fields().ByName(name)
	if field == nil {
		return 0
	}
	return m.Get(field).Int()
}

// refusesEmpty is a rule that a message without the field breaks; empty: none.
func refusesEmpty(rules ruleSet) string {
	for _, rule := range slices.Sorted(maps.Keys(rules)) {
		v := rules[rule]
		last := rule[strings.LastIndexByte(rule, '.')+1:]
		switch {
		case last == "required" && v.Bool(),
			strings.HasPrefix(last, "min_") && v.Uint() > 0,
			last == "gt" && compareToZero(v) >= 0,
			last == "gte" && compareToZero(v) > 0,
			last == "pattern", last == "const", last == "len", strings.HasPrefix(rule, "cel"):
			return rule
		}
	}
	return ""
}

func compareToZero(v protoreflect.Value) int {
	switch x := v.Interface().(type) {
	case protoreflect.Message:
		return cmp.Compare(number(x, "seconds"), 0)
	case uint32, uint64:
		return cmp.Compare(v.Uint(), 0)
	case float32, float64:
		return cmp.Compare(v.Float(), 0)
	}
	return cmp.Compare(v.Int(), 0)
}

// known resolves protovalidate's options alone: descriptors that were loaded have
// them as bytes, or in a form of their own.
var known = func() *protoregistry.Types { //nolint:gochecknoglobals // a constant
	types := &protoregistry.Types{}
	for _, x := range []protoreflect.ExtensionType{validate.E_Field, validate.E_Message} {
		if err := types.RegisterExtension(x); err != nil {
			panic(err) // two constants
		}
	}
	return types
}()

func fieldRules(f protoreflect.FieldDescriptor) ruleSet {
	rules, _ := option(f, validate.E_Field).(*validate.FieldRules)
	return flatten(rules)
}

func messageRules(m protoreflect.MessageDescriptor) ruleSet {
	rules, _ := option(m, validate.E_Message).(*validate.MessageRules)
	return flatten(rules)
}

func option(d protoreflect.Descriptor, x protoreflect.ExtensionType) any {
	data, err := proto.Marshal(d.Options())
	if err != nil {
		return nil
	}
	fresh := d.Options().ProtoReflect().New().Interface()
	if err := (proto.UnmarshalOptions{Resolver: known}).Unmarshal(data, fresh); err != nil {
		return nil
	}
	return proto.GetExtension(fresh, x)
}

// flatten is a message of rules as a set. Of CEL rules each has a place by its id.
func flatten(m proto.Message) ruleSet {
	out := ruleSet{}
	if m != nil && m.ProtoReflect().IsValid() {
		out.add("", m.ProtoReflect())
	}
	return out
}

func (r ruleSet) add(prefix string, m protoreflect.Message) {
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		name := prefix + string(f.Name())
		switch {
		case f.IsList() && f.Message() != nil: // cel, oneof
			for i := range v.List().Len() {
				one := v.List().Get(i).Message()
				id := one.Get(one.Descriptor().Fields().Get(0)).String()
				r[name+"["+id+"]"] = v.List().Get(i)
			}
		case f.Message() != nil && !f.IsList() && isRules(f.Message()):
			r.add(name+".", v.Message())
		default:
			r[name] = v
		}
		return true
	})
}

// isRules tells rules from values, as a duration.
func isRules(m protoreflect.MessageDescriptor) bool {
	return m.ParentFile().Path() == validate.File_buf_validate_validate_proto.Path()
}
