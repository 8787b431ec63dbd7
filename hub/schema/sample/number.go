package sample

import (
	"cmp"
	"fmt"
	"math"
	"math/big"
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// ruled are the values that rules name, as of const, in and lt, with the name of
// the rule. What is for examples comes first: its owner chose it to be seen.
func ruled(set protoreflect.Message) []struct {
	rule  string
	value protoreflect.Value
} {
	type entry = struct {
		rule  string
		value protoreflect.Value
	}
	var out []entry
	if set == nil {
		return nil
	}
	set.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if !f.IsList() {
			out = append(out, entry{string(f.Name()), v})
			return true
		}
		for i := range v.List().Len() {
			out = append(out, entry{string(f.Name()), v.List().Get(i)})
		}
		return true
	})
	order := map[string]int{"example": -3, "const": -2, "in": -1}
	slices.SortStableFunc(out, func(a, b entry) int {
		return cmp.Or(cmp.Compare(order[a.rule], order[b.rule]), cmp.Compare(a.rule, b.rule))
	})
	return out
}

// integers are values of a whole number's kind: what rules name and what is beside
// it, between two bounds, and the ends of the kind's range.
func integers(kind protoreflect.Kind, set protoreflect.Message, near hints, many int) []candidate {
	least, most, of := integerRange(kind)
	var out []candidate
	add := func(n *big.Int, why string) {
		if n.Cmp(least) >= 0 && n.Cmp(most) <= 0 {
			out = append(out, candidate{value: of(n), why: cmp.Or(why, n.String())})
		}
	}
	var named []*big.Int
	for _, r := range ruled(set) {
		n, ok := whole(r.value)
		if !ok {
			continue
		}
		named = append(named, n)
		if r.rule == "example" || r.rule == "in" || r.rule == "const" {
			add(n, "")
		}
	}
	for i := range named { // between two bounds, whichever they are
		for j := i + 1; j < len(named); j++ {
			mid := new(big.Int).Add(named[i], named[j])
			add(mid.Div(mid, big.NewInt(2)), "")
		}
	}
	for _, n := range near.numbers {
		if math.Abs(n) < 1<<62 {
			named = append(named, big.NewInt(int64(n)))
		}
	}
	for _, n := range named {
		for _, by := range []int64{0, 1, -1} {
			add(new(big.Int).Add(n, big.NewInt(by)), "")
		}
	}
	for _, n := range []int64{1, 2, 0, -1} {
		add(big.NewInt(n), "")
	}
	add(most, "the greatest, "+most.String())
	add(least, "the least, "+least.String())
	for i := range int64(many) {
		add(big.NewInt(i+3), "")
		for _, n := range named {
			add(new(big.Int).Add(n, big.NewInt(i+2)), "")
		}
	}
	return out
}

func whole(v protoreflect.Value) (*big.Int, bool) {
	switch v.Interface().(type) {
	case int32, int64:
		return big.NewInt(v.Int()), true
	case uint32, uint64:
		return new(big.Int).SetUint64(v.Uint()), true
	}
	return nil, false
}

func integerRange(kind protoreflect.Kind) (least, most *big.Int, of func(*big.Int) protoreflect.Value) {
	switch kind {
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return big.NewInt(0), big.NewInt(math.MaxUint32), func(n *big.Int) protoreflect.Value {
			return protoreflect.ValueOfUint32(uint32(n.Uint64())) //nolint:gosec // within the range, as all three below
		}
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return big.NewInt(0), new(big.Int).SetUint64(math.MaxUint64), func(n *big.Int) protoreflect.Value {
			return protoreflect.ValueOfUint64(n.Uint64())
		}
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return big.NewInt(math.MinInt32), big.NewInt(math.MaxInt32), func(n *big.Int) protoreflect.Value {
			return protoreflect.ValueOfInt32(int32(n.Int64())) //nolint:gosec // see above
		}
	default:
		return big.NewInt(math.MinInt64), big.NewInt(math.MaxInt64), func(n *big.Int) protoreflect.Value {
			return protoreflect.ValueOfInt64(n.Int64())
		}
	}
}

// floats are as integers, with the next number to each, and those that are none.
func floats(kind protoreflect.Kind, set protoreflect.Message, near hints, many int) []candidate {
	var out []candidate
	add := func(n float64) {
		v := protoreflect.ValueOfFloat64(n)
		if kind == protoreflect.FloatKind {
			v = protoreflect.ValueOfFloat32(float32(n))
		}
		out = append(out, candidate{value: v, why: v.String()})
	}
	next := func(n, to float64) float64 {
		if kind == protoreflect.FloatKind {
			return float64(math.Nextafter32(float32(n), float32(to)))
		}
		return math.Nextafter(n, to)
	}
	var named []float64
	for _, r := range ruled(set) {
		switch r.value.Interface().(type) {
		case float32, float64:
			named = append(named, r.value.Float())
		}
		if len(named) > 0 && (r.rule == "example" || r.rule == "in" || r.rule == "const") {
			add(named[len(named)-1])
		}
	}
	for i := range named {
		for j := i + 1; j < len(named); j++ {
			add(named[i]/2 + named[j]/2)
		}
	}
	for _, n := range append(named, near.numbers...) {
		for _, v := range []float64{n, n + 1, n - 1, next(n, math.Inf(1)), next(n, math.Inf(-1))} {
			add(v)
		}
	}
	for _, n := range []float64{1, 0.5, 0, -1} {
		add(n)
	}
	for _, n := range []float64{math.Inf(1), math.Inf(-1), math.NaN(), 1e30, -1e30} {
		add(n)
	}
	for i := range many {
		add(float64(i + 2))
		for _, n := range named {
			add(n + float64(i)/float64(many+1))
		}
	}
	return out
}

// enums are all values that have a name, and one that has none.
func enums(enum protoreflect.EnumDescriptor, set protoreflect.Message, many int) []candidate {
	var out []candidate
	add := func(n protoreflect.EnumNumber) {
		why := fmt.Sprintf("the number %d, which has no name", n)
		if value := enum.Values().ByNumber(n); value != nil {
			why = string(value.Name())
		}
		// A closed enum has no other numbers; that Go reads them from JSON is no edge to show.
		spare := enum.IsClosed() && enum.Values().ByNumber(n) == nil
		out = append(out, candidate{value: protoreflect.ValueOfEnum(n), why: why, spare: spare})
	}
	greatest := protoreflect.EnumNumber(0)
	var zero bool
	for i := range enum.Values().Len() {
		n := enum.Values().Get(i).Number()
		greatest = max(greatest, n)
		if n == 0 {
			zero = true // last: a value is seen to be set
			continue
		}
		add(n)
	}
	if zero {
		add(0)
	}
	for _, r := range ruled(set) {
		if n, ok := r.value.Interface().(int32); ok {
			add(protoreflect.EnumNumber(n))
		}
	}
	if greatest < math.MaxInt32-maxItems {
		for i := range protoreflect.EnumNumber(max(many, 1)) { //nolint:gosec // at most maxItems
			add(greatest + 1 + i)
		}
	}
	return out
}
