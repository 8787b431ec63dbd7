package hub

import (
	"fmt"
	"strings"

	"github.com/realtime-hub/hub/hub/channel"
)

// names finds what was declared for a concrete name: a node of a tree whose
// edges are segments. Of two templates that match, the more specific wins as in
// the hub: a literal segment beats a param, from the left.
type names[V any] struct {
	literals map[string]*names[V]
	param    *names[V]
	declared string // empty: no name ends here
	value    V
}

func (n *names[V]) add(declared string, value V) error {
	template, err := channel.ParseTemplate(declared)
	if err != nil {
		return fmt.Errorf("channel %q: %w", declared, err)
	}
	for _, segment := range template.Segments() {
		n = n.child(segment)
	}
	switch n.declared {
	case "":
		n.declared, n.value = declared, value
		return nil
	case declared:
		return fmt.Errorf("channel %q is registered already", declared)
	default:
		return fmt.Errorf("channel %q is registered already, as %q", declared, n.declared)
	}
}

func (n *names[V]) child(segment channel.Segment) *names[V] {
	if segment.Param != "" {
		if n.param == nil {
			n.param = &names[V]{}
		}
		return n.param
	}
	if n.literals == nil {
		n.literals = map[string]*names[V]{}
	}
	next, ok := n.literals[segment.Literal]
	if !ok {
		next = &names[V]{}
		n.literals[segment.Literal] = next
	}
	return next
}

// find returns the node where the most specific match ends, or nil.
func (n *names[V]) find(concrete string) *names[V] {
	segment, rest, more := strings.Cut(concrete, ".")
	for _, next := range []*names[V]{n.literals[segment], n.param} {
		switch {
		case next == nil:
		case more:
			if found := next.find(rest); found != nil {
				return found
			}
		case next.declared != "":
			return next
		}
	}
	return nil
}
