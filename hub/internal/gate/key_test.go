package gate_test

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"github.com/realtime-hub/hub/hub/internal/gate"
)

func TestEachKeyVerifiesItsAlgorithm(t *testing.T) {
	rsaPEM := publicPEM(rsaKey().Public())
	for _, test := range []struct {
		name    string
		key     gate.Key
		method  jwt.SigningMethod
		private any
	}{
		{"HS256", must(gate.HMACKey(secret, "")), jwt.SigningMethodHS256, secret},
		{"HS384", must(gate.HMACKey(secret, "HS384")), jwt.SigningMethodHS384, secret},
		{"HS512", must(gate.HMACKey(secret, "HS512")), jwt.SigningMethodHS512, secret},
		{"RS256", must(gate.PublicKey(rsaPEM, "")), jwt.SigningMethodRS256, rsaKey()},
		{"RS384", must(gate.PublicKey(rsaPEM, "RS384")), jwt.SigningMethodRS384, rsaKey()},
		{"RS512", must(gate.PublicKey(rsaPEM, "RS512")), jwt.SigningMethodRS512, rsaKey()},
		{"PS256", must(gate.PublicKey(rsaPEM, "PS256")), jwt.SigningMethodPS256, rsaKey()},
		{"PS384", must(gate.PublicKey(rsaPEM, "PS384")), jwt.SigningMethodPS384, rsaKey()},
		{"PS512", must(gate.PublicKey(rsaPEM, "PS512")), jwt.SigningMethodPS512, rsaKey()},
		{"PKCS1", must(gate.PublicKey(block("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&rsaKey().PublicKey)), "")), jwt.SigningMethodRS256, rsaKey()},
		{"ES256", must(gate.PublicKey(publicPEM(p256Key().Public()), "")), jwt.SigningMethodES256, p256Key()},
		{"ES384", must(gate.PublicKey(publicPEM(p384Key().Public()), "")), jwt.SigningMethodES384, p384Key()},
		{"ES512", must(gate.PublicKey(publicPEM(p521Key().Public()), "ES512")), jwt.SigningMethodES512, p521Key()},
		{"EdDSA", must(gate.PublicKey(publicPEM(ed25519Key().Public()), "")), jwt.SigningMethodEdDSA, ed25519Key()},
		{"certificate", must(gate.PublicKey(block("CERTIFICATE", certificate(p256Key(), nil).Raw), "")), jwt.SigningMethodES256, p256Key()},
		{"chain", must(gate.PublicKey(slices.Concat(block("CERTIFICATE", certificate(p256Key(), nil).Raw), block("CERTIFICATE", certificate(rsaKey(), nil).Raw)), "")), jwt.SigningMethodES256, p256Key()},
	} {
		t.Run(test.name, func(t *testing.T) {
			// Another key of the same algorithm stands before it: any verifies.
			keys := []gate.Key{must(gate.HMACKey(otherSecret, "")), test.key}
			g := open(t, func(cfg *gate.Config) { cfg.JWT.Keys = keys })
			identity, err := connect(t, g, sign(test.method, test.private, jwt.MapClaims{"sub": "ann"}))
			wantReason(t, err, "")
			if identity.UserID != "ann" {
				t.Errorf("user %q", identity.UserID)
			}
		})
	}
}

func TestUnfitKeysAreRefused(t *testing.T) {
	small := must(rsa.GenerateKey(rand.Reader, 1024))
	p224 := must(ecdsa.GenerateKey(elliptic.P224(), rand.Reader))
	x25519 := must(ecdh.X25519().GenerateKey(rand.Reader))
	public := publicPEM(p256Key().Public())
	private := block("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(rsaKey())))
	for _, test := range []struct {
		name      string
		pem       []byte
		algorithm string
		want      string
	}{
		{"RSA of 1024 bits", publicPEM(small.Public()), "", "at least 2048"},
		{"P-224", publicPEM(p224.Public()), "", "P-224 is not supported"},
		{"X25519", publicPEM(x25519.PublicKey()), "", "not supported"},
		{"HS256 of an RSA key", publicPEM(rsaKey().Public()), "HS256", "does not go with"},
		{"none", publicPEM(rsaKey().Public()), "none", "does not go with"},
		{"ES384 of P-256", public, "ES384", "does not go with"},
		{"RS256 of Ed25519", publicPEM(ed25519Key().Public()), "RS256", "does not go with"},
		{"lower case", publicPEM(rsaKey().Public()), "rs256", "does not go with"},
		{"PKCS8 private key", private, "", "private key"},
		{"PKCS1 private key", block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey())), "", "private key"},
		{"SEC1 private key after its parameters", slices.Concat(block("EC PARAMETERS", []byte{1}), block("EC PRIVATE KEY", must(x509.MarshalECPrivateKey(p256Key())))), "", "private key"},
		{"encrypted private key", block("ENCRYPTED PRIVATE KEY", []byte{1}), "", "private key"},
		{"private key after the public one", slices.Concat(public, private), "", "private key"},
		{"two keys", slices.Concat(public, public), "", "several keys"},
		{"empty", nil, "", "no PEM block"},
		{"JWK", []byte(`{"kty":"RSA"}`), "", "no PEM block"},
		{"request", block("CERTIFICATE REQUEST", []byte{1}), "", "neither"},
		{"broken key", block("PUBLIC KEY", []byte{1, 2, 3}), "", "does not parse"},
		{"broken certificate", block("CERTIFICATE", []byte{1, 2, 3}), "", "does not parse"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := gate.PublicKey(test.pem, test.algorithm)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v; want %q", err, test.want)
			}
		})
	}
}

func TestUnfitSecretsAreRefused(t *testing.T) {
	for _, test := range []struct {
		name      string
		secret    []byte
		algorithm string
		want      string
	}{
		{"31 bytes", secret[:31], "", "at least 32"},
		{"empty", nil, "", "at least 32"},
		{"RS256", secret, "RS256", "does not go with"},
		{"none", secret, "none", "does not go with"},
		{"a PEM", publicPEM(rsaKey().Public()), "", "PEM"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := gate.HMACKey(test.secret, test.algorithm)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v; want %q", err, test.want)
			}
			if err != nil && len(test.secret) > 0 && strings.Contains(err.Error(), string(test.secret)) {
				t.Error("the error tells the secret")
			}
		})
	}
}

func TestSecretIsCopied(t *testing.T) {
	mine := slices.Clone(secret)
	key := must(gate.HMACKey(mine, ""))
	clear(mine)
	g := open(t, func(cfg *gate.Config) { cfg.JWT.Keys = []gate.Key{key} })
	_, err := connect(t, g, user("ann", nil))
	wantReason(t, err, "")
}

func TestKeysAreNotPrinted(t *testing.T) {
	key := must(gate.HMACKey(secret, ""))
	cfg := gate.JWTConfig{Keys: []gate.Key{key}}
	for _, text := range []string{fmt.Sprintf("%v %+v %#v %s", key, key, key, key), fmt.Sprintf("%x %d %v", key, key, key.LogValue()), fmt.Sprintf("%v %+v %#v %x", cfg, cfg, cfg, cfg)} {
		for _, leak := range []string{string(secret), fmt.Sprintf("%x", secret), "48 49 50"} {
			if strings.Contains(text, leak) {
				t.Errorf("printed %s", text)
			}
		}
	}
}

func TestUnfitJWTConfigIsRefused(t *testing.T) {
	for want, edit := range map[string]func(*gate.JWTConfig){
		"at least one key":           func(cfg *gate.JWTConfig) { cfg.Keys = nil },
		"keys[1]: the key is empty":  func(cfg *gate.JWTConfig) { cfg.Keys = append(cfg.Keys, gate.Key{}) },
		"at most 32 keys":            func(cfg *gate.JWTConfig) { cfg.Keys = slices.Repeat(cfg.Keys, 33) },
		"attribute_claims: at most":  func(cfg *gate.JWTConfig) { cfg.AttributeClaims = slices.Repeat([]string{"a"}, 33) },
		"attribute_claims: a claim'": func(cfg *gate.JWTConfig) { cfg.AttributeClaims = []string{""} },
		"not a cookie's name":        func(cfg *gate.JWTConfig) { cfg.Cookie = "a=b;" },
	} {
		_, err := gate.New(config(func(cfg *gate.Config) { edit(cfg.JWT) }))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v; want %q", err, want)
		}
	}
}
