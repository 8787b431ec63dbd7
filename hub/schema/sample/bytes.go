package sample

import (
	"fmt"
	"slices"
	"strings"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// bytes are values for the rules of bytes, as texts are for a string's.
func (k *maker) bytes(set protoreflect.Message, near hints, many int) []candidate {
	r := &validate.BytesRules{}
	if set != nil {
		if own, ok := set.Interface().(*validate.BytesRules); ok {
			r = own
		}
	}
	around := frame{string(r.GetPrefix()) + string(r.GetContains()), string(r.GetSuffix())}
	b := &binaries{limit: k.cfg.MaxPayloadBytes, rules: r, frame: around}
	for _, one := range ruled(set) {
		if named, ok := one.value.Interface().([]byte); ok {
			b.add(string(named), "")
			b.add(string(named)+"x", "")
		}
	}
	b.patterned()
	longest := b.sized(near)
	b.spare = true
	b.bent(longest)
	b.spare = false
	for i := range many {
		b.add(b.filled(fmt.Sprint(i), b.least()), "")
	}
	for _, text := range near.texts {
		b.add(text, "")
	}
	return b.out
}

type binaries struct {
	limit int
	rules *validate.BytesRules
	frame frame
	spare bool // what is added now
	out   []candidate
}

func (b *binaries) add(text, why string) {
	if len(text) > b.limit {
		return
	}
	if why == "" {
		why = fmt.Sprintf("%d bytes", len(text))
	}
	b.out = append(b.out, candidate{value: protoreflect.ValueOfBytes([]byte(text)), why: why, spare: b.spare})
}

// least is how long a value has to be.
func (b *binaries) least() int {
	return int(min(max(b.rules.GetMinLen(), b.rules.GetLen()), uint64(b.limit))) //nolint:gosec // at most the limit
}

// filled is the frame around a text, and as much as is missing.
func (b *binaries) filled(text string, n int) string {
	missing := max(n-len(b.frame.head)-len(b.frame.tail)-len(text), 0)
	return b.frame.head + text + strings.Repeat("a", missing) + b.frame.tail
}

func (b *binaries) patterned() {
	if !b.rules.HasPattern() {
		return
	}
	p, ok := newPattern(b.rules.GetPattern())
	if !ok {
		return
	}
	least, _ := p.least()
	for n := range 12 {
		if text, ok := p.text(least + n); ok {
			b.add(text, fmt.Sprintf("%.40q", text))
			b.add("~"+text[min(1, len(text)):], "")
		}
	}
}

// sized are values of the lengths at which something changes, an address' and a UUID's
// among them.
func (b *binaries) sized(near hints) (longest int) {
	parts := len(b.frame.head) + len(b.frame.tail)
	lengths := []int{4, 16, 0, 1, 3, 5, 15, 17, parts, parts + 4}
	for _, bound := range []struct {
		there bool
		n     uint64
	}{{b.rules.HasLen(), b.rules.GetLen()}, {b.rules.HasMinLen(), b.rules.GetMinLen()}, {b.rules.HasMaxLen(), b.rules.GetMaxLen()}} {
		if n := int(min(bound.n, uint64(b.limit))); bound.there && n < b.limit { //nolint:gosec // at most the limit
			lengths = append(lengths, n, n+1, n-1)
		}
	}
	for _, n := range near.numbers {
		if n >= 0 && n < 5000 {
			lengths = append(lengths, int(n), int(n)+1)
		}
	}
	for _, n := range dedupe(lengths) {
		if n >= parts {
			b.add(b.filled("", n), "")
		} else if n >= 0 {
			b.add((b.frame.head + b.frame.tail)[:n], "")
		}
	}
	return slices.Max(lengths)
}

// bent are values that lack a part, in three lengths.
func (b *binaries) bent(longest int) {
	r := b.rules
	same := func(part []byte) string { return strings.Repeat("~", len(part)) }
	parts := len(b.frame.head) + len(b.frame.tail)
	for _, n := range []int{0, b.least(), longest} {
		fill := strings.Repeat("a", max(n-parts, 0))
		b.add(same(r.GetPrefix())+string(r.GetContains())+fill+b.frame.tail, "another beginning")
		b.add(b.frame.head+fill+same(r.GetSuffix()), "another end")
		b.add(string(r.GetPrefix())+same(r.GetContains())+fill+b.frame.tail, "without what it contains")
	}
	b.add("\xff\xfe", "bytes that are no text")
}
