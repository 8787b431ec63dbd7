package main

import (
	"fmt"
	"slices"
	"strings"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// rulesOf says a field's rules in words. A kind of rule that is not known here
// is said as it is written, so that none is missing.
func rulesOf(field protoreflect.FieldDescriptor) string {
	rules, ok := proto.GetExtension(field.Options(), validate.E_Field).(*validate.FieldRules)
	if !ok || rules == nil {
		return ""
	}
	return strings.Join(inWords(rules), ", ")
}

func inWords(rules *validate.FieldRules) []string {
	var out []string
	for _, rule := range rules.GetCel() {
		out = append(out, rule.GetMessage())
	}
	switch {
	case rules.GetString() != nil:
		out = append(out, stringRules(rules.GetString())...)
	case rules.GetRepeated() != nil:
		out = append(out, listRules(rules.GetRepeated())...)
	case rules.GetMap() != nil:
		out = append(out, mapRules(rules.GetMap())...)
	case rules.GetUint32() != nil:
		out = append(out, bounds(rules.GetUint32().GetGte(), rules.GetUint32().GetLte()))
	case rules.GetDouble() != nil:
		out = append(out, bounds(rules.GetDouble().GetGte(), rules.GetDouble().GetLte()))
	case rules.GetDuration() != nil:
		out = append(out, durationRules(rules.GetDuration()))
	case rules.GetEnum() != nil: // the values are listed with their meaning
	case rules.GetRequired(): // said in the comment, and so in the column of defaults
	case rules.GetIgnore() == validate.Ignore_IGNORE_ALWAYS: // a choice that a comment explains
	case len(rules.GetCel()) == 0:
		out = append(out, fmt.Sprintf("`%v`", rules))
	}
	return out
}

// bounds are of what is not negative.
func bounds[N uint32 | float64](least, most N) string {
	if least > 0 {
		return fmt.Sprintf("from %v to %v", least, most)
	}
	return fmt.Sprintf("at most %v", most)
}

func stringRules(r *validate.StringRules) []string {
	var out []string
	switch least, most := r.GetMinLen(), r.GetMaxLen(); {
	case least > 0 && most > 0:
		out = append(out, fmt.Sprintf("%d to %d characters", least, most))
	case most > 0:
		out = append(out, fmt.Sprintf("at most %d characters", most))
	case least > 0:
		out = append(out, "not empty")
	}
	switch least, most := r.GetMinBytes(), r.GetMaxBytes(); {
	case least > 0 && most > 0:
		out = append(out, fmt.Sprintf("%d to %d bytes", least, most))
	case most > 0:
		out = append(out, fmt.Sprintf("at most %d bytes", most))
	case least > 0:
		out = append(out, "not empty")
	}
	if r.Pattern != nil {
		out = append(out, "matches ``"+r.GetPattern()+"``") // two: there may be one in it
	}
	if r.GetIpPrefix() {
		out = append(out, "a network, as 10.0.0.0/8")
	}
	var names []string
	for _, name := range r.GetIn() {
		if name != "" {
			names = append(names, name)
		}
	}
	if len(names) > 0 {
		out = append(out, "one of "+strings.Join(names, ", "))
	}
	return out
}

func listRules(r *validate.RepeatedRules) []string {
	var out []string
	switch least, most := r.GetMinItems(), r.GetMaxItems(); {
	case least > 0:
		out = append(out, fmt.Sprintf("%d to %d", least, most))
	case most > 0:
		out = append(out, fmt.Sprintf("at most %d", most))
	}
	if r.GetUnique() {
		out = append(out, "none twice")
	}
	if r.GetItems() != nil {
		if words := inWords(r.GetItems()); len(words) > 0 {
			out = append(out, "each "+strings.Join(words, ", "))
		}
	}
	return out
}

func mapRules(r *validate.MapRules) []string {
	out := []string{fmt.Sprintf("at most %d", r.GetMaxPairs())}
	for what, of := range map[string]*validate.FieldRules{"keys": r.GetKeys(), "values": r.GetValues()} {
		if words := inWords(of); of != nil && len(words) > 0 {
			out = append(out, what+": "+strings.Join(words, ", "))
		}
	}
	slices.Sort(out[1:])
	return out
}

func durationRules(r *validate.DurationRules) string {
	least := fmt.Sprintf("at least %s", r.GetGte().AsDuration())
	if r.GetGt() != nil {
		least = "more than 0s"
	}
	return fmt.Sprintf("%s, at most %ds", least, r.GetLte().GetSeconds())
}
