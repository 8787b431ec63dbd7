package sample

import (
	"fmt"
	"slices"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// maxItems bounds the items of a list and the entries of a map.
const maxItems = 2000

// field is what a field may be set to, and not to be set. What a message within
// has of rules, and lacks of samples, is noted.
func (k *maker) field(field protoreflect.FieldDescriptor, rules *validate.FieldRules, near hints, of *kind) []candidate {
	var out []candidate
	if field.Cardinality() != protoreflect.Required {
		out = append(out, candidate{why: "not set"})
	}
	near = (&near).of(field, rules)
	switch {
	case field.IsMap():
		return append(out, k.entries(field, rules, near, of)...)
	case field.IsList():
		return append(out, k.list(field, rules, near, of)...)
	}
	return append(out, k.value(field, rules, near, 0, func(b breach) breach { return b.below(step(field, false)) }, of)...)
}

// value is what one value may be: a field's, an item's, a key's, an entry's.
// many is how many that differ are asked for; below puts a path under the field.
func (k *maker) value(
	field protoreflect.FieldDescriptor, rules *validate.FieldRules, near hints, many int, below func(breach) breach, of *kind,
) []candidate {
	set := typeRules(rules)
	switch field.Kind() {
	case protoreflect.BoolKind:
		return []candidate{{value: protoreflect.ValueOfBool(true), why: "true"}, {value: protoreflect.ValueOfBool(false), why: "false"}}
	case protoreflect.EnumKind:
		return enums(field.Enum(), set, many)
	case protoreflect.StringKind:
		return k.texts(set, near, many)
	case protoreflect.BytesKind:
		return k.bytes(set, near, many)
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return k.messages(field, set, near, many, below, of)
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return floats(field.Kind(), set, near, many)
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind, protoreflect.Uint32Kind, protoreflect.Fixed32Kind,
		protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind, protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return integers(field.Kind(), set, near, many)
	default:
		return nil
	}
}

// messages are the values of a field with a message in it.
func (k *maker) messages(
	field protoreflect.FieldDescriptor, set protoreflect.Message, near hints, many int, below func(breach) breach, of *kind,
) []candidate {
	if known, ok := k.wellKnown(field.Message(), set, near, many); ok {
		return known
	}
	within := k.message(field.Message())
	out := slices.Clone(within.valid)
	for _, c := range within.broken {
		b := below(*c.breaks)
		of.targets[b.key()] = b
		out = append(out, c)
	}
	for _, u := range within.untested {
		path := patternPath(below(breach{}).path, field.ContainingMessage())
		if u.Field != "" {
			path += "." + u.Field
		}
		of.leave(Untested{Field: path, Rule: u.Rule, Reason: u.Reason})
	}
	return out
}

// sorted tells the values that keep their rules from the others, in a list or map of
// one, whatever the list itself asks for.
func (k *maker) sorted(
	field protoreflect.FieldDescriptor, all []candidate, put func(protoreflect.Message, candidate),
) (good, bad []candidate) {
	seen := map[string]bool{} // in a list of different items each is there once
	for _, c := range all {
		m := dynamicpb.NewMessage(field.ContainingMessage())
		put(m, c)
		found, err := k.judge(m, field)
		data := encoded(m)
		if err != nil || seen[data] {
			continue
		}
		seen[data] = true
		inner := slices.ContainsFunc(found, func(b breach) bool {
			return len(b.path) > 1 || len(b.path) == 1 && b.path[0].WhichSubscript() != validate.FieldPathElement_Subscript_not_set_case
		})
		switch {
		case inner:
			bad = append(bad, c)
		case !c.spare:
			good = append(good, c)
		}
	}
	return good, bad
}

func (k *maker) list(field protoreflect.FieldDescriptor, rules *validate.FieldRules, near hints, of *kind) []candidate {
	r := rules.GetRepeated()
	most := max(r.GetMinItems(), r.GetMaxItems())
	below := func(b breach) breach { return b.below(step(field, true)) }
	all := k.value(field, r.GetItems(), near, int(min(most, maxItems))+2, below, of)
	good, bad := k.sorted(field, all, func(m protoreflect.Message, c candidate) { m.Mutable(field).List().Append(c.value) })
	made := func(why string, items ...candidate) candidate {
		m := dynamicpb.NewMessage(field.ContainingMessage())
		list := m.NewField(field).List()
		for _, item := range items {
			list.Append(item.value)
		}
		return candidate{value: protoreflect.ValueOfList(list), why: why}
	}
	least := int(max(min(r.GetMinItems(), maxItems), 1))
	var out []candidate
	for _, n := range sizes(near, r.HasMinItems(), r.GetMinItems(), r.HasMaxItems(), r.GetMaxItems()) {
		if items, ok := filled(good, n); ok {
			out = append(out, made(counted(n, "item", "items"), items...))
		}
		if len(good) > 0 { // as many, of few kinds: where they need not differ
			out = append(out, made(counted(n, "item", "items"), cycled(good[:min(len(good), 3)], n)...))
		}
	}
	for i, c := range good {
		rest, ok := filled(slices.Delete(slices.Clone(good), i, i+1), least-1)
		if !ok && len(good) > 0 {
			rest = cycled(good, least-1)
		}
		if i < maxOptions {
			out = append(out, made("an item, "+c.why, append([]candidate{c}, rest...)...))
		}
	}
	for _, c := range bad {
		if rest, ok := filled(good, least-1); ok {
			out = append(out, made("an item, "+c.why, append(slices.Clone(rest), c)...))
		}
	}
	if len(good) > 0 {
		rest, _ := filled(good, max(least-2, 0))
		out = append(out,
			made("the same item twice", append(slices.Clone(rest), good[0], good[0])...),
			made("the same item twice, the last", append(slices.Clone(rest), good[len(good)-1], good[len(good)-1])...))
	}
	return out
}

// entries are a map's.
func (k *maker) entries(field protoreflect.FieldDescriptor, rules *validate.FieldRules, near hints, of *kind) []candidate {
	r := rules.GetMap()
	many := int(min(max(r.GetMinPairs(), r.GetMaxPairs()), maxItems)) + 2
	below := func(b breach) breach { return b.below(step(field, true)) }
	keys := k.value(field.MapKey(), r.GetKeys(), near, many, below, of)
	values := k.value(field.MapValue(), r.GetValues(), near, 1, below, of)
	if len(keys) == 0 || len(values) == 0 {
		return nil
	}
	// Which keys are good shows with a good value, and the other way round: the
	// first pass takes any value, and looks at the key alone.
	put := func(m protoreflect.Message, key, value candidate) {
		m.Mutable(field).Map().Set(key.value.MapKey(), value.value)
	}
	keyOK := func(key candidate) bool {
		m := dynamicpb.NewMessage(field.ContainingMessage())
		put(m, key, values[0])
		found, err := k.judge(m, field)
		return err == nil && !slices.ContainsFunc(found, func(b breach) bool { return b.ofKey })
	}
	var goodKeys, badKeys []candidate
	for _, key := range keys {
		if keyOK(key) {
			goodKeys = append(goodKeys, key)
		} else {
			badKeys = append(badKeys, key)
		}
	}
	if len(goodKeys) == 0 {
		return nil
	}
	good, bad := k.sorted(field, values, func(m protoreflect.Message, c candidate) { put(m, goodKeys[0], c) })
	if len(good) == 0 {
		good = values[:1]
	}
	made := func(why string, keys []candidate, values ...candidate) candidate {
		m := dynamicpb.NewMessage(field.ContainingMessage())
		entries := m.NewField(field).Map()
		for i, key := range keys {
			entries.Set(key.value.MapKey(), values[min(i, len(values)-1)].value)
		}
		return candidate{value: protoreflect.ValueOfMap(entries), why: why}
	}
	least := int(max(min(r.GetMinPairs(), maxItems), 1))
	var out []candidate
	for _, n := range sizes(near, r.HasMinPairs(), r.GetMinPairs(), r.HasMaxPairs(), r.GetMaxPairs()) {
		if keys, ok := filled(goodKeys, n); ok {
			out = append(out, made(counted(n, "entry", "entries"), keys, good[0]))
		}
	}
	rest, ok := filled(goodKeys, least)
	if !ok {
		return out
	}
	for _, value := range slices.Concat(good[:min(len(good), maxOptions)], bad) {
		out = append(out, made("an entry, "+value.why, rest, value, good[0]))
	}
	for _, key := range slices.Concat(goodKeys[:min(len(goodKeys), maxOptions)], badKeys) {
		others := slices.DeleteFunc(slices.Clone(rest), func(c candidate) bool { return c.value.Equal(key.value) })
		out = append(out, made("a key, "+key.why, append(others[:min(least-1, len(others))], key), good[0]))
	}
	return out
}

// sizes are the numbers of items that the rules make worth trying.
func sizes(near hints, hasLeast bool, least uint64, hasMost bool, most uint64) []int {
	out := []int{max(1, int(min(least, maxItems))), 2, 3}
	for _, bound := range []struct {
		there bool
		n     uint64
	}{{hasLeast, least}, {hasMost, most}} {
		if bound.there && bound.n < maxItems {
			n := int(bound.n)
			out = append(out, n, n+1, n-1)
		}
	}
	for _, n := range near.numbers {
		if n >= 0 && n < 100 {
			out = append(out, int(n), int(n)+1)
		}
	}
	out = slices.DeleteFunc(out, func(n int) bool { return n < 0 || n > maxItems })
	return dedupe(out)
}

func dedupe[T comparable](list []T) []T {
	seen := map[T]bool{}
	return slices.DeleteFunc(list, func(v T) bool {
		was := seen[v]
		seen[v] = true
		return was
	})
}

// filled are n values that differ.
func filled(from []candidate, n int) ([]candidate, bool) {
	if n > len(from) {
		return nil, false
	}
	return slices.Clone(from[:n]), true
}

func cycled(from []candidate, n int) []candidate {
	out := make([]candidate, n)
	for i := range out {
		out[i] = from[i%len(from)]
	}
	return out
}

func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
