package gate_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"maps"
	"math/big"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/realtime-hub/hub/hub/internal/fault"
	"github.com/realtime-hub/hub/hub/internal/gate"
)

// now is the clock of all these tests.
var now = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func clock() time.Time { return now }

var (
	secret      = []byte("0123456789abcdef0123456789abcdef")
	otherSecret = []byte("fedcba9876543210fedcba9876543210")
	rsaKey      = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) })
	ed25519Key  = sync.OnceValue(func() ed25519.PrivateKey { _, k, err := ed25519.GenerateKey(rand.Reader); check(err); return k })
	p256Key     = sync.OnceValue(func() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) })
	p384Key     = sync.OnceValue(func() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader)) })
	p521Key     = sync.OnceValue(func() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P521(), rand.Reader)) })
)

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func must[T any](value T, err error) T {
	check(err)
	return value
}

func block(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func publicPEM(public crypto.PublicKey) []byte {
	return block("PUBLIC KEY", must(x509.MarshalPKIXPublicKey(public)))
}

// certificate is self-signed; edit may set names.
func certificate(key crypto.Signer, edit func(*x509.Certificate)) *x509.Certificate {
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "blog.internal"}, NotBefore: now, NotAfter: now.Add(time.Hour)}
	if edit != nil {
		edit(template)
	}
	return must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key))))
}

// sign makes a token with the library.
func sign(method jwt.SigningMethod, key any, claims jwt.MapClaims) string {
	return must(jwt.NewWithClaims(method, claims).SignedString(key))
}

// user is a genuine token of the user with further claims.
func user(id string, further jwt.MapClaims) string {
	claims := jwt.MapClaims{"sub": id}
	maps.Copy(claims, further)
	return sign(jwt.SigningMethodHS256, secret, claims)
}

// forge signs any header and payload with the right secret: what an issuer
// with a bug, or an attacker who may choose a claim, can bring about.
func forge(header, payload string) string {
	text := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(payload))
	return text + "." + base64.RawURLEncoding.EncodeToString(must(jwt.SigningMethodHS256.Sign(text, secret)))
}

func genuine(payload string) string { return forge(`{"alg":"HS256","typ":"JWT"}`, payload) }

// open makes a gate that trusts the secret; edit may change the rest.
func open(t testing.TB, edit func(*gate.Config)) *gate.Gate {
	t.Helper()
	g, err := gate.New(config(edit))
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func config(edit func(*gate.Config)) gate.Config {
	cfg := gate.Config{
		JWT:       &gate.JWTConfig{Keys: []gate.Key{must(gate.HMACKey(secret, ""))}, Cookie: "session"},
		Anonymous: true,
		Now:       clock,
	}
	if edit != nil {
		edit(&cfg)
	}
	return cfg
}

// connect offers a token as auth.token.
func connect(t testing.TB, g *gate.Gate, token string) (gate.Identity, error) {
	t.Helper()
	admission, err := g.Connect(t.Context(), gate.Credentials{Token: token, HasToken: true})
	return admission.Identity, err
}

func wantReason(t testing.TB, err error, reason fault.Reason) {
	t.Helper()
	switch {
	case reason == "" && err != nil:
		t.Fatalf("refused: %v", err)
	case reason != "" && err == nil:
		t.Fatalf("admitted; want %s", reason)
	case reason != "" && !fault.Is(err, reason):
		t.Fatalf("got %v; want %s", err, reason)
	case reason != "" && fault.Of(err).Message == "":
		t.Fatalf("%s has no message", reason)
	}
}
