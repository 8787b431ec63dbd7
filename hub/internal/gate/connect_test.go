package gate_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"github.com/realtime-hub/hub/hub/internal/fault"
	"github.com/realtime-hub/hub/hub/internal/gate"
)

func TestFirstPresentCredentialsDecide(t *testing.T) {
	expired := jwt.MapClaims{"exp": now.Add(-1e9).Unix()}
	type want struct {
		user   string
		reason fault.Reason // of the refusal
		notice fault.Reason
	}
	const absent = "-"
	for _, test := range []struct {
		name                  string
		token, header, cookie string
		closed                bool // no anonymous sessions
		want                  want
	}{
		{"nothing", absent, "", absent, false, want{}},
		{"nothing where nobody is anonymous", absent, "", absent, true, want{reason: fault.CredentialsRequired}},
		{"a token", user("ann", nil), "", absent, true, want{user: "ann"}},
		{"a header", absent, "Bearer " + user("bob", nil), absent, true, want{user: "bob"}},
		{"a header in lower case", absent, "bearer  " + user("bob", nil) + " ", absent, true, want{user: "bob"}},
		{"a cookie", absent, "", user("cid", nil), true, want{user: "cid"}},
		{"the token before the header", user("ann", nil), "Bearer " + user("bob", nil), user("cid", nil), false, want{user: "ann"}},
		{"the header before the cookie", absent, "Bearer " + user("bob", nil), user("cid", nil), false, want{user: "bob"}},
		{"an invalid token does not fall through", "junk", "Bearer " + user("bob", nil), user("cid", nil), false, want{reason: fault.CredentialsInvalid}},
		{"an expired token does not fall through", user("ann", expired), "Bearer " + user("bob", nil), user("cid", nil), false, want{reason: fault.CredentialsExpired}},
		{"an invalid header does not fall through", absent, "Bearer junk", user("cid", nil), false, want{reason: fault.CredentialsInvalid}},
		{"an expired header does not fall through", absent, "Bearer " + user("bob", expired), absent, false, want{reason: fault.CredentialsExpired}},
		{"an empty token is absent", "", "Bearer " + user("bob", nil), absent, false, want{user: "bob"}},
		{"a blank token is not", " ", "Bearer " + user("bob", nil), absent, false, want{reason: fault.CredentialsInvalid}},
		{"another scheme is absent", absent, "Basic YTpi", user("cid", nil), false, want{user: "cid"}},
		{"a scheme that only begins so is absent", absent, "BearerX " + user("bob", nil), absent, false, want{}},
		{"an empty bearer is absent", absent, "Bearer ", absent, false, want{}},
		{"an expired cookie is none, and says so", absent, "", user("cid", expired), false, want{notice: fault.CredentialsExpired}},
		{"an invalid cookie is none, and says so", absent, "", "junk", false, want{notice: fault.CredentialsInvalid}},
		{"an expired cookie where nobody is anonymous", absent, "", user("cid", expired), true, want{reason: fault.CredentialsExpired}},
		{"an invalid cookie where nobody is anonymous", absent, "", "junk", true, want{reason: fault.CredentialsInvalid}},
		{"an empty cookie is absent", absent, "", "", false, want{}},
		{"an empty cookie where nobody is anonymous", absent, "", "", true, want{reason: fault.CredentialsRequired}},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := open(t, func(cfg *gate.Config) { cfg.Anonymous = !test.closed })
			c := gate.Credentials{Authorization: test.header, Cookie: func(name string) (string, bool) {
				return test.cookie, name == "session" && test.cookie != absent
			}}
			if test.token != absent {
				c.Token, c.HasToken = test.token, true
			}
			admission, err := g.Connect(t.Context(), c)
			wantReason(t, err, test.want.reason)
			if admission.Identity.UserID != test.want.user {
				t.Errorf("user %q; want %q", admission.Identity.UserID, test.want.user)
			}
			if admission.Identity.Anonymous() != (test.want.user == "") {
				t.Errorf("anonymous: %v", admission.Identity.Anonymous())
			}
			var notice fault.Reason
			if admission.Notice != nil {
				notice = admission.Notice.Reason
			}
			if notice != test.want.notice {
				t.Errorf("notice %q; want %q", notice, test.want.notice)
			}
		})
	}
}

func TestHubWithoutKeysAcceptsNoTokens(t *testing.T) {
	g := open(t, func(cfg *gate.Config) { cfg.JWT = nil })
	_, err := connect(t, g, user("ann", nil))
	wantReason(t, err, fault.CredentialsInvalid)
	if message := fault.Of(err).Message; !strings.Contains(message, "accepts no tokens") {
		t.Errorf("message %q", message)
	}
	// The cookie is another application's: nobody configured it.
	admission, err := g.Connect(t.Context(), gate.Credentials{Cookie: func(string) (string, bool) { return "junk", true }})
	wantReason(t, err, "")
	if admission.Notice != nil {
		t.Errorf("notice of a cookie that was not configured: %v", admission.Notice)
	}
}

func TestCookieThatIsNotConfiguredIsNotRead(t *testing.T) {
	g := open(t, func(cfg *gate.Config) { cfg.JWT.Cookie = "" })
	admission, err := g.Connect(t.Context(), gate.Credentials{Cookie: func(string) (string, bool) { return user("cid", nil), true }})
	wantReason(t, err, "")
	if !admission.Identity.Anonymous() || admission.Notice != nil {
		t.Errorf("admitted %q, notice %v", admission.Identity.UserID, admission.Notice)
	}
}

func TestCredentialsAreNotPrinted(t *testing.T) {
	c := gate.Credentials{Token: "hunter2hunter2", HasToken: true, Authorization: "Bearer hunter2hunter2"}
	if text := fmt.Sprintf("%v %+v %#v %s %x %v", c, c, c, c, c, c.LogValue()); strings.Contains(text, "unter2") || strings.Contains(text, "756e746572") {
		t.Errorf("printed %s", text)
	}
}
