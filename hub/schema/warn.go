package schema

import (
	"fmt"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/channel"
)

// Warnings are declarations that load and may still not be meant, a line each,
// by name. Today: a literal that takes a name out of a template of narrower
// scope, as users.all, public, does beside users.{id} of one user. Whoever is
// called "all" would then share what was to be theirs alone.
func (s *Snapshot) Warnings() []string {
	var out []string
	for _, c := range s.channels {
		for wider := range s.names.overlaps(c.Template) {
			if wider != c && specific(c.Template, wider.Template) && breadth(c) > breadth(wider) {
				out = append(out, fmt.Sprintf("%s: %q of message %s takes names out of %q, whose scope is narrower; is that meant?",
					c.File, c.Name(), c.Payload.Name(), wider.Name()))
			}
		}
	}
	return out
}

// specific tells whether a has a literal where b has a param. Of two names
// that load together and overlap only one can.
func specific(a, b channel.Template) bool {
	bs := b.Segments()
	for i, segment := range a.Segments() {
		if segment.Literal != "" && bs[i].Param != "" {
			return true
		}
	}
	return false
}

// breadth orders scopes as far as they can be: public admits everyone,
// authenticated everyone who is known, and the others some of these.
func breadth(c *Channel) int {
	switch c.Options.GetScope().GetKind().(type) {
	case *hubv1.Scope_Public:
		return 2
	case *hubv1.Scope_Authenticated:
		return 1
	default:
		return 0
	}
}
