package gate

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/channel"
	"github.com/realtime-hub/hub/hub/internal/fault"
)

// Allow tells whether the identity is within a scope: the channel's at gate 2,
// the inbound message's at gate 4. name is the concrete channel, for the log;
// params are its name's, decoded. What is no scope, or one that this version
// does not know, denies. Errors are faults: CREDENTIALS_REQUIRED of an
// anonymous session, CREDENTIALS_EXPIRED, SCOPE_DENIED, and of the
// handler scope, which may take as long as a worker has, the decider's. They
// tell only what the channel's public descriptor does.
func (g *Gate) Allow(ctx context.Context, id *Identity, scope *hubv1.Scope, name string, params channel.Params) error {
	_, err := g.allow(ctx, id, scope, name, params)
	return err
}

// allow is Allow, and until when the answer holds; zero: as long as the session
// is who it is.
func (g *Gate) allow(
	ctx context.Context, id *Identity, scope *hubv1.Scope, name string, params channel.Params,
) (until time.Time, err error) {
	if _, public := scope.GetKind().(*hubv1.Scope_Public); public {
		return until, nil
	}
	if scope.GetKind() == nil {
		return until, denied(name, id, "the channel declares no scope that this hub knows, so nobody may")
	}
	if id.Anonymous() {
		return until, fault.New(fault.CredentialsRequired, "the channel is not public; connect with a token", "channel", name)
	}
	// Sessions are ended when their identity does, but not in the same instant.
	if ends := id.ExpiresAt; !ends.IsZero() && !g.state.Load().now().Before(ends) {
		return until, fault.New(fault.CredentialsExpired, "the session's identity has ended; connect again with a new token", "channel", name, "user", id.UserID)
	}
	switch kind := scope.GetKind().(type) {
	case *hubv1.Scope_Authenticated:
		return until, nil
	case *hubv1.Scope_Role:
		return until, allowRole(id, kind.Role.GetAnyOf(), name)
	case *hubv1.Scope_User:
		return until, allowUser(id, kind.User.GetParam(), name, params)
	case *hubv1.Scope_Handler:
		return g.decide(ctx, id, name, params)
	}
	return until, denied(name, id, "the channel declares no scope that this hub knows, so nobody may")
}

func allowRole(id *Identity, anyOf []string, name string) error {
	for _, role := range anyOf {
		if slices.Contains(id.Roles, role) {
			return nil
		}
	}
	// 64 roles of 128 bytes would not fit into Error.message.
	const shown = 8
	needed := strings.Join(anyOf[:min(len(anyOf), shown)], ", ")
	if more := len(anyOf) - shown; more > 0 {
		needed += fmt.Sprintf(" and %d more", more)
	}
	return denied(name, id, "the channel is for sessions with one of the roles: "+needed)
}

// allowUser compares with ==: the browser chose the one side and owns the
// other, so there is nothing that time could tell it.
func allowUser(id *Identity, param, name string, params channel.Params) error {
	// A scope whose param the name lacks does not load; should one get here,
	// the missing value must not equal anything.
	if owner, present := params[param]; present && owner != "" && owner == id.UserID {
		return nil
	}
	return denied(name, id, fmt.Sprintf("the channel belongs to the user that %s names; put your own user id there", param))
}

func denied(name string, id *Identity, message string) error {
	user := ""
	if !id.Anonymous() {
		user = id.UserID
	}
	return fault.New(fault.ScopeDenied, message, "channel", name, "user", user)
}
