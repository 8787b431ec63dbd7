package schema

import (
	"strings"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
)

// Within says who is within a scope, for people: "every session". A scope that
// this version does not know admits nobody.
func Within(s *hubv1.Scope) string {
	switch kind := s.GetKind().(type) {
	case *hubv1.Scope_Public:
		return "every session"
	case *hubv1.Scope_Authenticated:
		return "sessions with an identity"
	case *hubv1.Scope_Role:
		return "the roles " + strings.Join(kind.Role.GetAnyOf(), ", ")
	case *hubv1.Scope_User:
		return "the user that " + kind.User.GetParam() + " names"
	case *hubv1.Scope_Handler:
		return "whom a worker lets in"
	}
	return "nobody"
}
