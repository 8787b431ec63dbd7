package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/realtime-hub/hub/hub/hubtest"
	"github.com/realtime-hub/hub/hub/server"
)

const (
	hubSecret   = "the-secret-of-the-hub-of-this-test"
	otherSecret = "the-secret-of-another-hub-entirely"
)

const signingConfig = `grpc: { tokens: [ { name: blog, token_env: NOT_SET_HERE, allow: [BROADCAST] } ] }
auth:
  jwt:
    keys: [ { public_key_file: not-here.pem }, { hmac_secret_env: HUB_JWT_SECRET, algorithm: HS512 } ]
    issuer: "https://id.example"
    audience: hub
    roles_claim: realm.roles
    attribute_claims: [tenant]
`

// verifies is the configuration above, as the hub has it.
func verifies(cfg *server.Config) {
	cfg.Auth.JWT = &server.JWTConfig{
		Keys:   []server.JWTKey{{HMACSecret: []byte(hubSecret), Algorithm: "HS512"}},
		Issuer: "https://id.example", Audience: "hub", RolesClaim: "realm.roles", AttributeClaims: []string{"tenant"},
	}
}

func TestTokenIsBelievedByTheHub(t *testing.T) {
	inFiles(t, map[string]string{"hub.yaml": signingConfig, "proto/board/v1/board.proto": `syntax = "proto3";
package board.v1;
import "hub/v1/channel.proto";
message Moved {
  option (hub.v1.channel) = { name: "board.moved", scope: { role: { any_of: ["editor"] } } };
}
`})
	h := hubtest.Start(t, hubtest.Channels("proto"), hubtest.Config(verifies))
	made := call{environment: []string{"HUB_JWT_SECRET=" + hubSecret}}.run(t.Context(), "token", "--user", "ann", "--role", "editor", "--attribute", "tenant=acme")
	if made.code != exitOK || made.stderr != "" || !regexp.MustCompile(`^[\w-]+\.[\w-]+\.[\w-]+\n$`).MatchString(made.stdout) {
		t.Fatalf("%+v", made)
	}
	// Believed, as whom it says: only an editor may join.
	h.Browser(t, hubtest.WithToken(strings.TrimSpace(made.stdout))).Subscribe("board.moved")

	other := call{environment: []string{"HUB_JWT_SECRET=" + otherSecret}}.run(t.Context(), "token", "--user", "ann", "--role", "editor")
	if said := connects(t, h.URL(), strings.TrimSpace(other.stdout)); !strings.HasPrefix(said, "44") || !strings.Contains(said, "CREDENTIALS_INVALID") {
		t.Errorf("signed with another secret: %s", said)
	}
	if said := connects(t, h.URL(), strings.TrimSpace(made.stdout)); !strings.HasPrefix(said, "40") {
		t.Errorf("signed with the hub's: %s", said)
	}
}

// connects is what the hub answers to a Socket.IO connect.
func connects(t *testing.T, hub, token string) string {
	t.Helper()
	socket, response, err := websocket.DefaultDialer.DialContext(t.Context(), strings.Replace(hub, "http", "ws", 1)+"/socket.io/?EIO=4&transport=websocket", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	defer socket.Close()
	_ = socket.SetReadDeadline(time.Now().Add(10 * time.Second))
	_, _, err = socket.ReadMessage() // Engine.IO's open packet
	if err == nil {
		err = socket.WriteMessage(websocket.TextMessage, []byte(`40{"token":"`+token+`"}`))
	}
	_, answer, readErr := socket.ReadMessage()
	if err := errors.Join(err, readErr); err != nil {
		t.Fatal(err)
	}
	return string(answer)
}

func TestTokenSaysWhatWasAsked(t *testing.T) {
	inFiles(t, map[string]string{"conf/hub.yaml": strings.Replace(signingConfig, "hmac_secret_env: HUB_JWT_SECRET", "hmac_secret_file: secret", 1), "conf/secret": hubSecret + "\n"})
	got := call{}.run(t.Context(), "token", "--config", "conf/hub.yaml", "--user", "ann", "--role", "editor", "--role", "a b", "--attribute", "tenant=acme", "--ttl", "10m", "--json")
	var made madeToken
	if err := json.Unmarshal([]byte(got.stdout), &made); err != nil || got.code != exitOK {
		t.Fatalf("%v: %+v", err, got)
	}
	left := time.Until(made.ExpiresAt)
	if left <= 9*time.Minute || left > 10*time.Minute || made.UserID != "ann" || strings.Join(made.Roles, ",") != "editor,a b" || made.Attributes["tenant"] != "acme" {
		t.Errorf("%+v", made)
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(made.Token, ".")[1])
	var claims map[string]any
	if err != nil || json.Unmarshal(payload, &claims) != nil {
		t.Fatal(err)
	}
	exp, iat := claims["exp"], claims["iat"]
	delete(claims, "exp")
	delete(claims, "iat")
	if text := marshal(t, claims); text != `{"aud":"hub","iss":"https://id.example","realm.roles":["editor","a b"],"sub":"ann","tenant":"acme"}` || exp != float64(made.ExpiresAt.Unix()) || iat == nil {
		t.Errorf("claims %s, exp %v, iat %v", text, exp, iat)
	}
	if strings.Contains(got.stdout+got.stderr, hubSecret) {
		t.Error("the secret was printed")
	}
}

func marshal(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestTokenSaysWhatIsMissing(t *testing.T) {
	const key = "auth: { jwt: { keys: [ { hmac_secret_env: S } ] } }\n"
	for _, c := range []struct {
		name, file  string
		environment []string
		args        []string
		code        int
		stderr      string
	}{
		{"no configuration", "", nil, nil, exitFailed, "hub: auth.jwt.keys has no secret to sign with.\n" + howToSign + "\n"},
		{"public keys", "auth: { jwt: { keys: [ { public_key_file: x } ] } }\n", nil, nil, exitFailed, "~hub: auth.jwt.keys has only public keys, whose owners sign; there is no secret"},
		{"no variable", key, nil, nil, exitFailed, "hub: 1 mistake:\nhub.yaml:1:43: auth.jwt.keys[0].hmac_secret_env: the variable S is not set\n"},
		{"short secret", key, []string{"S=tooshort"}, nil, exitFailed, "hub: 1 mistake:\nhub.yaml:1:43: auth.jwt.keys[0].hmac_secret_env: the secret is shorter than 32 bytes\n"},
		{"algorithm", "auth: { jwt: { keys: [ { hmac_secret_env: S, algorithm: RS256 } ] } }\n", []string{"S=" + hubSecret}, nil, exitFailed, "~auth.jwt.keys[0].algorithm: does not go with a secret; use HS256, HS384 or HS512\n"},
		{"mistake elsewhere", key + "limits: { max_ids: many }\n", []string{"S=" + hubSecret}, nil, exitFailed, "~hub.yaml:2:20: limits.max_ids: "},
		{"no such file", "", nil, []string{"--config", "none.yaml"}, exitFailed, "~hub: the configuration cannot be read: open none.yaml"},
		{"attribute", key, []string{"S=" + hubSecret}, []string{"--attribute", "tenant=acme"}, exitUsage, "~hub: --attribute tenant: the hub would ignore it; auth.jwt.attribute_claims has none\n"},
		{"attribute of meaning", "auth: { jwt: { attribute_claims: [sub], keys: [ { hmac_secret_env: S } ] } }\n", []string{"S=" + hubSecret}, []string{"--attribute", "sub=root"}, exitUsage, "~hub: --attribute sub: the claim has another meaning"},
		{"no pair", key, nil, []string{"--attribute", "tenant"}, exitUsage, "hub: --attribute \"tenant\" is not NAME=VALUE, as tenant=acme\nSee: hub token --help\n"},
		{"ttl", key, nil, []string{"--ttl", "-1h"}, exitUsage, "hub: --ttl is at least 1s, as 10m or 1h\nSee: hub token --help\n"},
		{"long user", key, nil, []string{"--user", strings.Repeat("x", 257)}, exitUsage, "~hub: --user, --role or --attribute: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := map[string]string{}
			if c.file != "" {
				files["hub.yaml"] = c.file
			}
			inFiles(t, files)
			got := call{environment: c.environment}.run(t.Context(), append([]string{"token", "--user", "ann"}, c.args...)...)
			got.want(t, c.code, "", c.stderr)
			if strings.Contains(got.stderr, "tooshort") || strings.Contains(got.stderr, hubSecret) {
				t.Error("the secret was printed")
			}
		})
	}
	inFiles(t, nil)
	call{}.run(t.Context(), "token").want(t, exitUsage, "", "hub: token needs --user; a token is always of someone\nSee: hub token --help\n")
}
