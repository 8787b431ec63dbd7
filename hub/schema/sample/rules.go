package sample

import (
	"cmp"
	"slices"
	"strings"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// rulesOf are a field's rules, with those that the proto's own files define
// read by their names; nil without any.
func (k *maker) rulesOf(field protoreflect.FieldDescriptor) *validate.FieldRules {
	rules, err := protovalidate.ResolveFieldRules(field)
	if err != nil || rules == nil {
		return nil
	}
	data, err := proto.Marshal(rules)
	if err != nil {
		return rules
	}
	known := &validate.FieldRules{}
	if (proto.UnmarshalOptions{Resolver: k.types}).Unmarshal(data, known) != nil {
		return rules
	}
	return known
}

// typeRules are the rules that only this type has, as StringRules; nil without.
func typeRules(rules *validate.FieldRules) protoreflect.Message {
	if rules == nil {
		return nil
	}
	r := rules.ProtoReflect()
	set := r.WhichOneof(r.Descriptor().Oneofs().ByName("type"))
	if set == nil {
		return nil
	}
	return r.Get(set).Message()
}

// targets are the rules that a value at a path is held to: what there is to
// break. Those of a message within are the message's own.
func (k *maker) targets(field protoreflect.FieldDescriptor, rules *validate.FieldRules) []breach {
	if rules.GetIgnore() == validate.Ignore_IGNORE_ALWAYS {
		return nil
	}
	path := []*validate.FieldPathElement{step(field, false)}
	out := valueTargets(path, false, rules)
	if !field.HasPresence() && ignoresZero(field, rules) {
		out = slices.DeleteFunc(out, forEmpty)
	}
	if rules.GetRequired() {
		out = append(out, breach{path: path, rule: "required"})
	}
	many := []*validate.FieldPathElement{step(field, true)}
	switch {
	case field.IsMap():
		out = append(out, valueTargets(many, true, rules.GetMap().GetKeys())...)
		out = append(out, valueTargets(many, false, rules.GetMap().GetValues())...)
	case field.IsList():
		out = append(out, valueTargets(many, false, rules.GetRepeated().GetItems())...)
	}
	return out
}

func valueTargets(path []*validate.FieldPathElement, ofKey bool, rules *validate.FieldRules) []breach {
	if rules.GetIgnore() == validate.Ignore_IGNORE_ALWAYS {
		return nil
	}
	var out []breach
	add := func(rule string) { out = append(out, breach{path: path, rule: rule, ofKey: ofKey}) }
	for _, expression := range rules.GetCelExpression() {
		add(expression)
	}
	for _, rule := range rules.GetCel() {
		add(rule.GetId())
	}
	set := typeRules(rules)
	if set == nil {
		return out
	}
	set.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		for _, id := range ruleIDs(set, f, v) {
			add(id)
		}
		return true
	})
	slices.SortFunc(out, func(a, b breach) int { return strings.Compare(a.rule, b.rule) })
	within := path[0].WhichSubscript() != validate.FieldPathElement_Subscript_not_set_case
	if within && rules.GetIgnore() == validate.Ignore_IGNORE_IF_ZERO_VALUE {
		out = slices.DeleteFunc(out, forEmpty)
	}
	return out
}

// ignoresZero tells whether a field's zero value is not held to its rules: it says
// so, or is among those of which one is set.
func ignoresZero(field protoreflect.FieldDescriptor, rules *validate.FieldRules) bool {
	if rules.HasIgnore() {
		return rules.GetIgnore() == validate.Ignore_IGNORE_IF_ZERO_VALUE
	}
	message, _ := protovalidate.ResolveMessageRules(field.ContainingMessage()) // what cannot be read did not compile
	return slices.ContainsFunc(message.GetOneof(), func(o *validate.MessageOneofRule) bool {
		return slices.Contains(o.GetFields(), string(field.Name()))
	})
}

// forEmpty tells the rules of formats that only an empty value breaks.
func forEmpty(b breach) bool { return strings.HasSuffix(b.rule, "_empty") }

// ruleIDs are the ids of what one rule refuses: of most rules one, of a format
// as email another one for the empty text.
func ruleIDs(set protoreflect.Message, f protoreflect.FieldDescriptor, v protoreflect.Value) []string {
	if on, isBool := v.Interface().(bool); isBool && !on && f.Name() != "const" && !f.IsExtension() {
		return nil
	}
	switch f.FullName() {
	case "buf.validate.EnumRules.defined_only":
		return []string{"enum.defined_only"}
	case "buf.validate.AnyRules.in":
		return []string{"any.in"}
	case "buf.validate.AnyRules.not_in":
		return []string{"any.not_in"}
	}
	predefined, err := protovalidate.ResolvePredefinedRules(f)
	if err != nil {
		return nil
	}
	var ids []string
	for _, rule := range predefined.GetCel() {
		ids = append(ids, rule.GetId())
	}
	switch f.Name() {
	case "example":
		return nil
	case "lt", "lte", "gt", "gte":
		return []string{boundID(set, f, ids)}
	case "well_known_regex":
		name := v.Enum() == protoreflect.EnumNumber(validate.KnownRegex_KNOWN_REGEX_HTTP_HEADER_NAME)
		return slices.DeleteFunc(ids, func(id string) bool { return strings.Contains(id, "header_name") != name })
	}
	return ids
}

// boundID is a bound's id. Of two bounds the lower has the id of both, with
// another end where the lower is above the upper: then what is between is refused.
func boundID(set protoreflect.Message, f protoreflect.FieldDescriptor, ids []string) string {
	kind, _, _ := strings.Cut(ids[0], ".")
	fields := set.Descriptor().Fields()
	one := func(names ...protoreflect.Name) protoreflect.FieldDescriptor {
		for _, name := range names {
			if set.Has(fields.ByName(name)) {
				return fields.ByName(name)
			}
		}
		return nil
	}
	lower, upper := one("gt", "gte"), one("lt", "lte")
	if lower == nil || upper == nil {
		return kind + "." + string(f.Name())
	}
	id := kind + "." + string(lower.Name()) + "_" + string(upper.Name())
	if compareValues(set.Get(upper), set.Get(lower)) < 0 {
		id += "_exclusive"
	}
	return id
}

// messageTargets are the rules of a message as a whole.
func messageTargets(m protoreflect.MessageDescriptor, rules *validate.MessageRules) []breach {
	var out []breach
	for _, expression := range rules.GetCelExpression() {
		out = append(out, breach{rule: expression})
	}
	for _, rule := range rules.GetCel() {
		out = append(out, breach{rule: rule.GetId()})
	}
	if len(rules.GetOneof()) > 0 {
		out = append(out, breach{rule: "message.oneof"})
	}
	for i := range m.Oneofs().Len() {
		if oneof := m.Oneofs().Get(i); oneofRules(oneof).GetRequired() {
			e := &validate.FieldPathElement{}
			e.SetFieldName(string(oneof.Name()))
			out = append(out, breach{path: []*validate.FieldPathElement{e}, rule: "required"})
		}
	}
	return out
}

func oneofRules(oneof protoreflect.OneofDescriptor) *validate.OneofRules {
	rules, _ := protovalidate.ResolveOneofRules(oneof) // what cannot be read did not compile
	return rules
}

// compareValues orders two bounds of one rule.
func compareValues(a, b protoreflect.Value) int {
	switch x := a.Interface().(type) {
	case uint32, uint64:
		return cmp.Compare(a.Uint(), b.Uint())
	case int32, int64:
		return cmp.Compare(a.Int(), b.Int())
	case float32, float64:
		return cmp.Compare(a.Float(), b.Float())
	case protoreflect.Message: // durations and timestamps
		seconds, nanos := x.Descriptor().Fields().ByName("seconds"), x.Descriptor().Fields().ByName("nanos")
		y := b.Message()
		return cmp.Or(cmp.Compare(x.Get(seconds).Int(), y.Get(seconds).Int()), cmp.Compare(x.Get(nanos).Int(), y.Get(nanos).Int()))
	}
	return 0
}
