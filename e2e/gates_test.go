package e2e_test

import (
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/realtime-hub/hub/hub/server"
)

// What a session may join: every identity at every kind of channel. Empty is
// yes, anything else the reason of the no.
func TestScopes(t *testing.T) {
	const no, who, later = "SCOPE_DENIED", "CREDENTIALS_REQUIRED", "NO_WORKER"
	channels := []string{"e2e.room.ab", "e2e.members", "e2e.desk", "e2e.mail.user_1", "e2e.post.ann@example%2Ecom", "e2e.club.x"}
	h := common.get(t)
	for _, c := range []struct {
		name, token string
		want        [6]string // public, authenticated, role, user, user with an escaped id, handler
	}{
		{"anonymous", "", [6]string{"", who, who, who, who, who}},
		{"user", token(t, "user_1"), [6]string{"", "", no, "", no, later}},
		{"another user", token(t, "user_2"), [6]string{"", "", no, no, no, later}},
		{"a user whose id is a prefix", token(t, "user_"), [6]string{"", "", no, no, no, later}},
		{"a user whose id has dots", token(t, "ann@example.com"), [6]string{"", "", no, no, "", later}},
		{"a user whose id is escaped", token(t, "ann@example%2Ecom"), [6]string{"", "", no, no, no, later}},
		{"editor", token(t, "user_3", "editor"), [6]string{"", "", "", no, no, later}},
		{"chief among others", token(t, "user_3", "reader", "chief"), [6]string{"", "", "", no, no, later}},
		{"another role", token(t, "user_3", "Editor", "editors", "reader"), [6]string{"", "", no, no, no, later}},
		{"the owner who is editor", token(t, "user_1", "editor"), [6]string{"", "", "", "", no, later}},
	} {
		t.Run(c.name, func(t *testing.T) {
			each(t, func(t *testing.T, m mode) {
				s := h.connect(t, m, as(c.token))
				for i, channel := range channels {
					if c.want[i] == "" {
						s.subscribe(channel)
						continue
					}
					s.refused("hub:subscribe", channel).want(t, c.want[i])
					s.refused("hub:presence", channel).want(t, c.want[i])
					s.refused("hub:history", channel).want(t, c.want[i])
				}
				// Who was refused hears nothing, who was let in does.
				for i, channel := range channels {
					h.broadcast(t, channel, `{"text":"x"}`)
					if c.want[i] == "" {
						s.next(channel)
					}
				}
				h.silence(t, s, channels...)
			})
		})
	}
}

// tokens that are none, and why.
func badTokens(t *testing.T) map[string]struct{ token, reason string } {
	t.Helper()
	hour := jwt.MapClaims{"sub": "user_1", "exp": time.Now().Add(time.Hour).Unix()}
	good := token(t, "user_1")
	return map[string]struct{ token, reason string }{
		"garbage":              {"garbage", "CREDENTIALS_INVALID"},
		"another secret":       {signed(t, jwt.SigningMethodHS256, []byte("another secret of thirty-two bytes!"), hour), "CREDENTIALS_INVALID"},
		"another algorithm":    {signed(t, jwt.SigningMethodHS512, secret, hour), "CREDENTIALS_INVALID"},
		"no signature":         {signed(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, hour), "CREDENTIALS_INVALID"},
		"a changed signature":  {good[:len(good)-2] + "AA", "CREDENTIALS_INVALID"},
		"no user":              {signed(t, jwt.SigningMethodHS256, secret, jwt.MapClaims{"exp": hour["exp"]}), "CREDENTIALS_INVALID"},
		"not yet":              {signed(t, jwt.SigningMethodHS256, secret, jwt.MapClaims{"sub": "user_1", "nbf": time.Now().Add(time.Hour).Unix()}), "CREDENTIALS_INVALID"},
		"expired":              {until(t, "user_1", time.Now().Add(-time.Hour)), "CREDENTIALS_EXPIRED"},
		"expired and not ours": {signed(t, jwt.SigningMethodHS256, []byte("another secret of thirty-two bytes!"), jwt.MapClaims{"sub": "user_1", "exp": 1}), "CREDENTIALS_INVALID"},
	}
}

// An explicit token that does not hold is an error, wherever it stands.
func TestBadTokensDoNotConnect(t *testing.T) {
	h := common.get(t)
	for name, bad := range badTokens(t) {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, m mode) {
				good := token(t, "user_1")
				for _, o := range []options{
					as(bad.token),
					{headers: map[string]string{"Authorization": "Bearer " + bad.token}},
					// What is good does not make up for it.
					{auth: map[string]string{"token": bad.token}, headers: map[string]string{"Authorization": "Bearer " + good, "Cookie": cookie + "=" + good}},
					{headers: map[string]string{"Authorization": "bearer " + bad.token, "Cookie": cookie + "=" + good}},
				} {
					connectFailure(t, dial(t, h.url, m, o)).want(t, bad.reason)
				}
			})
		})
	}
}

// connectFailure is the err.data of a connect_error whose message tells the same.
func connectFailure(t *testing.T, c *client) failure {
	t.Helper()
	e := c.take("connect_error or hub:ready", func(e event) bool { return e.name == connectError || e.name == "hub:ready" })
	if e.name != connectError {
		t.Fatalf("it connected: %s", e)
	}
	var got struct{ Message string }
	decode(t, string(e.arg(0)), &got)
	f := failureOf(t, field(t, e.arg(0), "data"))
	if got.Message != f.Message {
		t.Errorf("the message is %q, in the data %q", got.Message, f.Message)
	}
	c.none("hub:ready", connected)
	return f
}

// Every way to show a token leads to the same session; the first present decides.
func TestWhereATokenMayStand(t *testing.T) {
	h := common.get(t)
	ann, bob, eve := token(t, "ann"), token(t, "bob"), token(t, "eve")
	bearer := func(token string) map[string]string { return map[string]string{"Authorization": "Bearer " + token} }
	cookies := func(token string) map[string]string {
		return map[string]string{"Cookie": "theme=dark; " + cookie + "=" + token + "; x=y"}
	}
	each(t, func(t *testing.T, m mode) {
		for _, c := range []struct {
			name, user string
			options    options
		}{
			{"nowhere", "", options{}},
			{"the auth payload", "ann", as(ann)},
			{"the header", "bob", options{headers: bearer(bob)}},
			{"the cookie", "eve", options{headers: cookies(eve)}},
			{"another cookie", "", options{headers: map[string]string{"Cookie": "session=" + eve}}},
			{"payload and header", "ann", options{auth: map[string]string{"token": ann}, headers: bearer(bob)}},
			{"header and cookie", "bob", options{headers: map[string]string{"Authorization": "Bearer " + bob, "Cookie": cookie + "=" + eve}}},
			{"an empty payload", "bob", options{auth: map[string]any{"token": nil, "other": 1}, headers: bearer(bob)}},
			{"another scheme", "", options{headers: map[string]string{"Authorization": "Basic " + bob}}},
		} {
			t.Run(c.name, func(t *testing.T) {
				var ready struct {
					UserID      string `json:"userId"`
					Credentials any
				}
				decode(t, string(dial(t, h.url, m, c.options).ready().arg(0)), &ready)
				if ready.UserID != c.user || ready.Credentials != nil {
					t.Errorf("hub:ready tells %+v, not %q", ready, c.user)
				}
			})
		}
	})
}

// A browser sends its cookie by itself: one that does not hold is no reason to
// keep an anonymous reader out, but its page must learn why it is nobody.
func TestABadCookieCountsAsNoneAndSaysWhy(t *testing.T) {
	h := common.get(t)
	closed := startHub(t, noAnonymous)
	for name, bad := range badTokens(t) {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, m mode) {
				o := options{headers: map[string]string{"Cookie": cookie + "=" + bad.token}}
				c := dial(t, h.url, m, o)
				ready := c.ready().arg(0)
				failureOf(t, field(t, ready, "credentials")).want(t, bad.reason)
				if user := field(t, ready, "userId"); user != nil {
					t.Errorf("it is %s", user)
				}
				c.refused("hub:subscribe", "e2e.members").want(t, "CREDENTIALS_REQUIRED")
				connectFailure(t, dial(t, closed.url, m, o)).want(t, bad.reason)
			})
		})
	}
}

func noAnonymous(cfg *server.Config) {
	no := false
	cfg.Auth.Anonymous = &no
}

func TestAHubMayAskEveryoneForCredentials(t *testing.T) {
	h := startHub(t, noAnonymous)
	each(t, func(t *testing.T, m mode) {
		connectFailure(t, dial(t, h.url, m, options{})).want(t, "CREDENTIALS_REQUIRED")
		h.connect(t, m, as(token(t, "user_1"))).subscribe("e2e.room.ab")
	})
}

// A hub that knows no keys must not take a token for none.
func TestAHubWithoutKeysRefusesTokens(t *testing.T) {
	h := startHub(t, func(cfg *server.Config) { cfg.Auth.JWT = nil })
	connectFailure(t, dial(t, h.url, modern, as(token(t, "user_1")))).want(t, "CREDENTIALS_INVALID")
	h.connect(t, modern, options{}).subscribe("e2e.room.ab")
}

// What is no auth object of ours is told, not guessed at.
func TestMalformedAuthIsRefused(t *testing.T) {
	h := common.get(t)
	for _, auth := range []any{map[string]any{"token": 1}, map[string]any{"token": []string{"x"}}, map[string]any{"token": map[string]any{}}, map[string]any{"token": true}} {
		connectFailure(t, dial(t, h.url, modern, options{auth: auth})).want(t, "REQUEST_INVALID")
	}
}
