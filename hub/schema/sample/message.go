package sample

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// perRule is how many payloads break one rule of one field: below and above
// are two, and a text may fail its pattern in more than one way.
const perRule = 5

// maxUntested is how many rules are listed that have no payload.
const maxUntested = 4096

// kind is what was made of one type of message. Paths begin at it.
type kind struct {
	// valid and broken are messages; the first valid one is the smallest.
	valid, broken []candidate
	// targets are all rules, by key, with those of the messages within.
	targets map[string]breach
	// with are the rules that were broken beside one, by its key.
	with map[string]map[string]bool
	// large are the rules that only a payload beyond the limit breaks.
	large    map[string]bool
	untested []Untested
	finished bool
}

func newKind() *kind {
	return &kind{targets: map[string]breach{}, with: map[string]map[string]bool{}, large: map[string]bool{}}
}

// together notes rules that one value breaks at once.
func (of *kind) together(found []breach) {
	for _, b := range found {
		for _, other := range found {
			if b.key() == other.key() {
				continue
			}
			if of.with[b.key()] == nil {
				of.with[b.key()] = map[string]bool{}
			}
			of.with[b.key()][other.rule] = true
		}
	}
}

// leave notes what is not tested. Messages within messages may have more rules than
// anybody can read: six fields on six levels are 46,656 paths. Then it says so.
func (of *kind) leave(u Untested) {
	switch n := len(of.untested); {
	case n < maxUntested:
		of.untested = append(of.untested, u)
	case n == maxUntested:
		of.untested = append(of.untested, Untested{Reason: fmt.Sprintf("more than %d rules are not tested; the rest is not listed", maxUntested)})
	}
}

// contradiction notes a field that no value passes in; brief: none for long.
func (of *kind) contradiction(s slot, targets []breach, brief bool) {
	if len(targets) == 0 || slices.ContainsFunc(s.valid, func(c candidate) bool {
		return c.value.IsValid() || !s.field.HasPresence() && !s.field.IsList() && !s.field.IsMap()
	}) {
		return
	}
	rules := make([]string, len(targets))
	for i, t := range targets {
		rules[i] = t.rule
	}
	reason := "no value was found that keeps all its rules: " + strings.Join(rules, ", ")
	if len(s.valid) > 0 {
		reason = "only leaving it out passes; no value was found that keeps all its rules: " + strings.Join(rules, ", ")
	}
	if brief {
		reason += "; what passes now does not a minute later"
	}
	of.leave(Untested{Field: s.field.JSONName(), Reason: reason})
}

// message makes a type's samples, once. While they are made, a field of the
// same type within is filled with as little as it takes: its rules are these.
func (k *maker) message(m protoreflect.MessageDescriptor) *kind {
	of := k.made[m.FullName()]
	switch {
	case of == nil:
	case of.finished:
		return of
	default:
		return k.barely(m)
	}
	of = newKind()
	k.made[m.FullName()] = of
	w := &work{kind: of, assembly: k.assemble(m, of)}
	w.passing()
	w.breaking()
	w.rest()
	of.finished = true
	return of
}

// barely is a message that is within itself: one that passes, no more.
func (k *maker) barely(m protoreflect.MessageDescriptor) *kind {
	if of := k.bare[m.FullName()]; of != nil {
		return of // empty while it is made: there it has to end
	}
	of := newKind()
	k.bare[m.FullName()] = of
	a := k.assemble(m, newKind())
	if least, _ := a.settle(); least {
		m := a.build(a.least, unset, candidate{})
		of.valid = []candidate{{value: protoreflect.ValueOfMessage(m), why: "as short as it can be"}}
	}
	return of
}

// assemble finds the values of all fields.
func (k *maker) assemble(m protoreflect.MessageDescriptor, of *kind) *assembly {
	rules, _ := protovalidate.ResolveMessageRules(m) // what cannot be read did not compile
	a := &assembly{maker: k, message: m}
	for _, b := range messageTargets(m, rules) {
		of.targets[b.key()] = b
		a.tied = true
	}
	near := messageHints(rules)
	for i := range m.Fields().Len() {
		a.slots = append(a.slots, k.slot(m.Fields().Get(i), near, of))
	}
	a.start()
	return a
}

// slot finds a field's values and sorts them by what the field's rules say.
func (k *maker) slot(field protoreflect.FieldDescriptor, near hints, of *kind) slot {
	rules := k.rulesOf(field)
	for _, b := range k.targets(field, rules) {
		of.targets[b.key()] = b
	}
	s := slot{field: field}
	seen, brief := map[string]bool{}, false
	for _, c := range k.field(field, rules, near, of) {
		m := dynamicpb.NewMessage(field.ContainingMessage())
		if c.value.IsValid() {
			m.Set(field, c.value)
		}
		data := encoded(m)
		if seen[data] {
			continue
		}
		seen[data] = true
		found, err := k.judge(m, field)
		switch large := len(data) > k.cfg.MaxPayloadBytes; {
		case err != nil: // a rule cannot be evaluated on it
		case field.Message() != nil && !k.lasts(m, field, found):
			brief = true
		case large && len(found) == 1:
			of.large[found[0].key()] = true
		case large:
		case len(found) == 0 && c.spare && rules.GetIgnore() != validate.Ignore_IGNORE_ALWAYS:
		case len(found) == 0:
			s.valid = append(s.valid, c)
		case len(found) == 1:
			c.breaks = &found[0]
			s.broken = append(s.broken, c)
		default:
			of.together(found)
		}
	}
	of.contradiction(s, k.targets(field, rules), brief)
	return s
}

// work is the making of one kind.
type work struct {
	*kind
	*assembly
}

// passing gathers what keeps all rules: the smallest, the fullest, and each
// value of each field.
func (w *work) passing() {
	least, most := w.settle()
	if !least {
		w.leave(Untested{Reason: "no payload was found that keeps all rules"})
		return
	}
	pass := func(choice []int, why string) {
		value := protoreflect.ValueOfMessage(w.build(choice, unset, candidate{}))
		w.valid = append(w.valid, candidate{value: value, why: why})
	}
	pass(w.least, "as little as passes")
	if most {
		pass(w.most, "as much as passes")
	}
	for i, s := range w.slots {
		seen := map[string]bool{} // one of those that say the same is enough
		tries := maxTried / 10    // less after each that leads nowhere
		for _, c := range s.valid {
			if len(w.valid) >= w.cfg.MaxCases {
				return
			}
			if seen[c.why] {
				continue
			}
			seen[c.why] = true
			if value, ok := w.complete(i, c, nil, tries); ok {
				w.valid = append(w.valid, candidate{value: value, why: named(s.field, c.why)})
			} else {
				tries /= 2
			}
		}
	}
}

func named(field protoreflect.FieldDescriptor, why string) string {
	return field.JSONName() + ": " + why
}

// breaking gathers what breaks one rule.
func (w *work) breaking() {
	broken, failed, seen := map[string]int{}, map[string]int{}, map[string]bool{}
	for i, s := range w.slots {
		for _, c := range s.broken {
			key := c.breaks.key()
			_, meant := w.targets[key]
			if !meant || seen[key+c.why] || broken[key] >= perRule || len(w.broken) >= w.cfg.MaxCases {
				continue
			}
			seen[key+c.why] = true
			tries := maxTried / 10 >> failed[key]
			if len(w.valid) == 0 {
				tries = 0 // something else is always broken
			}
			if value, ok := w.complete(i, c, c.breaks, tries); ok {
				broken[key]++
				w.broken = append(w.broken, candidate{value: value, why: named(s.field, c.why), breaks: c.breaks})
			} else {
				failed[key]++
				w.blame(i, c)
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(w.targets)) {
		if target := w.targets[key]; isOwn(target) {
			w.whole(target)
		}
	}
}

// whole looks for what breaks a rule of the message as a whole: from few fields
// on, and from many, which may be two ways to break it.
func (w *work) whole(target breach) {
	seen := map[string]bool{}
	for _, from := range []struct {
		choice []int
		why    string
	}{{w.least, "few fields"}, {w.most, "many fields"}} {
		value, ok := w.search(unset, candidate{}, &target, maxTried, from.choice)
		if ok && !seen[encoded(value.Message())] {
			seen[encoded(value.Message())] = true
			why := strings.TrimSpace(patternPath(target.path, w.assembly.message)+" "+target.rule) + ", " + from.why
			w.broken = append(w.broken, candidate{value: value, why: why, breaks: &target})
		}
	}
}

// isOwn tells whether a rule is the message's as a whole: of no field.
func isOwn(b breach) bool {
	return len(b.path) == 0 || len(b.path) == 1 && b.path[0].GetFieldNumber() == 0
}

// blame notes what is broken beside a field's rule by any message with its value.
func (w *work) blame(fixed int, c candidate) {
	if found, err := w.judge(w.build(w.least, fixed, c), nil); err == nil {
		w.together(found)
	}
}

// rest lists the rules that nothing was found for.
func (w *work) rest() {
	said := map[string]bool{}
	for _, c := range w.broken {
		said[c.breaks.key()] = true
	}
	for _, key := range slices.Sorted(maps.Keys(w.targets)) {
		if said[key] {
			continue
		}
		target := w.targets[key]
		field := patternPath(target.path, w.assembly.message)
		w.leave(Untested{Field: field, Rule: target.rule, Reason: w.reason(key)})
	}
}

func (w *work) reason(key string) string {
	switch {
	case len(w.broken) >= w.cfg.MaxCases:
		return fmt.Sprintf("there are more than %d payloads", w.cfg.MaxCases)
	case w.large[key]:
		return fmt.Sprintf("what breaks it is larger than a payload may be, %d bytes", w.cfg.MaxPayloadBytes)
	case len(w.with[key]) > 0:
		return "it was only broken together with " + strings.Join(slices.Sorted(maps.Keys(w.with[key])), ", ")
	}
	return "no payload was found that breaks it"
}
