package gate

import (
	"fmt"
	"log/slog"
	"time"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/fault"
)

// Identity is who a session is. It is not changed once it was handed out.
type Identity struct {
	// Session is whose identity it is, the Socket.IO id; empty before there is one.
	Session string
	// UserID is the claim sub. Empty: anonymous.
	UserID string
	// Roles are in the token's order, each once.
	Roles []string
	// Attributes are for workers; browsers do not see them.
	Attributes map[string]string
	// ExpiresAt is when the identity ends. Zero: never.
	ExpiresAt time.Time
}

// Anonymous tells whether there is no user behind the session.
func (id *Identity) Anonymous() bool { return id == nil || id.UserID == "" }

// Credentials are what a browser offered at connect.
type Credentials struct {
	// Token is auth.token of the CONNECT packet, where HasToken. An empty one
	// counts as absent, as null does: clients send it while nobody is signed in.
	Token    string
	HasToken bool
	// Authorization is the handshake's header. A scheme other than Bearer
	// counts as absent (it is a proxy's), and so does an empty bearer token.
	Authorization string
	// Cookie looks a cookie of the handshake up. Nil: there are none.
	Cookie func(name string) (string, bool)
	// Ask is the question for a worker, with all that the browser sent. Nil:
	// there is none to ask.
	Ask func() *hubv1.Authenticate
}

// Admission is gate 1's yes.
type Admission struct {
	Identity Identity
	// Notice is why a cookie counted as none; nil where it did not. It goes
	// into hub:ready.
	Notice *fault.Error
}

// Format hides the token from every verb of fmt.
func (c Credentials) Format(f fmt.State, _ rune) { hide(f, "credentials") }

// LogValue hides the token from log/slog.
func (c Credentials) LogValue() slog.Value { return slog.StringValue("[credentials]") }

// hide writes a stand-in for what must not be printed. fmt.Formatter is the
// only interface that %v, %+v, %#v, %x and %d all respect.
func hide(f fmt.State, what string) { _, _ = fmt.Fprintf(f, "[%s]", what) }
