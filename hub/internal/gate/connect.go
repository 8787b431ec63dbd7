package gate

import (
	"context"
	"strings"

	"github.com/realtime-hub/hub/hub/internal/fault"
)

// Connect is gate 1: who is this session? The first present of auth.token, the
// bearer token and the configured cookie decides. An explicit token that does
// not hold is an error and never falls through to the next: a client that
// means to be someone must not become someone else, or nobody, by accident.
// A browser sends a cookie by itself, so one that does not hold counts as none,
// and Admission.Notice says why. Errors are faults: CREDENTIALS_INVALID,
// CREDENTIALS_EXPIRED, CREDENTIALS_REQUIRED.
//
// Where workers are asked (Config.Worker), a bearer token that does not hold,
// cookies and everything else are theirs to judge; without an answer nobody
// connects: NO_WORKER, OVERLOADED, HANDLER_TIMEOUT.
func (g *Gate) Connect(ctx context.Context, c Credentials) (Admission, error) {
	s := g.state.Load()
	if token, source := c.explicit(); token != "" && (s.sessions != nil || s.worker == "") {
		if s.sessions == nil {
			return Admission{}, fault.New(fault.CredentialsInvalid, "this hub accepts no tokens; connect without one, or set auth.jwt in its configuration", "source", source)
		}
		identity, refusal := s.sessions.identify(token, source)
		if refusal == nil {
			return Admission{Identity: identity}, nil
		}
		if s.worker == "" {
			return Admission{}, refusal
		}
	}
	if s.worker != "" {
		return g.identify(ctx, s, c)
	}
	identity, notice := s.cookie(c)
	switch {
	case !identity.Anonymous():
		return Admission{Identity: identity}, nil
	case s.anonymous:
		return Admission{Notice: notice}, nil
	case notice != nil:
		return Admission{}, notice
	}
	return Admission{}, fault.New(fault.CredentialsRequired, "this hub admits no anonymous sessions; connect with a token in auth.token")
}

// explicit is the token that the client sent on purpose, and from where; empty
// without one.
func (c Credentials) explicit() (token, source string) {
	if c.HasToken && c.Token != "" {
		return c.Token, "auth.token"
	}
	return bearer(c.Authorization), "authorization"
}

// cookie is who the configured cookie says, or anonymous and why. An empty
// cookie is what signing out leaves behind: it needs no explanation.
func (s *state) cookie(c Credentials) (Identity, *fault.Error) {
	if s.sessions == nil || s.sessions.cookie == "" || c.Cookie == nil {
		return Identity{}, nil
	}
	token, present := c.Cookie(s.sessions.cookie)
	if !present || token == "" {
		return Identity{}, nil
	}
	return s.sessions.identify(token, "cookie")
}

// bearer is the token of an Authorization header, or empty. RFC 9110: schemes
// have no case.
func bearer(authorization string) string {
	scheme, token, _ := strings.Cut(strings.TrimSpace(authorization), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}
