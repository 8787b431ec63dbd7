package compare

import (
	"slices"
	"strings"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/schema"
)

// scope compares who may join, or send.
func (c *comparison) scope(name, what string, whom Whom, old, now *hubv1.Scope) {
	wider, narrower := between(old, now)
	if wider {
		c.sayf(Security, Kind(strings.ToUpper(what)+"_SCOPE_WIDENED"), name, "", whom,
			"more may %s: %s, instead of %s", what, schema.Within(now), schema.Within(old))
	}
	if narrower {
		c.sayf(Breaking, Kind(strings.ToUpper(what)+"_SCOPE_NARROWED"), name, "", whom,
			"fewer may %s: %s, instead of %s", what, schema.Within(now), schema.Within(old))
	}
}

// between tells whether somebody is within now who was not within old, and the
// other way about. Whom a worker lets in nobody knows here: another scope instead may
// be both.
func between(old, now *hubv1.Scope) (wider, narrower bool) {
	o, n := rank(old), rank(now)
	switch {
	case o != n && (o < 2 || n < 2): // one of them holds all of the other
		return n < o, n > o
	case o != n:
		return true, true
	case old.GetRole() != nil:
		return !contains(old.GetRole().GetAnyOf(), now.GetRole().GetAnyOf()), !contains(now.GetRole().GetAnyOf(), old.GetRole().GetAnyOf())
	case old.GetUser() != nil:
		other := old.GetUser().GetParam() != now.GetUser().GetParam()
		return other, other
	}
	return false, false
}

// rank is 0 for everybody, 1 for whoever is signed in, and a number of its own for
// each scope within that.
func rank(s *hubv1.Scope) int {
	switch s.GetKind().(type) {
	case *hubv1.Scope_Public:
		return 0
	case *hubv1.Scope_Authenticated:
		return 1
	case *hubv1.Scope_Role:
		return 2
	case *hubv1.Scope_User:
		return 3
	case *hubv1.Scope_Handler:
		return 4
	}
	return 5
}

func contains(all, some []string) bool {
	for _, one := range some {
		if !slices.Contains(all, one) {
			return false
		}
	}
	return true
}
