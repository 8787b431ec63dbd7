package gate_test

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"github.com/realtime-hub/hub/hub/internal/fault"
	"github.com/realtime-hub/hub/hub/internal/gate"
)

func encode(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// allKeys is a gate with a key of each kind, so that every algorithm that an
// attacker names has a key it could be confused with.
func allKeys(t testing.TB) *gate.Gate {
	t.Helper()
	return open(t, func(cfg *gate.Config) {
		cfg.JWT.Keys = []gate.Key{
			must(gate.HMACKey(secret, "")),
			must(gate.PublicKey(publicPEM(rsaKey().Public()), "")),
			must(gate.PublicKey(publicPEM(p256Key().Public()), "")),
			must(gate.PublicKey(publicPEM(ed25519Key().Public()), "")),
		}
	})
}

// withPublicKeyAsSecret is the classic confusion: HS256 with what everybody has.
func withPublicKeyAsSecret(key []byte) string {
	text := encode(`{"alg":"HS256"}`) + "." + encode(`{"sub":"root"}`)
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func TestForgedTokensAdmitNobody(t *testing.T) {
	root := jwt.MapClaims{"sub": "root"}
	good := user("ann", nil)
	header, rest, _ := strings.Cut(good, ".")
	payload, signature, _ := strings.Cut(rest, ".")
	for name, token := range map[string]string{
		"alg none":                      sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, root),
		"alg none in mixed case":        encode(`{"alg":"nOnE"}`) + "." + encode(`{"sub":"root"}`) + ".",
		"alg none with a signature":     encode(`{"alg":"none"}`) + "." + encode(`{"sub":"root"}`) + "." + signature,
		"no alg":                        encode(`{}`) + "." + encode(`{"sub":"root"}`) + "." + signature,
		"alg is a number":               encode(`{"alg":256}`) + "." + payload + "." + signature,
		"alg is null":                   encode(`{"alg":null}`) + "." + payload + "." + signature,
		"alg in lower case":             forge(`{"alg":"hs256"}`, `{"sub":"root"}`),
		"ALG is not alg":                forge(`{"ALG":"HS256"}`, `{"sub":"root"}`),
		"two algs, none last":           forge(`{"alg":"HS256","alg":"none"}`, `{"sub":"root"}`),
		"HS512 with the HS256 secret":   sign(jwt.SigningMethodHS512, secret, root),
		"another secret":                sign(jwt.SigningMethodHS256, otherSecret, root),
		"an empty secret":               sign(jwt.SigningMethodHS256, []byte{}, root),
		"HS256 with the RSA PEM":        withPublicKeyAsSecret(publicPEM(rsaKey().Public())),
		"HS256 with the trimmed PEM":    withPublicKeyAsSecret([]byte(strings.TrimSpace(string(publicPEM(rsaKey().Public()))))),
		"HS256 with the RSA modulus":    withPublicKeyAsSecret(rsaKey().N.Bytes()),
		"HS256 with the Ed25519 key":    withPublicKeyAsSecret(ed25519Key()[32:]),
		"PS256 with the RS256 key":      sign(jwt.SigningMethodPS256, rsaKey(), root),
		"RS512 with the RS256 key":      sign(jwt.SigningMethodRS512, rsaKey(), root),
		"ES384 of an unknown key":       sign(jwt.SigningMethodES384, p384Key(), root),
		"ES256 signature of zeros":      encode(`{"alg":"ES256"}`) + "." + encode(`{"sub":"root"}`) + "." + encode(strings.Repeat("\x00", 64)),
		"EdDSA signature of zeros":      encode(`{"alg":"EdDSA"}`) + "." + encode(`{"sub":"root"}`) + "." + encode(strings.Repeat("\x00", 64)),
		"no signature":                  header + "." + payload + ".",
		"another payload":               header + "." + encode(`{"sub":"root"}`) + "." + signature,
		"a cut signature":               header + "." + payload + "." + signature[:20],
		"two parts":                     header + "." + payload,
		"five parts, as JWE":            good + ".." + signature,
		"only dots":                     "..",
		"empty header":                  "." + payload + "." + signature,
		"header is null":                encode("null") + "." + payload + "." + signature,
		"header is a list":              encode("[]") + "." + payload + "." + signature,
		"a line break inside":           header + "." + payload + "." + signature[:10] + "\n" + signature[10:],
		"padding":                       good + "=",
		"loose last bits":               good[:len(good)-1] + loosen(good[len(good)-1]),
		"a space before":                " " + good,
		"crit":                          forge(`{"alg":"HS256","crit":["exp"],"exp":9999999999}`, `{"sub":"root"}`),
		"crit is empty":                 forge(`{"alg":"HS256","crit":[]}`, `{"sub":"root"}`),
		"crit is null":                  forge(`{"alg":"HS256","crit":null}`, `{"sub":"root"}`),
		"crit b64":                      forge(`{"alg":"HS256","crit":["b64"],"b64":false}`, `{"sub":"root"}`),
		"a key in the header":           sign(jwt.SigningMethodHS256, otherSecret, jwt.MapClaims{"sub": "root", "jwk": map[string]any{"kty": "oct", "k": encode(string(otherSecret))}}),
		"deep claims":                   genuine(strings.Repeat("[", 11000)),
		"deep header":                   forge(strings.Repeat(`{"a":`, 2000), `{"sub":"root"}`),
		"over 16 KiB":                   genuine(`{"sub":"root","x":"` + strings.Repeat("a", 16<<10) + `"}`),
		"a megabyte of dots":            strings.Repeat(".", 1<<20),
		"text":                          "undefined",
		"letters beyond the alphabet":   "é.é.é",
		"the right token, twice joined": good + good,
	} {
		t.Run(name, func(t *testing.T) {
			identity, err := connect(t, allKeys(t), token)
			wantReason(t, err, fault.CredentialsInvalid)
			if !identity.Anonymous() {
				t.Errorf("a refusal with an identity: %q", identity.UserID)
			}
			tellsNothing(t, err, token)
		})
	}
}

// Two keys of one type: the token's alg must not move a key to the other's
// algorithm, though both are in use.
func TestKeyIsNotUsedForAnotherAlgorithmOfItsType(t *testing.T) {
	root := jwt.MapClaims{"sub": "root"}
	other := must(rsa.GenerateKey(rand.Reader, 2048))
	g := open(t, func(cfg *gate.Config) {
		cfg.JWT.Keys = []gate.Key{
			must(gate.HMACKey(secret, "HS256")), must(gate.HMACKey(otherSecret, "HS512")),
			must(gate.PublicKey(publicPEM(rsaKey().Public()), "RS256")), must(gate.PublicKey(publicPEM(other.Public()), "PS256")),
		}
	})
	for name, token := range map[string]string{
		"HS512 with the HS256 secret": sign(jwt.SigningMethodHS512, secret, root),
		"HS256 with the HS512 secret": sign(jwt.SigningMethodHS256, otherSecret, root),
		"PS256 with the RS256 key":    sign(jwt.SigningMethodPS256, rsaKey(), root),
		"RS256 with the PS256 key":    sign(jwt.SigningMethodRS256, other, root),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := connect(t, g, token)
			wantReason(t, err, fault.CredentialsInvalid)
		})
	}
}

// loosen sets bits of the last character that strict base64 wants to be zero:
// of 32 bytes' 43 characters the last has two.
func loosen(last byte) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return string(alphabet[strings.IndexByte(alphabet, last)|1])
}

// tellsNothing fails if the fault, even its text for the log, has the token or
// a key in it.
func tellsNothing(t testing.TB, err error, token string) {
	t.Helper()
	text := err.Error() + fault.Of(err).Proto().String()
	if len(token) > 8 && strings.Contains(text, token) || strings.Contains(text, string(secret)) {
		t.Errorf("it tells too much: %s", text)
	}
	for _, word := range []string{"HS256", "RS256", "ES256", "EdDSA", "-----BEGIN"} {
		if strings.Contains(fault.Of(err).Message, word) {
			t.Errorf("the message tells of keys: %s", fault.Of(err).Message)
		}
	}
}

// The signature is what is checked first: of a token that is not genuine the
// hub says neither that it expired nor whom it was for.
func TestForgedTokenIsNotExpired(t *testing.T) {
	token := sign(jwt.SigningMethodHS256, otherSecret, jwt.MapClaims{"sub": "ann", "exp": 1, "nbf": "x"})
	_, err := connect(t, open(t, nil), token)
	wantReason(t, err, fault.CredentialsInvalid)
	if message := fault.Of(err).Message; !strings.Contains(message, "signature") {
		t.Errorf("message %q", message)
	}
}

func TestKidIsNotFollowed(t *testing.T) {
	for _, kid := range []string{`"../../../dev/null"`, `"' OR 1=1 --"`, `"` + strings.Repeat("k", 3000) + `"`, `{}`, `[1]`, `null`, `"https://evil.example/jwks"`} {
		identity, err := connect(t, allKeys(t), forge(`{"alg":"HS256","kid":`+kid+`,"jku":`+kid+`,"x5u":`+kid+`}`, `{"sub":"ann"}`))
		wantReason(t, err, "")
		if identity.UserID != "ann" {
			t.Errorf("kid %.20s gives %q", kid, identity.UserID)
		}
	}
}

func TestLargestTokenIsAccepted(t *testing.T) {
	const largest = 16 << 10
	fill := 12000
	token := genuine(`{"sub":"ann","x":"` + strings.Repeat("a", fill) + `"}`)
	for len(token) < largest-3 {
		fill++
		token = genuine(`{"sub":"ann","x":"` + strings.Repeat("a", fill) + `"}`)
	}
	_, err := connect(t, open(t, nil), token)
	wantReason(t, err, "")
}
