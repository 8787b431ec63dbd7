package sample

import (
	"math/big"
	"math/rand/v2"
	"regexp/syntax"
	"unicode"
)

// maxPattern is how many characters a text that is made of a pattern has at most.
// A longer one is stretched and tried, which most patterns allow.
const maxPattern = 2048

// pattern makes texts that a regular expression matches, of a given length where
// it has one. The set of possible lengths is worked out for each part first,
// as bits of a number: with them no choice on the way leads into a dead end. An
// assertion as \b is taken for nothing, so what comes out is tried before it counts.
//
// rapid.StringMatching does alike, but not to a length, and brings the testing
// package into whoever imports it.
type pattern struct {
	root    *syntax.Regexp
	lengths map[*syntax.Regexp]*big.Int
	random  *rand.Rand
}

func newPattern(expression string) (*pattern, bool) {
	root, err := syntax.Parse(expression, syntax.Perl)
	if err != nil {
		return nil, false
	}
	random := rand.New(rand.NewPCG(3, 4)) //nolint:gosec // the same texts every time
	p := &pattern{root: root, lengths: map[*syntax.Regexp]*big.Int{}, random: random}
	p.of(root)
	return p, true
}

//nolint:gochecknoglobals // a constant that Go cannot write as one
var within = func() *big.Int {
	all := new(big.Int).Lsh(big.NewInt(1), maxPattern+1)
	return all.Sub(all, big.NewInt(1))
}()

func only(n int) *big.Int {
	return new(big.Int).And(new(big.Int).Lsh(big.NewInt(1), uint(max(n, 0))), within)
}

// sum are the lengths of one after the other.
func sum(a, b *big.Int) *big.Int {
	out := new(big.Int)
	for i := range a.BitLen() {
		if a.Bit(i) == 1 {
			out.Or(out, new(big.Int).Lsh(b, uint(i)))
		}
	}
	return out.And(out, within)
}

// of are the lengths that a part can have.
func (p *pattern) of(re *syntax.Regexp) *big.Int {
	if known := p.lengths[re]; known != nil {
		return known
	}
	out := new(big.Int)
	switch re.Op {
	case syntax.OpNoMatch:
	case syntax.OpLiteral:
		out = only(len(re.Rune))
	case syntax.OpCharClass:
		if len(re.Rune) > 0 {
			out = only(1)
		}
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		out = only(1)
	case syntax.OpCapture:
		out = p.of(re.Sub[0])
	case syntax.OpConcat:
		out = only(0)
		for _, sub := range re.Sub {
			out = sum(p.of(sub), out)
		}
	case syntax.OpAlternate:
		for _, sub := range re.Sub {
			out.Or(out, p.of(sub))
		}
	case syntax.OpStar, syntax.OpPlus, syntax.OpQuest, syntax.OpRepeat:
		least, most := bounds(re)
		out = p.repeated(re.Sub[0], least, most)
	default: // beginnings, ends, word boundaries: no characters
		out = only(0)
	}
	p.lengths[re] = out
	return out
}

func bounds(re *syntax.Regexp) (least, most int) {
	switch re.Op {
	case syntax.OpStar:
		return 0, maxPattern
	case syntax.OpPlus:
		return 1, maxPattern
	case syntax.OpQuest:
		return 0, 1
	default:
		if re.Max < 0 {
			return re.Min, maxPattern
		}
		return re.Min, re.Max
	}
}

// repeated are the lengths of a part, least to most times.
func (p *pattern) repeated(re *syntax.Regexp, least, most int) *big.Int {
	one := p.of(re)
	if one.Cmp(only(1)) == 0 { // a character, as nearly always
		out := new(big.Int)
		for n := least; n <= min(most, maxPattern); n++ {
			out.SetBit(out, n, 1)
		}
		return out
	}
	must := only(0)
	for range least {
		must = sum(one, must)
	}
	out := new(big.Int).Set(must)
	for range most - least {
		more := new(big.Int).Or(out, sum(one, out))
		if more.Cmp(out) == 0 {
			break
		}
		out = more
	}
	return out
}

// least is the shortest length that there is; ok is false where there is none.
func (p *pattern) least() (n int, ok bool) {
	all := p.of(p.root)
	return int(all.TrailingZeroBits()), all.Sign() != 0
}

// text is one of n characters.
func (p *pattern) text(n int) (string, bool) {
	if n < 0 || n > maxPattern || p.of(p.root).Bit(n) == 0 {
		return "", false
	}
	return string(p.write(nil, p.root, n)), true
}

// write appends n characters of a part. It is called with a length that the
// part has.
func (p *pattern) write(to []rune, re *syntax.Regexp, n int) []rune {
	switch re.Op {
	case syntax.OpLiteral:
		return append(to, re.Rune...)
	case syntax.OpCharClass:
		return append(to, p.pick(re.Rune))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return append(to, p.pick([]rune{'a', 'z'}))
	case syntax.OpCapture:
		return p.write(to, re.Sub[0], n)
	case syntax.OpConcat:
		return p.sequence(to, re.Sub, n)
	case syntax.OpAlternate:
		var can []*syntax.Regexp
		for _, sub := range re.Sub {
			if p.of(sub).Bit(n) == 1 {
				can = append(can, sub)
			}
		}
		return p.write(to, can[p.random.IntN(len(can))], n)
	case syntax.OpStar, syntax.OpPlus, syntax.OpQuest, syntax.OpRepeat:
		return p.times(to, re, n)
	default:
		return to
	}
}

func (p *pattern) sequence(to []rune, parts []*syntax.Regexp, n int) []rune {
	rest := make([]*big.Int, len(parts)+1)
	rest[len(parts)] = only(0)
	for i := len(parts) - 1; i >= 0; i-- {
		rest[i] = sum(p.of(parts[i]), rest[i+1])
	}
	for i, part := range parts {
		size := p.split(p.of(part), rest[i+1], n)
		to = p.write(to, part, size)
		n -= size
	}
	return to
}

// times writes a repetition: the lengths of what is left are worked out for each
// number of times that is left.
func (p *pattern) times(to []rune, re *syntax.Regexp, n int) []rune {
	least, most := bounds(re)
	sub := re.Sub[0]
	for count := 0; n > 0 || count < least; count++ {
		rest := p.repeated(sub, max(least-count-1, 0), max(most-count-1, 0))
		size := p.split(p.of(sub), rest, n)
		if size == 0 && count >= least {
			break
		}
		to = p.write(to, sub, size)
		n -= size
	}
	return to
}

// split is a length of the first part that leaves one of the rest's.
func (p *pattern) split(first, rest *big.Int, n int) int {
	var can []int
	for size := range n + 1 {
		if first.Bit(size) == 1 && rest.Bit(n-size) == 1 {
			can = append(can, size)
		}
	}
	if len(can) > 1 && can[0] == 0 && n > 0 {
		can = can[1:] // something rather than nothing
	}
	if len(can) == 0 {
		return 0
	}
	return can[p.random.IntN(len(can))]
}

// pick is a character of a class, one that can be read where there is one.
func (p *pattern) pick(ranges []rune) rune {
	has := func(r rune) bool {
		for i := 0; i+1 < len(ranges); i += 2 {
			if ranges[i] <= r && r <= ranges[i+1] {
				return true
			}
		}
		return false
	}
	var can []rune
	for r := rune('!'); r <= '~'; r++ {
		if has(r) {
			can = append(can, r)
		}
	}
	var plain []rune
	for _, r := range can {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			plain = append(plain, r)
		}
	}
	switch {
	case len(plain) > 0:
		return plain[p.random.IntN(len(plain))]
	case len(can) > 0:
		return can[p.random.IntN(len(can))]
	}
	return ranges[0]
}
