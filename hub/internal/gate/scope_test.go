package gate_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/channel"
	"github.com/realtime-hub/hub/hub/internal/fault"
	"github.com/realtime-hub/hub/hub/internal/gate"
)

func public() *hubv1.Scope {
	return &hubv1.Scope{Kind: &hubv1.Scope_Public{Public: &hubv1.PublicScope{}}}
}

func authenticated() *hubv1.Scope {
	return &hubv1.Scope{Kind: &hubv1.Scope_Authenticated{Authenticated: &hubv1.AuthenticatedScope{}}}
}

func role(anyOf ...string) *hubv1.Scope {
	return &hubv1.Scope{Kind: &hubv1.Scope_Role{Role: &hubv1.RoleScope{AnyOf: anyOf}}}
}

func userScope(param string) *hubv1.Scope {
	return &hubv1.Scope{Kind: &hubv1.Scope_User{User: &hubv1.UserScope{Param: param}}}
}

func handler() *hubv1.Scope {
	return &hubv1.Scope{Kind: &hubv1.Scope_Handler{Handler: &hubv1.HandlerScope{}}}
}

// fromTheFuture is a scope whose kind this version does not know.
func fromTheFuture() *hubv1.Scope {
	s := &hubv1.Scope{}
	s.ProtoReflect().SetUnknown([]byte{99<<3&0x7f | 0x80 | 2, 99 << 3 >> 7, 0})
	return s
}

var scopes = []struct {
	name   string
	scope  *hubv1.Scope
	id     *gate.Identity
	params channel.Params
	reason fault.Reason
}{
	{"public, anonymous", public(), &gate.Identity{}, nil, ""},
	{"public, nobody", public(), nil, nil, ""},
	{"public, a user", public(), &gate.Identity{UserID: "ann"}, nil, ""},
	{"authenticated, anonymous", authenticated(), &gate.Identity{}, nil, fault.CredentialsRequired},
	{"authenticated, nobody", authenticated(), nil, nil, fault.CredentialsRequired},
	{"authenticated, a user", authenticated(), &gate.Identity{UserID: "ann"}, nil, ""},
	{"authenticated, until later", authenticated(), &gate.Identity{UserID: "ann", ExpiresAt: now.Add(time.Nanosecond)}, nil, ""},
	{"authenticated, until now", authenticated(), &gate.Identity{UserID: "ann", ExpiresAt: now}, nil, fault.CredentialsExpired},
	{"public, until now", public(), &gate.Identity{UserID: "ann", ExpiresAt: now}, nil, ""},
	{"role, anonymous", role("editor"), &gate.Identity{Roles: []string{"editor"}}, nil, fault.CredentialsRequired},
	{"role, without", role("editor"), &gate.Identity{UserID: "ann"}, nil, fault.ScopeDenied},
	{"role, another", role("editor"), &gate.Identity{UserID: "ann", Roles: []string{"edit", "EDITOR", "editor "}}, nil, fault.ScopeDenied},
	{"role, one of the session's", role("editor"), &gate.Identity{UserID: "ann", Roles: []string{"reader", "editor"}}, nil, ""},
	{"role, one of the channel's", role("admin", "editor"), &gate.Identity{UserID: "ann", Roles: []string{"editor"}}, nil, ""},
	{"role, of none", role(), &gate.Identity{UserID: "ann", Roles: []string{"editor"}}, nil, fault.ScopeDenied},
	{"role, empty", &hubv1.Scope{Kind: &hubv1.Scope_Role{}}, &gate.Identity{UserID: "ann", Roles: []string{"editor"}}, nil, fault.ScopeDenied},
	{"user, anonymous", userScope("user_id"), &gate.Identity{}, channel.Params{"user_id": "ann"}, fault.CredentialsRequired},
	{"user, anonymous at an empty value", userScope("user_id"), &gate.Identity{}, channel.Params{"user_id": ""}, fault.CredentialsRequired},
	{"user, the owner", userScope("user_id"), &gate.Identity{UserID: "ann"}, channel.Params{"user_id": "ann"}, ""},
	{"user, the decoded value counts", userScope("user_id"), &gate.Identity{UserID: "ann@example.com"}, channel.Params{"user_id": "ann@example.com"}, ""},
	{"user, an encoded value is another", userScope("user_id"), &gate.Identity{UserID: "ann@example.com"}, channel.Params{"user_id": "ann@example%2Ecom"}, fault.ScopeDenied},
	{"user, another", userScope("user_id"), &gate.Identity{UserID: "bob"}, channel.Params{"user_id": "ann"}, fault.ScopeDenied},
	{"user, in another case", userScope("user_id"), &gate.Identity{UserID: "ANN"}, channel.Params{"user_id": "ann"}, fault.ScopeDenied},
	{"user, by another param", userScope("user_id"), &gate.Identity{UserID: "ann"}, channel.Params{"user_id": "bob", "room": "ann"}, fault.ScopeDenied},
	{"user, without the param", userScope("user_id"), &gate.Identity{UserID: "ann"}, nil, fault.ScopeDenied},
	{"user, of no param", userScope(""), &gate.Identity{UserID: "ann"}, channel.Params{"user_id": "ann"}, fault.ScopeDenied},
	{"user, a role does not help", userScope("user_id"), &gate.Identity{UserID: "bob", Roles: []string{"admin", "ann"}}, channel.Params{"user_id": "ann"}, fault.ScopeDenied},
	{"handler, anonymous", handler(), &gate.Identity{}, nil, fault.CredentialsRequired},
	{"handler, a user", handler(), &gate.Identity{UserID: "ann", Roles: []string{"admin"}}, nil, fault.NoWorker},
	{"no scope", nil, &gate.Identity{UserID: "ann"}, nil, fault.ScopeDenied},
	{"no scope, anonymous", nil, nil, nil, fault.ScopeDenied},
	{"a scope without kind", &hubv1.Scope{}, &gate.Identity{UserID: "ann"}, nil, fault.ScopeDenied},
	{"a scope of a later version", fromTheFuture(), &gate.Identity{UserID: "ann"}, nil, fault.ScopeDenied},
}

func TestScopeAdmitsOnlyItsOwn(t *testing.T) {
	g := open(t, nil)
	for _, test := range scopes {
		t.Run(test.name, func(t *testing.T) {
			wantReason(t, g.Allow(t.Context(), test.id, test.scope, "a.b", test.params), test.reason)
		})
	}
}

func TestRefusalTellsWhatIsNeeded(t *testing.T) {
	g := open(t, nil)
	bob := &gate.Identity{UserID: "bob", Roles: []string{"reader"}, Attributes: map[string]string{"tenant": "acme"}}
	many := make([]string, 64)
	for i := range many {
		many[i] = fmt.Sprintf("role%02d", i) + strings.Repeat("x", 122)
	}
	for _, test := range []struct {
		scope *hubv1.Scope
		want  string
	}{
		{role("editor", "admin"), "roles: editor, admin"},
		{role(many...), "and 56 more"},
		{userScope("user_id"), "user_id"},
		{handler(), "worker"},
		{handler(), "none is there"},
	} {
		err := g.Allow(t.Context(), bob, test.scope, "notifications.user.zoe77", channel.Params{"user_id": "zoe77"})
		message := fault.Of(err).Message
		if !strings.Contains(message, test.want) {
			t.Errorf("message %q; want %q", message, test.want)
		}
		// What hub.v1.Error.message can hold, and nobody's data in it.
		if len(message) > 4096 || strings.Contains(message, "zoe77") || strings.Contains(message, "acme") {
			t.Errorf("message of %d bytes: %q", len(message), message)
		}
	}
}
