package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"buf.build/go/protovalidate"
	"github.com/golang-jwt/jwt/v5"
	"github.com/spf13/cobra"

	configv1 "github.com/realtime-hub/hub/gen/hub/config/v1"
	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
)

const tokenHelp = `Make a token for a session, for development: signed with the first secret of
auth.jwt.keys, with the issuer, the audience and the claims that the configuration
asks for. Only the token is printed, so that $(hub token --user ann) works. A
browser connects with it: io(url, { auth: { token } }).

The hub itself never makes tokens. In production who knows the users signs them.

The configuration is found as by hub serve: --config, else HUB_CONFIG, else
./hub.yaml. The secret is where it says, in a variable or a file; it is never a
flag, and never printed.

Exit codes: 0 done, 1 there is no secret, or the configuration has mistakes, 2
called the wrong way.`

// howToSign says what to write, since whoever has no key yet has no example either.
const howToSign = `For development, put this into hub.yaml:

  auth:
    jwt:
      keys: [ { hmac_secret_env: HUB_JWT_SECRET } ]

and set the variable to the same random text for the hub and for this command:

  export HUB_JWT_SECRET="$(openssl rand -base64 48)"`

func (p *program) token() *cobra.Command {
	var flags configFlags
	var who person
	var ttl time.Duration
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Make a session's token, for development",
		Long:  tokenHelp,
		Example: `  hub token --user ann --role editor --ttl 10m
  hub token --user ann --attribute tenant=acme --json`,
		Args: takesNothing(),
		PreRunE: func(*cobra.Command, []string) error {
			switch {
			case who.user == "":
				return errors.New("token needs --user; a token is always of someone")
			case ttl < time.Second:
				return errors.New("--ttl is at least 1s, as 10m or 1h")
			default:
				return who.check()
			}
		},
		RunE: p.begin(func(context.Context, []string) error {
			if err := protovalidate.Validate(who.identity()); err != nil {
				return usageError{fmt.Errorf("--user, --role or --attribute: %w", err)}
			}
			signer, err := newSigner(flags, p.env)
			if err != nil {
				return err
			}
			made, err := signer.sign(who.identity(), time.Now(), ttl)
			switch {
			case err != nil:
				return err
			case asJSON:
				return json.NewEncoder(p.stdout).Encode(made)
			default:
				_, err = fmt.Fprintln(p.stdout, made.Token)
				return err
			}
		}),
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	cmd.Flags().StringVar(&flags.config, "config", "", "configuration file (default ./hub.yaml if it is there, or HUB_CONFIG)")
	who.flags(p, cmd)
	cmd.Flags().DurationVar(&ttl, "ttl", time.Hour, "how long the token is valid")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object: token, userId, roles, attributes, expiresAt")
	return cmd
}

// madeToken is a token and what it says.
type madeToken struct {
	Token      string            `json:"token"`
	UserID     string            `json:"userId"`
	Roles      []string          `json:"roles"`
	Attributes map[string]string `json:"attributes"`
	ExpiresAt  time.Time         `json:"expiresAt"`
}

// signer makes tokens that the configured hub verifies.
type signer struct {
	config *configv1.Jwt
	method jwt.SigningMethod
	secret []byte
}

// newSigner reads no other secret of the configuration than the one it needs.
func newSigner(flags configFlags, env environment) (*signer, error) {
	l, _, err := loadLayers(flags, env)
	if err != nil {
		return nil, err
	}
	if err := l.mistakes.err(); err != nil {
		return nil, err
	}
	config := l.message.GetAuth().GetJwt()
	for i, key := range config.GetKeys() {
		if key.GetHmacSecretEnv()+key.GetHmacSecretFile() == "" {
			continue
		}
		a := &assembler{layers: l, env: env, used: map[string]bool{}}
		secret := a.hmacSecret(fmt.Sprintf("auth.jwt.keys[%d]", i), key)
		if err := l.mistakes.err(); err != nil {
			return nil, err
		}
		method := jwt.GetSigningMethod(or(key.GetAlgorithm(), jwt.SigningMethodHS256.Name))
		if _, hmac := method.(*jwt.SigningMethodHMAC); !hmac {
			l.refusef(fmt.Sprintf("auth.jwt.keys[%d].algorithm", i), "does not go with a secret; use HS256, HS384 or HS512")
			return nil, l.mistakes.err()
		}
		return &signer{config: config, method: method, secret: secret}, nil
	}
	if len(config.GetKeys()) > 0 {
		return nil, errors.New("auth.jwt.keys has only public keys, whose owners sign; there is no secret to sign with.\n" + howToSign)
	}
	return nil, errors.New("auth.jwt.keys has no secret to sign with.\n" + howToSign)
}

// sign refuses what the hub would ignore, for nobody would find out why.
func (s *signer) sign(who *hubv1.Identity, now time.Time, ttl time.Duration) (*madeToken, error) {
	expires := now.Add(ttl).Truncate(time.Second).UTC()
	roles := or(s.config.GetRolesClaim(), "roles")
	claims := jwt.MapClaims{"sub": who.GetUserId(), "iat": now.Unix(), "exp": expires.Unix()}
	if issuer := s.config.GetIssuer(); issuer != "" {
		claims["iss"] = issuer
	}
	if audience := s.config.GetAudience(); audience != "" {
		claims["aud"] = audience
	}
	if len(who.GetRoles()) > 0 {
		claims[roles] = who.GetRoles()
	}
	for _, name := range slices.Sorted(maps.Keys(who.GetAttributes())) {
		if !slices.Contains(s.config.GetAttributeClaims(), name) {
			return nil, usageError{fmt.Errorf("--attribute %s: the hub would ignore it; auth.jwt.attribute_claims has %s",
				name, or(strings.Join(s.config.GetAttributeClaims(), ", "), "none"))}
		}
		if _, taken := claims[name]; taken || name == roles {
			return nil, usageError{fmt.Errorf("--attribute %s: the claim has another meaning, and is made from the configuration and the other flags", name)}
		}
		claims[name] = who.GetAttributes()[name]
	}
	text, err := jwt.NewWithClaims(s.method, claims).SignedString(s.secret)
	if err != nil {
		return nil, errors.New("the token cannot be signed") // the library's text may hold the key
	}
	return &madeToken{
		Token: text, UserID: who.GetUserId(), Roles: append([]string{}, who.GetRoles()...), Attributes: who.GetAttributes(), ExpiresAt: expires,
	}, nil
}
