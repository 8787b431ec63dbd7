package sample

import (
	"math/rand/v2"
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

const (
	// maxTried bounds the payloads that are tried for one case, where the rules
	// of a message tie its fields together.
	maxTried = 3000
	// maxOptions bounds the values of one field that are tried then.
	maxOptions = 24
)

// candidate is a value that may be taken.
type candidate struct {
	// value is not valid where a field is not set.
	value protoreflect.Value
	// why says what is special about it.
	why string
	// breaks is the one rule that it breaks; nil: it keeps all.
	breaks *breach
	// spare is only there to break something: it is no edge of what passes.
	spare bool
}

// slot is a field and what it may hold.
type slot struct {
	field protoreflect.FieldDescriptor
	// valid keeps the field's rules; where a field may be left out, that is first.
	valid []candidate
	// broken breaks one of them each.
	broken []candidate
}

// assembly puts a message together of its fields' values.
type assembly struct {
	*maker

	message protoreflect.MessageDescriptor
	slots   []slot
	// tied tells that the message has rules of its own.
	tied bool
	// least and most are the choices to begin with: as few fields as can be,
	// and as many.
	least, most []int
}

// A choice is the index of the value in each slot; unset is none.
const unset = -1

func (a *assembly) start() {
	taken := map[protoreflect.OneofDescriptor]bool{}
	for _, s := range a.slots {
		least, most := unset, unset
		for i, c := range s.valid {
			if least == unset {
				least = i
			}
			if c.value.IsValid() && most == unset {
				most = i
			}
		}
		if oneof := s.field.ContainingOneof(); oneof != nil && most != unset {
			if taken[oneof] {
				most = unset
			}
			taken[oneof] = true
		}
		a.least, a.most = append(a.least, least), append(a.most, most)
	}
}

// build is the message of a choice. The fixed slot has the candidate instead,
// and comes last: so it wins within its oneof.
func (a *assembly) build(choice []int, fixed int, c candidate) protoreflect.Message {
	m := dynamicpb.NewMessage(a.message)
	for i, s := range a.slots {
		if i != fixed && choice[i] != unset && s.valid[choice[i]].value.IsValid() {
			m.Set(s.field, s.valid[choice[i]].value)
		}
	}
	if fixed >= 0 {
		if c.value.IsValid() {
			m.Set(a.slots[fixed].field, c.value)
		} else {
			m.Clear(a.slots[fixed].field)
		}
	}
	return m
}

// complete finds a message with the candidate in the fixed slot that breaks
// just what is wanted; fixed -1: any message. Where the message's own rules are
// in the way, so many others are tried.
func (a *assembly) complete(fixed int, c candidate, want *breach, tries int) (protoreflect.Value, bool) {
	for _, choice := range [][]int{a.least, a.most} {
		if m := a.build(choice, fixed, c); a.distance(m, want) == 0 {
			return protoreflect.ValueOfMessage(m), true
		}
	}
	if !a.tied {
		return protoreflect.Value{}, false
	}
	return a.search(fixed, c, want, tries, a.least, a.most)
}

// settle moves the two choices to the nearest that pass, so that what is tried
// later begins at a payload that passes. What is false has none that was found.
func (a *assembly) settle() (least, most bool) {
	for _, one := range []struct {
		choice *[]int
		ok     *bool
	}{{&a.least, &least}, {&a.most, &most}} {
		if a.distance(a.build(*one.choice, unset, candidate{}), nil) == 0 {
			*one.ok = true
			continue
		}
		s := &searching{assembly: a, fixed: unset, tries: maxTried, left: maxTried}
		choice := slices.Clone(*one.choice)
		if a.tied && (s.climb(choice) || s.pairs(choice) || s.chance()) {
			*one.choice, *one.ok = s.choice, true
		}
	}
	return least, most
}

// distance is how far the message is from what is wanted: 0 is there.
func (a *assembly) distance(m protoreflect.Message, want *breach) int {
	found, err := a.judge(m, nil)
	if err != nil {
		return 1000 // a rule could not be evaluated
	}
	n := 0
	missing := want != nil
	for _, b := range found {
		if missing && b.key() == want.key() {
			missing = false
			continue
		}
		n++
	}
	if missing {
		n++
	}
	return n
}

// search begins with each of the starts. It changes one value after the other for the
// better, then any two at once, then all of them by chance; always the same chance.
func (a *assembly) search(fixed int, c candidate, want *breach, tries int, starts ...[]int) (protoreflect.Value, bool) {
	s := &searching{assembly: a, fixed: fixed, candidate: c, want: want, tries: tries, left: tries}
	for _, start := range starts {
		choice := slices.Clone(start)
		if s.climb(choice) || s.pairs(choice) {
			return s.found, true
		}
	}
	return s.found, s.chance()
}

type searching struct {
	*assembly

	fixed     int
	candidate candidate
	want      *breach
	tries     int
	left      int
	found     protoreflect.Value
	choice    []int // that found is of
}

// try is the distance of a choice.
func (s *searching) try(choice []int) int {
	if s.left--; s.left < 0 {
		return 1000
	}
	m := s.build(choice, s.fixed, s.candidate)
	d := s.distance(m, s.want)
	if d == 0 {
		s.found, s.choice = protoreflect.ValueOfMessage(m), slices.Clone(choice)
	}
	return d
}

// options are what a slot can be changed to.
func (s *searching) options(i int) []int {
	if i == s.fixed {
		return nil
	}
	var out []int
	if f := s.slots[i].field; f.ContainingOneof() != nil {
		out = append(out, unset)
	}
	for j := range s.slots[i].valid[:min(len(s.slots[i].valid), maxOptions)] {
		out = append(out, j)
	}
	return out
}

func (s *searching) climb(choice []int) bool {
	best := s.try(choice)
	for best > 0 && s.left > 0 {
		slot, option := unset, unset
		for i, was := range choice {
			for _, j := range s.options(i) {
				choice[i] = j
				if d := s.try(choice); d < best {
					best, slot, option = d, i, j
				}
			}
			choice[i] = was
		}
		if slot == unset {
			return false
		}
		choice[slot] = option
	}
	return best == 0
}

func (s *searching) pairs(choice []int) bool {
	for i, first := range choice {
		for _, x := range s.options(i) {
			choice[i] = x
			for j := i + 1; j < len(choice) && s.left > s.tries/4; j++ {
				second := choice[j]
				for _, y := range s.options(j) {
					choice[j] = y
					if s.try(choice) == 0 {
						return true
					}
				}
				choice[j] = second
			}
		}
		choice[i] = first
	}
	return false
}

func (s *searching) chance() bool {
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same payloads every time is the point
	choice := make([]int, len(s.slots))
	for s.left > 0 && len(s.slots) > 0 {
		for i := range choice {
			choice[i] = s.least[i]
			if options := s.options(i); len(options) > 0 {
				choice[i] = options[random.IntN(len(options))]
			}
		}
		if s.try(choice) == 0 {
			return true
		}
	}
	return false
}
