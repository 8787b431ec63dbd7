package sample

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// texts are values for a string's rules. A frame is what the rules ask of a text
// whatever its length: a beginning and an end between which it can grow. Each frame
// is brought to each length that the rules speak of, and then bent a little.
func (k *maker) texts(set protoreflect.Message, near hints, many int) []candidate {
	r := stringRules(set)
	t := &texts{limit: k.cfg.MaxPayloadBytes, rules: r}
	if r.HasPattern() {
		t.pattern, _ = newPattern(r.GetPattern())
	}
	for _, one := range ruled(set) {
		text, ok := one.value.Interface().(string)
		switch {
		case !ok:
		case one.rule == "const", one.rule == "in", one.rule == "example":
			t.add(text, "")
		}
	}
	t.frames()
	t.patterned()
	t.sized(near)
	t.bent(near)
	t.differing(many)
	for _, text := range r.GetNotIn() {
		t.add(text, "")
	}
	return t.out
}

// stringRules are a string's own rules, or none.
func stringRules(set protoreflect.Message) *validate.StringRules {
	if set != nil {
		if r, ok := set.Interface().(*validate.StringRules); ok {
			return r
		}
	}
	return &validate.StringRules{}
}

type texts struct {
	limit   int
	rules   *validate.StringRules
	pattern *pattern // nil: none
	made    []frame
	spare   bool // what is added now
	out     []candidate
}

// frame is a text that can grow in its middle.
type frame struct{ head, tail string }

func (t *texts) add(text, why string) {
	// Twice the limit: so a bound beyond it is seen to be one.
	if len(text) > 2*t.limit+1 || !utf8.ValidString(text) {
		return
	}
	if why == "" {
		why = quoted(text)
	}
	t.out = append(t.out, candidate{value: protoreflect.ValueOfString(text), why: why, spare: t.spare})
}

func quoted(text string) string {
	if utf8.RuneCountInString(text) > 40 {
		return fmt.Sprintf("%d characters", utf8.RuneCountInString(text))
	}
	return fmt.Sprintf("%q", text)
}

func (t *texts) frames() {
	r := t.rules
	if f, ok := formats[formatOf(r)]; ok {
		t.made = append(t.made, f.frame)
		for _, text := range f.good {
			t.add(text, "")
		}
	}
	t.made = append(t.made, frame{r.GetPrefix() + r.GetContains(), r.GetSuffix()})
	if r.HasPrefix() || r.HasSuffix() || r.HasContains() {
		t.add(r.GetPrefix()+r.GetContains()+r.GetSuffix(), "")
	}
}

// patterned are texts that the pattern matches, short and longer.
func (t *texts) patterned() {
	if t.pattern == nil {
		return
	}
	least, ok := t.pattern.least()
	if !ok {
		return
	}
	for _, n := range []int{least + 4, least, least + 1, least + 2, least + 3, least + 8} {
		if text, ok := t.pattern.text(n); ok {
			t.add(text, "")
			if n == least+4 || len(t.made) < 3 {
				t.made = append(t.made, frame{text[:len(text)/2], text[len(text)/2:]})
			}
		}
	}
}

// sized are texts of the lengths at which something changes.
func (t *texts) sized(near hints) {
	r := t.rules
	var lengths []int
	around := func(there bool, n uint64) {
		if there && n <= 2*uint64(t.limit) { //nolint:gosec // not negative
			lengths = append(lengths, int(n), int(n)+1, int(n)-1) //nolint:gosec // at most the limit
		}
	}
	around(r.HasLen(), r.GetLen())
	around(r.HasMinLen(), r.GetMinLen())
	lengths = append(lengths, 5, 1) // before the greatest: what passes first is seen most
	around(r.HasMaxLen(), r.GetMaxLen())
	inCharacters := len(lengths)
	around(r.HasLenBytes(), r.GetLenBytes())
	around(r.HasMinBytes(), r.GetMinBytes())
	around(r.HasMaxBytes(), r.GetMaxBytes())
	inBytes := len(lengths) > inCharacters
	for _, n := range near.numbers {
		if n >= 0 && n < 5000 {
			lengths = append(lengths, int(n), int(n)+1, int(n)-1)
		}
	}
	for _, n := range dedupe(lengths) {
		t.long(n, inBytes)
	}
}

// long are texts of n characters, or bytes.
func (t *texts) long(n int, inBytes bool) {
	if t.pattern != nil {
		if text, ok := t.pattern.text(n); ok {
			t.add(text, counted(n, "character", "characters"))
		}
	}
	for _, f := range t.made {
		if text, ok := f.grown(n, "a"); ok {
			t.add(text, counted(n, "character", "characters"))
		}
		// What looks like one character has two, three or four bytes, and in
		// JavaScript two units: who counts otherwise is found out here.
		if text, ok := f.grown(n, "😀"); ok && n > 0 {
			t.add(text, counted(n, "character", "characters")+", some of four bytes")
		}
		if inBytes && n > 0 {
			t.inBytes(f, n)
		}
	}
}

// inBytes are texts of n bytes with as few and as many characters as can be.
func (t *texts) inBytes(f frame, n int) {
	left := n - len(f.head) - len(f.tail)
	if left < 0 {
		return
	}
	for _, r := range []string{"ä", "€", "😀"} {
		middle := strings.Repeat(r, left/len(r)) + strings.Repeat("a", left%len(r))
		t.add(f.head+middle+f.tail, fmt.Sprintf("%d bytes", n))
	}
}

// grown is the frame with n characters.
func (f frame) grown(n int, with string) (string, bool) {
	left := n - utf8.RuneCountInString(f.head) - utf8.RuneCountInString(f.tail)
	if left < 0 {
		if cut := []rune(f.head + f.tail); n >= 0 && n < len(cut) {
			return string(cut[:n]), true
		}
		return "", false
	}
	return f.head + strings.Repeat(with, left) + f.tail, true
}

// bent are texts beside those that pass: each rule should be broken by one of them,
// at the same length where that matters.
func (t *texts) bent(near hints) {
	t.add("", "empty")
	for _, text := range near.texts {
		t.add(text, "")
		t.add(text+"x", "")
	}
	t.spare = true
	defer func() { t.spare = false }()
	if f, ok := formats[formatOf(t.rules)]; ok {
		for _, text := range f.bad {
			t.add(text, "")
		}
	}
	r := t.rules
	same := func(text string) string { return strings.Repeat("~", utf8.RuneCountInString(text)) }
	if r.HasPrefix() || r.HasSuffix() || r.HasContains() || r.HasNotContains() {
		for _, pad := range []int{0, t.padding()} {
			fill := strings.Repeat("a", pad)
			t.add(same(r.GetPrefix())+r.GetContains()+fill+r.GetSuffix(), "another beginning")
			t.add(r.GetPrefix()+r.GetContains()+fill+same(r.GetSuffix()), "another end")
			t.add(r.GetPrefix()+same(r.GetContains())+fill+r.GetSuffix(), "without what it contains")
			t.add(r.GetPrefix()+r.GetContains()+r.GetNotContains()+fill+r.GetSuffix(), "")
		}
	}
	for _, c := range slices.Clone(t.out[:min(len(t.out), 12)]) {
		text := []rune(c.value.String())
		if len(text) == 0 || len(text) > 4096 {
			continue
		}
		for _, with := range "!~ _Z0a-ß\n\x01" {
			for _, at := range []int{0, len(text) / 2, len(text) - 1} {
				other := slices.Clone(text)
				other[at] = with
				t.add(string(other), "")
			}
		}
		t.add(string(text)+"!", "")
		t.add(string(text)+" ", "")
		t.add(string(text[1:]), "")
		t.add(string(text[:len(text)-1]), "")
		t.add(string(text)+string(text), "")
		t.add(strings.ToUpper(string(text)), "")
	}
}

// padding is how much a text needs beside its parts to be long enough.
func (t *texts) padding() int {
	r := t.rules
	parts := utf8.RuneCountInString(r.GetPrefix() + r.GetContains() + r.GetSuffix() + r.GetNotContains())
	need := max(r.GetMinLen(), r.GetLen(), r.GetMinBytes(), r.GetLenBytes())
	return max(int(min(need, uint64(t.limit)))-parts, 1) //nolint:gosec // at most the limit
}

// differing are so many texts that are not the same.
func (t *texts) differing(many int) {
	f, isFormat := formats[formatOf(t.rules)]
	for i := range many {
		switch {
		case isFormat && f.nth != nil:
			t.add(f.nth(i), "")
		case t.pattern != nil:
			least, _ := t.pattern.least()
			if text, ok := t.pattern.text(least + i%16); ok {
				t.add(text, "")
			}
		default:
			n := fmt.Sprint(i)
			pad := max(t.padding()-len(n), 0)
			t.add(t.made[0].head+n+strings.Repeat("a", pad)+t.made[0].tail, "")
		}
	}
}
