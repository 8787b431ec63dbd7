package gate_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/golang-jwt/jwt/v5"

	"github.com/realtime-hub/hub/hub/internal/fault"
)

// FuzzToken: whoever has no key gets in with no token, and breaks nothing.
// The corpus is all but right: genuine tokens of keys that the hub lacks.
func FuzzToken(f *testing.F) {
	root := jwt.MapClaims{"sub": "root", "exp": 99999999999, "roles": []string{"admin"}}
	f.Add(sign(jwt.SigningMethodHS256, otherSecret, root))
	f.Add(sign(jwt.SigningMethodHS512, otherSecret, root))
	f.Add(sign(jwt.SigningMethodES384, p384Key(), root))
	f.Add(sign(jwt.SigningMethodPS256, rsaKey(), root))
	f.Add(sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, root))
	f.Add(withPublicKeyAsSecret(publicPEM(rsaKey().Public())))
	f.Add(encode(`{"alg":"HS256","crit":["b64"],"b64":false}`) + "." + encode(`{"sub":"root"}`) + ".")
	f.Add(encode(`{"alg":"ES256"}`) + "." + encode(`{"sub":"root","exp":1e300}`) + "." + encode(strings.Repeat("\x00", 64)))
	f.Add(encode(`{"alg":null}`) + "." + encode(`null`) + ".")
	f.Add("..")
	f.Add("")
	g := allKeys(f)
	f.Fuzz(func(t *testing.T, token string) {
		identity, err := connect(t, g, token)
		if !identity.Anonymous() || err == nil && token != "" {
			t.Fatalf("admitted %q as %q", token, identity.UserID)
		}
		if err != nil && !fault.Is(err, fault.CredentialsInvalid) {
			t.Fatal(err)
		}
	})
}

// FuzzClaims: whatever a trusted issuer writes into a token, an identity that
// comes out of it is one that the rest of the hub can carry.
func FuzzClaims(f *testing.F) {
	for _, payload := range []string{
		`{"sub":"ann","exp":1e300,"nbf":0,"iat":-1,"roles":["a","b"],"tenant":1.5}`,
		`{"sub":"ann","exp":1795521601.25,"roles":"a b c"}`,
		`{"sub":"\ud800","roles":[null]}`,
		"{\"sub\":\"\xff\"}",
		`{"sub":1,"exp":"x","roles":{"a":[[[[]]]]}}`,
		`{"realm_access":{"roles":["a"]},"sub":"é"}`,
		`null`, `[]`, `{}`, ``,
	} {
		f.Add(payload)
	}
	g := open(f, nil)
	f.Fuzz(func(t *testing.T, payload string) {
		identity, err := connect(t, g, genuine(payload))
		if err != nil {
			if !identity.Anonymous() || !fault.Is(err, fault.CredentialsInvalid) && !fault.Is(err, fault.CredentialsExpired) {
				t.Fatalf("%q, %v", identity.UserID, err)
			}
			return
		}
		if n := len(identity.UserID); n < 1 || n > 256 || !utf8.ValidString(identity.UserID) || strings.ContainsAny(identity.UserID, "\x00\n\ufffd") {
			t.Fatalf("user %q", identity.UserID)
		}
		if len(identity.Roles) > 64 {
			t.Fatalf("%d roles", len(identity.Roles))
		}
		if ends := identity.ExpiresAt; !ends.IsZero() && (!ends.After(now) || ends.After(time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC))) {
			t.Fatalf("ends %v", ends)
		}
	})
}
