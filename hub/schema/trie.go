package schema

import (
	"iter"

	"github.com/realtime-hub/hub/hub/channel"
)

// trie finds templates by segments. It is built once and then only read.
type trie[V any] struct{ root *node[V] }

type node[V any] struct {
	literals map[string]*node[V]
	param    *node[V]
	value    V
	ends     bool // a template ends here
}

func newTrie[V any]() *trie[V] { return &trie[V]{root: &node[V]{}} }

// insert adds a template; one of the same shape is replaced.
func (t *trie[V]) insert(template channel.Template, value V) {
	at := t.root
	for _, segment := range template.Segments() {
		at = at.grow(segment)
	}
	at.value, at.ends = value, true
}

func (n *node[V]) grow(segment channel.Segment) *node[V] {
	if segment.Param != "" {
		if n.param == nil {
			n.param = &node[V]{}
		}
		return n.param
	}
	if n.literals == nil {
		n.literals = map[string]*node[V]{}
	}
	next := n.literals[segment.Literal]
	if next == nil {
		next = &node[V]{}
		n.literals[segment.Literal] = next
	}
	return next
}

// match finds the template of raw segments, the literal before the param at
// each segment from the left. It goes back where the literal's branch has no
// end, so that `a.b.c` finds `a.{x}.c` beside `a.b.d`: two ways at most at
// each segment, however many names there are beside them.
func (n *node[V]) match(segments []string) (value V, ok bool) {
	if len(segments) == 0 {
		return n.value, n.ends
	}
	if next := n.literals[segments[0]]; next != nil {
		if value, ok = next.match(segments[1:]); ok {
			return value, true
		}
	}
	if n.param != nil {
		return n.param.match(segments[1:])
	}
	return value, false
}

// overlaps are the templates that could match a concrete name which the given
// one matches too.
func (t *trie[V]) overlaps(template channel.Template) iter.Seq[V] {
	return func(yield func(V) bool) { t.root.overlaps(template.Segments(), yield) }
}

func (n *node[V]) overlaps(segments []channel.Segment, yield func(V) bool) bool {
	if len(segments) == 0 {
		return !n.ends || yield(n.value)
	}
	rest := segments[1:]
	if n.param != nil && !n.param.overlaps(rest, yield) {
		return false
	}
	if segments[0].Literal != "" {
		next := n.literals[segments[0].Literal]
		return next == nil || next.overlaps(rest, yield)
	}
	for _, next := range n.literals {
		if !next.overlaps(rest, yield) {
			return false
		}
	}
	return true
}

// ambiguous tells whether two templates that overlap leave it open which of
// them a name means: each is more specific somewhere, or neither anywhere.
func ambiguous(a, b channel.Template) bool {
	var first, second bool
	as, bs := a.Segments(), b.Segments()
	for i := range as {
		first = first || as[i].Literal != "" && bs[i].Param != ""
		second = second || bs[i].Literal != "" && as[i].Param != ""
	}
	return first == second
}
