package gate

import (
	"fmt"

	"github.com/realtime-hub/hub/hub/internal/fault"
)

// Admits tells how gate 1 would meet somebody with this identity, for an operator
// who asks on behalf of a browser: no credentials are looked at. detail says what
// decides.
func (g *Gate) Admits(id *Identity) (detail string, err error) {
	s := g.state.Load()
	switch {
	case id.Anonymous() && s.worker != "":
		return fmt.Sprintf("workers of group %s decide who connects", s.worker), nil
	case id.Anonymous() && !s.anonymous:
		return "", fault.New(fault.CredentialsRequired, "this hub admits no anonymous sessions (auth.anonymous); connect with a token")
	case id.Anonymous():
		return "sessions without credentials may connect", nil
	}
	if ends := id.ExpiresAt; !ends.IsZero() && !s.now().Before(ends) {
		return "", fault.New(fault.CredentialsExpired, "the identity has ended; connect again with a new token")
	}
	switch {
	case s.sessions != nil && s.worker != "":
		return fmt.Sprintf("by a token of auth.jwt, or as workers of group %s decide", s.worker), nil
	case s.sessions != nil:
		return "by a token of auth.jwt", nil
	case s.worker != "":
		return fmt.Sprintf("as workers of group %s decide", s.worker), nil
	}
	return "", fault.New(fault.CredentialsInvalid, "this hub knows no users: it accepts no tokens; set auth.jwt, or auth.worker, in its configuration")
}
