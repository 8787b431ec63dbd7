package gate_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/realtime-hub/hub/hub/internal/fault"
	"github.com/realtime-hub/hub/hub/internal/gate"
)

func TestClaimsAdmitOnlyWhatTheyMean(t *testing.T) {
	at := now.Unix()
	demanding := func(cfg *gate.Config) { cfg.JWT.Issuer, cfg.JWT.Audience = "https://id.example", "hub" }
	for _, test := range []struct {
		name, payload string
		edit          func(*gate.Config)
		reason        fault.Reason
	}{
		{"sub alone", `{"sub":"ann"}`, nil, ""},
		{"sub of 256 bytes", `{"sub":"` + strings.Repeat("a", 256) + `"}`, nil, ""},
		{"sub of 257 bytes", `{"sub":"` + strings.Repeat("a", 257) + `"}`, nil, fault.CredentialsInvalid},
		{"no sub", `{}`, nil, fault.CredentialsInvalid},
		{"empty sub", `{"sub":""}`, nil, fault.CredentialsInvalid},
		{"null sub", `{"sub":null}`, nil, fault.CredentialsInvalid},
		{"numeric sub", `{"sub":42}`, nil, fault.CredentialsInvalid},
		{"list as sub", `{"sub":["ann"]}`, nil, fault.CredentialsInvalid},
		{"Sub is not sub", `{"Sub":"ann"}`, nil, fault.CredentialsInvalid},
		{"line break in sub", `{"sub":"ann\nroot"}`, nil, fault.CredentialsInvalid},
		{"NUL in sub", `{"sub":"ann\u0000"}`, nil, fault.CredentialsInvalid},
		{"C1 control in sub", `{"sub":"ann\u0085"}`, nil, fault.CredentialsInvalid},
		{"lone surrogate in sub", `{"sub":"\ud800"}`, nil, fault.CredentialsInvalid},
		{"invalid UTF-8 in sub", "{\"sub\":\"ann\xff\"}", nil, fault.CredentialsInvalid},
		{"invalid UTF-8 elsewhere", "{\"sub\":\"ann\",\"tenant\":\"\xff\"}", nil, fault.CredentialsInvalid},
		{"letters beyond ASCII in sub", `{"sub":"Änne 猫"}`, nil, ""},

		{"exp in a second", fmt.Sprintf(`{"sub":"ann","exp":%d}`, at+1), nil, ""},
		{"exp in a millisecond", fmt.Sprintf(`{"sub":"ann","exp":%d.001}`, at), nil, ""},
		{"exp now", fmt.Sprintf(`{"sub":"ann","exp":%d}`, at), nil, fault.CredentialsExpired},
		{"exp a second ago: no leeway", fmt.Sprintf(`{"sub":"ann","exp":%d}`, at-1), nil, fault.CredentialsExpired},
		{"exp 0 is not never", `{"sub":"ann","exp":0}`, nil, fault.CredentialsExpired},
		{"exp before 1970", `{"sub":"ann","exp":-1e300}`, nil, fault.CredentialsExpired},
		{"exp of 1e300", `{"sub":"ann","exp":1e300}`, nil, ""},
		{"exp beyond int64", `{"sub":"ann","exp":9223372036854775808}`, nil, ""},
		{"exp beyond float64", `{"sub":"ann","exp":1e400}`, nil, fault.CredentialsInvalid},
		{"exp as text", `{"sub":"ann","exp":"9999999999"}`, nil, fault.CredentialsInvalid},
		{"null exp is not never", `{"sub":"ann","exp":null}`, nil, fault.CredentialsInvalid},
		{"exp as object", `{"sub":"ann","exp":{}}`, nil, fault.CredentialsInvalid},

		{"nbf now", fmt.Sprintf(`{"sub":"ann","nbf":%d}`, at), nil, ""},
		{"nbf in 5 s: leeway", fmt.Sprintf(`{"sub":"ann","nbf":%d}`, at+5), nil, ""},
		{"nbf in 6 s", fmt.Sprintf(`{"sub":"ann","nbf":%d}`, at+6), nil, fault.CredentialsInvalid},
		{"nbf of 1e300", `{"sub":"ann","nbf":1e300}`, nil, fault.CredentialsInvalid},
		{"nbf as text", `{"sub":"ann","nbf":"1"}`, nil, fault.CredentialsInvalid},
		{"iat now", fmt.Sprintf(`{"sub":"ann","iat":%d}`, at), nil, ""},
		{"iat 5 s ahead", fmt.Sprintf(`{"sub":"ann","iat":%d}`, at+5), nil, ""},
		{"iat 6 s ahead", fmt.Sprintf(`{"sub":"ann","iat":%d}`, at+6), nil, fault.CredentialsInvalid},
		{"iat as bool", `{"sub":"ann","iat":true}`, nil, fault.CredentialsInvalid},

		{"any issuer", `{"sub":"ann","iss":"https://evil.example","aud":"other"}`, nil, ""},
		{"issuer and audience", `{"sub":"ann","iss":"https://id.example","aud":"hub"}`, demanding, ""},
		{"audience in a list", `{"sub":"ann","iss":"https://id.example","aud":["other","hub"]}`, demanding, ""},
		{"another issuer", `{"sub":"ann","iss":"https://id.example.evil","aud":"hub"}`, demanding, fault.CredentialsInvalid},
		{"issuer in a list", `{"sub":"ann","iss":["https://id.example"],"aud":"hub"}`, demanding, fault.CredentialsInvalid},
		{"no issuer", `{"sub":"ann","aud":"hub"}`, demanding, fault.CredentialsInvalid},
		{"another audience", `{"sub":"ann","iss":"https://id.example","aud":"hub2"}`, demanding, fault.CredentialsInvalid},
		{"no audience", `{"sub":"ann","iss":"https://id.example"}`, demanding, fault.CredentialsInvalid},
		{"no audience in the list", `{"sub":"ann","iss":"https://id.example","aud":[]}`, demanding, fault.CredentialsInvalid},
		{"audience as object", `{"sub":"ann","iss":"https://id.example","aud":{"hub":1}}`, demanding, fault.CredentialsInvalid},
		{"expired for another hub", `{"sub":"ann","iss":"https://id.example","aud":"x","exp":1}`, demanding, fault.CredentialsInvalid},

		{"claims are null", `null`, nil, fault.CredentialsInvalid},
		{"claims are a list", `["sub","ann"]`, nil, fault.CredentialsInvalid},
		{"something after the claims", `{"sub":"ann"}{"sub":"bob"}`, nil, fault.CredentialsInvalid},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := connect(t, open(t, test.edit), genuine(test.payload))
			wantReason(t, err, test.reason)
		})
	}
}

func TestIdentityEndsWithTheToken(t *testing.T) {
	for payload, want := range map[string]time.Time{
		`{"sub":"ann"}`: {},
		fmt.Sprintf(`{"sub":"ann","exp":%d.5}`, now.Unix()): now.Add(500 * time.Millisecond),
		`{"sub":"ann","exp":1e300}`:                         time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
	} {
		identity, err := connect(t, open(t, nil), genuine(payload))
		wantReason(t, err, "")
		if !identity.ExpiresAt.Equal(want) {
			t.Errorf("%s ends %v; want %v", payload, identity.ExpiresAt, want)
		}
	}
}

func TestRolesAreReadFromTheirClaim(t *testing.T) {
	many := func(n int) string {
		roles := make([]string, n)
		for i := range roles {
			roles[i] = fmt.Sprintf(`"r%d"`, i)
		}
		return "[" + strings.Join(roles, ",") + "]"
	}
	for _, test := range []struct {
		name, claim, payload string
		want                 []string
		refused              bool
	}{
		{name: "absent", payload: `{}`},
		{name: "null", payload: `{"roles":null}`},
		{name: "list", payload: `{"roles":["editor","admin"]}`, want: []string{"editor", "admin"}},
		{name: "each once", payload: `{"roles":["a","b","a"]}`, want: []string{"a", "b"}},
		{name: "text", payload: `{"roles":" editor  admin "}`, want: []string{"editor", "admin"}},
		{name: "empty text", payload: `{"roles":""}`},
		{name: "another claim", claim: "scope", payload: `{"scope":"read write","roles":["admin"]}`, want: []string{"read", "write"}},
		{name: "nested", claim: "realm_access.roles", payload: `{"realm_access":{"roles":["a"]}}`, want: []string{"a"}},
		{name: "the literal name first", claim: "realm_access.roles", payload: `{"realm_access.roles":["b"],"realm_access":{"roles":["a"]}}`, want: []string{"b"}},
		{name: "a URL as name", claim: "https://id.example/roles", payload: `{"https://id.example/roles":["a"]}`, want: []string{"a"}},
		{name: "a path through a list", claim: "realm_access.roles", payload: `{"realm_access":["roles"]}`},
		{name: "a role with a space in a list is one", payload: `{"roles":["super admin"]}`, want: []string{"super admin"}},
		{name: "64 roles", payload: `{"roles":` + many(64) + `}`, want: strings.Split(strings.NewReplacer(`"`, "", "[", "", "]", "").Replace(many(64)), ",")},
		{name: "65 roles", payload: `{"roles":` + many(65) + `}`, refused: true},
		{name: "a role of 129 bytes", payload: `{"roles":["` + strings.Repeat("a", 129) + `"]}`, refused: true},
		{name: "an empty role", payload: `{"roles":[""]}`, refused: true},
		{name: "a control character", payload: `{"roles":["a\u001b"]}`, refused: true},
		{name: "a number among roles", payload: `{"roles":["a",1]}`, refused: true},
		{name: "a nested list", payload: `{"roles":[["admin"]]}`, refused: true},
		{name: "an object", payload: `{"roles":{"admin":true}}`, refused: true},
		{name: "a number", payload: `{"roles":1}`, refused: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := open(t, func(cfg *gate.Config) { cfg.JWT.RolesClaim = test.claim })
			payload := strings.Replace(test.payload, "{", `{"sub":"ann",`, 1)
			payload = strings.Replace(payload, ",}", "}", 1)
			identity, err := connect(t, g, genuine(payload))
			if test.refused {
				wantReason(t, err, fault.CredentialsInvalid)
				return
			}
			wantReason(t, err, "")
			if !slices.Equal(identity.Roles, test.want) {
				t.Errorf("roles %q; want %q", identity.Roles, test.want)
			}
		})
	}
}

func TestScalarClaimsBecomeAttributes(t *testing.T) {
	g := open(t, func(cfg *gate.Config) {
		cfg.JWT.AttributeClaims = []string{"tenant", "level", "staff", "list", "object", "none", "absent", "org.id"}
	})
	identity, err := connect(t, g, genuine(`{"sub":"ann","tenant":"acme","level":9007199254740993,"staff":false,"list":["a"],"object":{},"none":null,"org":{"id":1.50},"secret":"x"}`))
	wantReason(t, err, "")
	want := map[string]string{"tenant": "acme", "level": "9007199254740993", "staff": "false", "org.id": "1.50"}
	if !maps.Equal(identity.Attributes, want) {
		t.Errorf("attributes %v; want %v", identity.Attributes, want)
	}
}
