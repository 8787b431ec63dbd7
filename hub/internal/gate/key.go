package gate

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/golang-jwt/jwt/v5"
)

const (
	// minSecretBytes is HS256's own size: a shorter secret can be guessed
	// offline from a single token.
	minSecretBytes = 32
	// minRSABits is what RFC 7518 asks of RS and PS keys.
	minRSABits = 2048
)

// Key verifies tokens of exactly one algorithm. The token's alg only selects
// among the keys that were pinned to it; it never decides how a key is used.
// That rules out the confusion of HS256 "signed" with a public RSA key as the
// secret, and alg none. The zero Key verifies nothing, and New refuses it.
type Key struct {
	algorithm string
	material  jwt.VerificationKey
}

// HMACKey is a shared secret of at least 32 bytes, for HS256 (the default),
// HS384 or HS512. The secret is copied.
func HMACKey(secret []byte, algorithm string) (Key, error) {
	algorithm, err := pin(algorithm, "a secret", "HS256", "HS384", "HS512")
	if err != nil {
		return Key{}, err
	}
	if len(secret) < minSecretBytes {
		return Key{}, fmt.Errorf("the secret has %d bytes; at least %d are needed (openssl rand -base64 48)", len(secret), minSecretBytes)
	}
	// A public key as a secret is a secret that everybody has.
	if bytes.HasPrefix(bytes.TrimSpace(secret), []byte("-----BEGIN")) {
		return Key{}, errors.New("the secret is a PEM file; configure a public key with public_key_file")
	}
	return Key{algorithm: algorithm, material: bytes.Clone(secret)}, nil
}

// PublicKey is a public key in PEM: RSA of at least 2048 bits, ECDSA on P-256,
// P-384 or P-521, or Ed25519; PKIX, PKCS #1 or a certificate (of a chain, the
// first). Of a certificate only the key counts: whoever configured it vouches
// for it, not its issuer or dates. The algorithm is the key type's, or for RSA
// RS256 unless another of its type is given.
func PublicKey(pemBytes []byte, algorithm string) (Key, error) {
	public, err := parsePublic(pemBytes)
	if err != nil {
		return Key{}, err
	}
	switch k := public.(type) {
	case *rsa.PublicKey:
		if bits := k.N.BitLen(); bits < minRSABits {
			return Key{}, fmt.Errorf("the RSA key has %d bits; at least %d are needed", bits, minRSABits)
		}
		algorithm, err = pin(algorithm, "an RSA key", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
	case *ecdsa.PublicKey:
		// JWT's library verifies ES256 with a key of any curve, so the pin has
		// to come from the curve.
		switch k.Curve {
		case elliptic.P256():
			algorithm, err = pin(algorithm, "a P-256 key", "ES256")
		case elliptic.P384():
			algorithm, err = pin(algorithm, "a P-384 key", "ES384")
		case elliptic.P521():
			algorithm, err = pin(algorithm, "a P-521 key", "ES512")
		default:
			err = fmt.Errorf("the curve %s is not supported; use P-256, P-384 or P-521", k.Curve.Params().Name)
		}
	case ed25519.PublicKey:
		algorithm, err = pin(algorithm, "an Ed25519 key", "EdDSA")
	default:
		err = fmt.Errorf("a key of type %T is not supported; use RSA, ECDSA or Ed25519", public)
	}
	if err != nil {
		return Key{}, err
	}
	return Key{algorithm: algorithm, material: public}, nil
}

// pin settles the algorithm; the first is the default.
func pin(algorithm, key string, possible ...string) (string, error) {
	if algorithm == "" {
		return possible[0], nil
	}
	if !slices.Contains(possible, algorithm) {
		return "", fmt.Errorf("algorithm %q does not go with %s; use %s", algorithm, key, strings.Join(possible, ", "))
	}
	return algorithm, nil
}

func parsePublic(pemBytes []byte) (any, error) {
	blocks, err := publicBlocks(pemBytes)
	if err != nil {
		return nil, err
	}
	var public any
	switch first := blocks[0]; first.Type {
	case "PUBLIC KEY":
		public, err = x509.ParsePKIXPublicKey(first.Bytes)
	case "RSA PUBLIC KEY":
		public, err = x509.ParsePKCS1PublicKey(first.Bytes)
	case "CERTIFICATE":
		var certificate *x509.Certificate
		if certificate, err = x509.ParseCertificate(first.Bytes); err == nil {
			return certificate.PublicKey, nil
		}
	default:
		return nil, fmt.Errorf("a PEM block %q is neither a public key nor a certificate", first.Type)
	}
	if err != nil {
		return nil, fmt.Errorf("the PEM block %q does not parse: %w", blocks[0].Type, err)
	}
	return public, nil
}

// publicBlocks are the file's PEM blocks. A private key among them is refused,
// wherever it stands: the hub only verifies, and what it does not have cannot
// be stolen from it. A second key is refused because it would be ignored.
func publicBlocks(pemBytes []byte) ([]*pem.Block, error) {
	var blocks []*pem.Block
	for block, rest := pem.Decode(pemBytes); block != nil; block, rest = pem.Decode(rest) {
		if strings.HasSuffix(block.Type, "PRIVATE KEY") {
			return nil, errors.New("it holds a private key, which the hub must not have; give it the public one (openssl pkey -in FILE -pubout)")
		}
		blocks = append(blocks, block)
	}
	if len(blocks) == 0 {
		return nil, errors.New("it holds no PEM block; a public key begins with -----BEGIN PUBLIC KEY-----")
	}
	for _, further := range blocks[1:] {
		if blocks[0].Type != "CERTIFICATE" || further.Type != "CERTIFICATE" {
			return nil, errors.New("it holds several keys; give each an entry of its own")
		}
	}
	return blocks, nil
}

// Format hides the secret from every verb of fmt.
func (k Key) Format(f fmt.State, _ rune) { hide(f, k.algorithm+" key") }

// LogValue hides the secret from log/slog.
func (k Key) LogValue() slog.Value { return slog.StringValue("[" + k.algorithm + " key]") }
