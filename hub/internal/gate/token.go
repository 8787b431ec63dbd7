package gate

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/realtime-hub/hub/hub/internal/fault"
)

const (
	// maxTokenBytes bounds the work before the signature is checked; identity
	// providers' largest tokens have about 8 KiB, as headers end there.
	maxTokenBytes = 16 << 10
	// clockLeeway is for an issuer whose clock is ahead of ours, at nbf and iat.
	// There is none for exp: an identity that ended has ended.
	clockLeeway = 5 * time.Second

	maxKeys            = 32
	maxAttributeClaims = 32
	defaultRolesClaim  = "roles"
)

// JWTConfig is how sessions' tokens are checked. The user id is the claim sub;
// exp ends the session.
type JWTConfig struct {
	// Keys verify tokens; any of them suffices, so that keys can be rotated.
	// The header kid is not looked at: all keys of the algorithm are tried.
	// Required, at most 32.
	Keys []Key
	// Issuer is the claim iss. Default: any.
	Issuer string
	// Audience is one of the claim aud. Default: any.
	Audience string
	// RolesClaim holds the roles: a list of strings, or one string of them
	// separated by spaces. Where no claim has exactly this name, dots lead into
	// nested claims, as realm_access.roles does. Default: roles.
	RolesClaim string
	// AttributeClaims become attributes, found as RolesClaim is: strings,
	// numbers and booleans; others are ignored. Default: none, at most 32.
	AttributeClaims []string
	// Cookie names the cookie that holds a token. Default: none.
	Cookie string
}

// verifier turns a token into an identity.
type verifier struct {
	keys       []Key
	parser     *jwt.Parser
	issuer     string
	audience   string
	roles      string
	attributes []string
	cookie     string
	now        func() time.Time
}

// cookieName is RFC 6265's token, as hub.config.v1 has it.
var cookieName = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]*$")

func newVerifier(cfg JWTConfig, now func() time.Time) (*verifier, error) {
	switch {
	case len(cfg.Keys) == 0:
		return nil, errors.New("auth.jwt.keys: at least one key is needed")
	case len(cfg.Keys) > maxKeys:
		return nil, fmt.Errorf("auth.jwt.keys: at most %d keys are possible", maxKeys)
	case len(cfg.AttributeClaims) > maxAttributeClaims:
		return nil, fmt.Errorf("auth.jwt.attribute_claims: at most %d are possible", maxAttributeClaims)
	case slices.Contains(cfg.AttributeClaims, ""):
		return nil, errors.New("auth.jwt.attribute_claims: a claim's name is empty")
	case !cookieName.MatchString(cfg.Cookie):
		return nil, fmt.Errorf("auth.jwt.cookie: %q is not a cookie's name", cfg.Cookie)
	}
	var algorithms []string
	for i, key := range cfg.Keys {
		if key.algorithm == "" || key.material == nil {
			return nil, fmt.Errorf("auth.jwt.keys[%d]: the key is empty", i)
		}
		algorithms = append(algorithms, key.algorithm)
	}
	if cfg.RolesClaim == "" {
		cfg.RolesClaim = defaultRolesClaim
	}
	return &verifier{
		keys: slices.Clone(cfg.Keys),
		// The library checks the signature; the claims are checked here. It
		// takes an exp of 0 for none, and overflows at large ones. That the
		// algorithm is one of the keys' is checked again in candidates.
		parser:     jwt.NewParser(jwt.WithValidMethods(algorithms), jwt.WithStrictDecoding(), jwt.WithoutClaimsValidation()),
		issuer:     cfg.Issuer,
		audience:   cfg.Audience,
		roles:      cfg.RolesClaim,
		attributes: slices.Clone(cfg.AttributeClaims),
		cookie:     cfg.Cookie,
		now:        now,
	}, nil
}

var errCritical = errors.New("the header has crit")

// identify is who the token says. The signature comes first, so that nothing
// is told about a token that is not genuine; the end comes last, so that
// CREDENTIALS_EXPIRED means that all the rest was right.
func (v *verifier) identify(token, source string) (Identity, *fault.Error) {
	claims, refusal := v.verify(token, source)
	if refusal == nil {
		refusal = v.check(claims)
	}
	if refusal != nil {
		return Identity{}, refusal
	}
	identity, refusal := v.identity(claims)
	if refusal != nil {
		return Identity{}, refusal
	}
	if !identity.ExpiresAt.IsZero() && !v.now().Before(identity.ExpiresAt) {
		return Identity{}, fault.New(fault.CredentialsExpired, "the token has expired; get a new one and connect again",
			"source", source, "user", identity.UserID, "expired", identity.ExpiresAt)
	}
	return identity, nil
}

// verify checks form and signature.
func (v *verifier) verify(token, source string) (*claims, *fault.Error) {
	if len(token) > maxTokenBytes {
		return nil, fault.New(fault.CredentialsInvalid, "the token is too large; at most 16 KiB are accepted", "source", source, "bytes", len(token))
	}
	const malformed = "the token is not a JWT; send one as its issuer made it, three base64url parts with dots between"
	if !compact(token) {
		return nil, fault.New(fault.CredentialsInvalid, malformed, "source", source)
	}
	read := &claims{}
	_, err := v.parser.ParseWithClaims(token, read, v.candidates)
	switch {
	case err == nil:
		return read, nil
	case errors.Is(err, errCritical):
		return nil, fault.New(fault.CredentialsInvalid, "the token's header has crit, which this hub does not support", "source", source)
	case errors.Is(err, jwt.ErrTokenMalformed):
		return nil, fault.Wrap(err, fault.CredentialsInvalid, malformed, "source", source)
	}
	// One answer for a wrong signature and an algorithm without a key: the hub
	// does not tell which keys it has.
	return nil, fault.Wrap(err, fault.CredentialsInvalid, "the token's signature does not verify; get a token from the issuer that this hub trusts", "source", source)
}

// candidates are the keys that may have signed the token: those pinned to its
// algorithm. No other key is ever given to the algorithm that a token chose.
func (v *verifier) candidates(token *jwt.Token) (any, error) {
	// RFC 7515: whoever does not understand all of crit must refuse. Ignoring
	// it would take, for example, an unencoded payload (b64) for an encoded one.
	if _, present := token.Header["crit"]; present {
		return nil, errCritical
	}
	var set jwt.VerificationKeySet
	for _, key := range v.keys {
		if key.algorithm == token.Method.Alg() {
			set.Keys = append(set.Keys, key.material)
		}
	}
	return set, nil
}

// compact tells whether a token has only the characters of one. Go's base64
// skips line breaks, so that one token could be written in many ways.
func compact(token string) bool {
	for i := range len(token) {
		switch c := token[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '.':
		default:
			return false
		}
	}
	return true
}
