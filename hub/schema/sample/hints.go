package sample

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// hints are what CEL expressions speak of: a rule as `this.size() > 5 || this ==
// 'all'` is kept and broken near 5 and near "all".
type hints struct {
	numbers []float64
	texts   []string
	// spans are durations and times.
	spans []time.Duration
	times []time.Time
	// fields are those that a message's expressions name.
	fields map[string]bool
}

var (
	literalText   = regexp.MustCompile(`'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"`)
	literalNumber = regexp.MustCompile(`(?:^|[^\w.'"])(-?\d+(?:\.\d+)?)`)
	literalField  = regexp.MustCompile(`this\.(\w+)`)
)

func (h *hints) read(expression string) {
	for _, found := range literalText.FindAllStringSubmatch(expression, -1) {
		text := found[1] + found[2]
		h.texts = append(h.texts, text)
		if span, err := time.ParseDuration(text); err == nil {
			h.spans = append(h.spans, span)
		}
		if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
			h.times = append(h.times, at)
		}
	}
	for _, found := range literalNumber.FindAllStringSubmatch(literalText.ReplaceAllString(expression, ""), -1) {
		if n, err := strconv.ParseFloat(strings.TrimSpace(found[1]), 64); err == nil {
			h.numbers = append(h.numbers, n)
		}
	}
	for _, found := range literalField.FindAllStringSubmatch(expression, -1) {
		if h.fields == nil {
			h.fields = map[string]bool{}
		}
		h.fields[found[1]] = true
	}
}

func messageHints(rules *validate.MessageRules) hints {
	var h hints
	for _, expression := range rules.GetCelExpression() {
		h.read(expression)
	}
	for _, rule := range rules.GetCel() {
		h.read(rule.GetExpression())
	}
	return h
}

// of are the hints for one field: the message's, where it speaks of the field,
// and those of the field's own rules, at any depth, with what predefined rules say.
func (h *hints) of(field protoreflect.FieldDescriptor, rules *validate.FieldRules) hints {
	var out hints
	if h.fields[string(field.Name())] {
		out = hints{numbers: h.numbers, texts: h.texts, spans: h.spans, times: h.times}
	}
	out.rules(rules)
	return out
}

func (h *hints) rules(rules *validate.FieldRules) {
	if rules == nil {
		return
	}
	for _, expression := range rules.GetCelExpression() {
		h.read(expression)
	}
	for _, rule := range rules.GetCel() {
		h.read(rule.GetExpression())
	}
	if set := typeRules(rules); set != nil {
		set.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
			if f.IsExtension() {
				h.predefined(f, v)
			}
			return true
		})
	}
	h.rules(rules.GetRepeated().GetItems())
	h.rules(rules.GetMap().GetKeys())
	h.rules(rules.GetMap().GetValues())
}

// predefined are the hints of a rule that the proto's own files define.
func (h *hints) predefined(f protoreflect.FieldDescriptor, v protoreflect.Value) {
	if rules, err := protovalidate.ResolvePredefinedRules(f); err == nil {
		for _, rule := range rules.GetCel() {
			h.read(rule.GetExpression())
		}
	}
	values := []protoreflect.Value{v}
	if f.IsList() {
		values = make([]protoreflect.Value, v.List().Len())
		for i := range values {
			values[i] = v.List().Get(i)
		}
	}
	for _, v := range values {
		switch x := v.Interface().(type) {
		case string:
			h.texts = append(h.texts, x)
		case int32, int64:
			h.numbers = append(h.numbers, float64(v.Int()))
		case uint32, uint64:
			h.numbers = append(h.numbers, float64(v.Uint()))
		case float32, float64:
			h.numbers = append(h.numbers, v.Float())
		}
	}
}
