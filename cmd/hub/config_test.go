package main

import (
	"crypto/tls"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/realtime-hub/hub/hub/server"
)

func TestMistakesAreToldAllAtOnceWithTheirPlace(t *testing.T) {
	for _, c := range []struct {
		name, file  string
		environment []string
		args        []string
		want        string
	}{
		{
			name: "form",
			file: "http:\n  addrs: 0.0.0.0:8080\n  door: MINE\nlimits:\n  max_ids: many\nhttp:\n  allowed_origins: x\n",
			want: `hub: 5 mistakes:
hub.yaml:2:3: http.addrs: unknown field "addrs", expected one of [address allowed_origins trusted_proxies tls door]
hub.yaml:3:9: http.door: unknown enum value "MINE", expected one of [DOOR_UNSPECIFIED OWN LIBRARY]
hub.yaml:5:12: limits.max_ids: invalid integer: invalid number, expected digit
hub.yaml:6:1: http: given a second time; the first is in line 1
hub.yaml:7:20: http.allowed_origins: expected sequence, got scalar
`,
		},
		{
			name: "rules",
			file: `http: { address: nowhere, allowed_origins: ["https://app.example", "app.example"] }
grpc:
  tokens:
    - { name: blog, token_env: T, allow: [BROADCAST] }
    - name: ""
      token_env: A
      token_file: b
      allow: [BROADCAST, BROADCAST]
drain: { window: -1s }
`,
			want: `hub: 6 mistakes:
hub.yaml:1:18: http.address: must be host:port, as 127.0.0.1:8080 (http.address)
hub.yaml:1:68: http.allowed_origins[1]: does not match regex pattern ` + "`^(\\*|[a-z][a-z0-9+.-]*://[^/?# ]+)$`" + ` (string.pattern)
hub.yaml:5:7: grpc.tokens[1]: exactly one of token_env and token_file says where the token is (service_token.source)
hub.yaml:5:13: grpc.tokens[1].name: must be at least 1 characters (string.min_len)
hub.yaml:8:14: grpc.tokens[1].allow: repeated value must contain unique items (repeated.unique)
hub.yaml:9:18: drain.window: must be greater than or equal to 0s and less than or equal to 3600s (duration.gte_lte)
`,
		},
		{
			name: "not YAML",
			file: "http: {\n  address: [\n",
			want: "hub: 1 mistake:\nhub.yaml:2: not YAML: did not find expected node content\n",
		},
		{
			name: "two documents",
			file: "http: {}\n---\nhttp: {}\n",
			want: "hub: 1 mistake:\nhub.yaml:2:1: a second YAML document; one is expected\n",
		},
		{
			name: "not built yet",
			file: "engine: { nats: { url: \"nats://n1:4222\" } }\nauth: { worker: { group: sessions } }\n",
			want: `hub: 1 mistake:
hub.yaml:1:17: engine.nats: not built yet; this version has memory
`,
		},
		{
			name:        "variables and flags are named",
			file:        "http: { address: \"127.0.0.1:1\" }\n",
			environment: []string{"HUB_HTTP_ADDRESS=nowhere", "HUB_LIMITS_MAX_IDS=-1", "HUB_DRAIN_WINDOW=soon", "HUB_LOG_FORMAT=XML", "HUB_AUTH_ANONYMOUS=yes", "HUB_HTTP_TLS_CERT_FILE=x", "HUB_CHANNELS=a,,b"},
			args:        []string{"--grpc", "8081"},
			want: `hub: 8 mistakes:
--grpc: grpc.address: must be host:port, as 127.0.0.1:8081 (grpc.address)
HUB_AUTH_ANONYMOUS: auth.anonymous: must be true or false
HUB_CHANNELS: channels[1]: must be at least 1 characters (string.min_len)
HUB_DRAIN_WINDOW: drain.window: must be a duration, as 30s or 1m30s
HUB_HTTP_ADDRESS: http.address: must be host:port, as 127.0.0.1:8080 (http.address)
HUB_HTTP_TLS_CERT_FILE: http.tls.key_file: must be at least 1 characters (string.min_len)
HUB_LIMITS_MAX_IDS: limits.max_ids: must be a whole number from 0 to 4294967295
HUB_LOG_FORMAT: log.format: must be one of TEXT, JSON
`,
		},
		{
			name: "secrets are not there",
			file: `grpc:
  tokens:
    - { name: a, token_env: TOKEN_A, allow: [BROADCAST] }
    - { name: b, token_env: TOKEN_B, allow: [BROADCAST] }
    - { name: c, token_file: nothing, allow: [BROADCAST] }
    - { name: d, token_file: empty, allow: [BROADCAST] }
  clients: [ { name: e, san: e.internal, allow: [BROADCAST] } ]
auth: { jwt: { keys: [ { hmac_secret_env: SHORT }, { public_key_file: nothing } ] } }
`,
			environment: []string{"TOKEN_B=", "SHORT=tooshort"},
			want: `hub: 7 mistakes:
hub.yaml:3:29: grpc.tokens[0].token_env: the variable TOKEN_A is not set
hub.yaml:4:29: grpc.tokens[1].token_env: the variable TOKEN_B is empty
hub.yaml:5:30: grpc.tokens[2].token_file: cannot be read: open nothing: no such file or directory
hub.yaml:6:30: grpc.tokens[3].token_file: the file empty is empty
hub.yaml:7:12: grpc.clients: client certificates need grpc.tls.client_ca_file: without it no certificate is believed
hub.yaml:8:43: auth.jwt.keys[0].hmac_secret_env: the secret is shorter than 32 bytes
hub.yaml:8:71: auth.jwt.keys[1].public_key_file: cannot be read: open nothing: no such file or directory
`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			inFiles(t, map[string]string{"hub.yaml": c.file, "empty": "\n"})
			got := call{environment: c.environment, open: accept(new(server.Config))}.run(t.Context(), append([]string{"check"}, c.args...)...)
			got.want(t, exitFailed, "", c.want)
			if strings.Contains(got.stderr, "tooshort") {
				t.Error("a secret was printed")
			}
		})
	}
}

func TestFlagWinsOverVariableOverFileOverDefault(t *testing.T) {
	const file = "http: { address: \"127.0.0.1:1\" }\nchannels: [ ./file ]\nlimits: { max_ids: 1 }\n"
	environment := []string{"HUB_HTTP_ADDRESS=127.0.0.1:2", "HUB_CHANNELS=env1, env2", "HUB_LIMITS_MAX_IDS=2", "HUB_GRPC_ADDRESS="}
	for _, c := range []struct {
		name              string
		environment, args []string
		http, grpc        string
		channels          []string
		ids               int
	}{
		{"file", nil, nil, "127.0.0.1:1", "127.0.0.1:8081", []string{"conf/file"}, 1},
		{"variable", environment, nil, "127.0.0.1:2", "127.0.0.1:8081", []string{"env1", "env2"}, 2},
		{"flag", environment, []string{"--http", "127.0.0.1:3", "--channels", "a", "--channels", "b"}, "127.0.0.1:3", "127.0.0.1:8081", []string{"a", "b"}, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			inFiles(t, map[string]string{"conf/hub.yaml": file})
			config, err := loadConfig(parseFlags(t, c.args...), newEnvironment(append(c.environment, "HUB_CONFIG=conf/hub.yaml")))
			if err != nil {
				t.Fatal(err)
			}
			s := config.server
			if s.HTTP.Address != c.http || s.GRPC.Address != c.grpc || s.Limits.MaxIDs != c.ids || !slices.Equal(s.Channels, c.channels) {
				t.Errorf("%v %v %v %v", s.HTTP.Address, s.GRPC.Address, s.Limits.MaxIDs, s.Channels)
			}
		})
	}
}

func TestWhichFileIsRead(t *testing.T) {
	inFiles(t, map[string]string{"hub.yaml": "", "b.yaml": "", "c.yaml": ""})
	for _, c := range []struct {
		flag, variable, want string
	}{{"b.yaml", "c.yaml", "b.yaml"}, {"", "c.yaml", "c.yaml"}, {"", "", "hub.yaml"}} {
		config, err := loadConfig(configFlags{config: c.flag}, environment{"HUB_CONFIG": c.variable})
		if err != nil || config.file != c.want {
			t.Errorf("%+v: %v, %v", c, config, err)
		}
	}
	t.Chdir(t.TempDir())
	if config, err := loadConfig(configFlags{}, environment{}); err != nil || config.file != "" {
		t.Errorf("without a file: %v, %v", config, err)
	}
	call{}.run(t.Context(), "check", "--config", "none.yaml").
		want(t, exitFailed, "", "hub: the configuration cannot be read: open none.yaml: no such file or directory\n")
}

func TestWholeFileReachesTheServer(t *testing.T) {
	secret := strings.Repeat("s", 32)
	inFiles(t, map[string]string{
		"etc/hub.yaml": `http:
  address: 0.0.0.0:8080
  allowed_origins: ["https://app.example"]
  trusted_proxies: ["10.0.0.0/8"]
  door: LIBRARY
grpc:
  tokens:
    - { name: blog, token_env: HUB_TOKEN_BLOG, allow: [BROADCAST, HANDLE], channels: ["blog.*"] }
    - { name: blog, token_file: token, allow: [ADMIN] }
ops: { address: "off" }
channels: [ "./proto", /abs ]
auth:
  jwt:
    keys: [ { hmac_secret_file: secret }, { public_key_file: id.pem, algorithm: PS256 } ]
    issuer: "https://id.example"
    audience: hub
    roles_claim: groups
    attribute_claims: [tenant]
    cookie: session
  anonymous: false
limits: { max_connections: 1, max_payload_bytes: 2, max_subscriptions: 3, max_backlog_bytes: 4, max_backlog_total_bytes: 5, max_ids: 6, max_replay_bytes: 7, max_history_bytes: 8 }
drain: { window: 1m30s }
engine: { memory: {} }
log: { format: JSON, level: DEBUG, calls: true }
`,
		"etc/token": "t0ken \n", "etc/secret": secret + "\n", "etc/id.pem": "PEM",
	})
	config, err := loadConfig(configFlags{config: "etc/hub.yaml", insecure: true}, environment{"HUB_TOKEN_BLOG": "env-t0ken"})
	if err != nil {
		t.Fatal(err)
	}
	s := config.server
	for name, ok := range map[string]bool{
		"http":     s.HTTP.Address == "0.0.0.0:8080" && s.HTTP.AllowedOrigins[0] == "https://app.example" && s.HTTP.TrustedProxies[0].String() == "10.0.0.0/8" && s.HTTP.TLS == nil,
		"door":     s.HTTP.Door == server.DoorLibrary,
		"grpc":     s.GRPC.Address == "127.0.0.1:8081" && s.GRPC.Insecure && s.GRPC.LogCalls && s.GRPC.TLS == nil,
		"ops":      s.Ops.Address == "off",
		"channels": slices.Equal(s.Channels, []string{"etc/proto", "/abs"}),
		"tokens": len(s.Tokens) == 2 && s.Tokens[0].Token == "env-t0ken" && slices.Equal(s.Tokens[0].Allow, []string{"BROADCAST", "HANDLE"}) &&
			s.Tokens[0].Channels[0] == "blog.*" && s.Tokens[1].Token == "t0ken",
		"jwt": string(s.Auth.JWT.Keys[0].HMACSecret) == secret && string(s.Auth.JWT.Keys[1].PublicKeyPEM) == "PEM" && s.Auth.JWT.Keys[1].Algorithm == "PS256" &&
			s.Auth.JWT.Issuer == "https://id.example" && s.Auth.JWT.Audience == "hub" && s.Auth.JWT.RolesClaim == "groups" && s.Auth.JWT.AttributeClaims[0] == "tenant" && s.Auth.JWT.Cookie == "session",
		"anonymous": s.Auth.Anonymous != nil && !*s.Auth.Anonymous,
		"limits": s.Limits == server.Limits{
			MaxConnections: 1, MaxPayloadBytes: 2, MaxSubscriptions: 3, MaxBacklogBytes: 4, MaxBacklogTotalBytes: 5, MaxIDs: 6,
			MaxReplayBytes: 7, MaxHistoryBytes: 8,
		},
		"drain": s.DrainWindow != nil && *s.DrainWindow == 90*time.Second,
	} {
		if !ok {
			t.Errorf("%s did not arrive: %+v", name, s)
		}
	}
	if len(config.notes) > 0 {
		t.Errorf("notes %q", config.notes)
	}
}

func TestTheHubsOwnDoorIsTheDefault(t *testing.T) {
	for file, want := range map[string]server.Door{
		"{}":                          server.DoorOwn,
		"http: { door: OWN }":         server.DoorOwn,
		"http: { door: LIBRARY }":     server.DoorLibrary,
		"http: { address: \"h:80\" }": server.DoorOwn,
	} {
		inFiles(t, map[string]string{"hub.yaml": file})
		config, err := loadConfig(configFlags{}, environment{})
		if err != nil {
			t.Fatal(err)
		}
		if got := config.server.HTTP.Door; got != want {
			t.Errorf("%s: door %d", file, got)
		}
	}
}

func TestClientCertificatesAreRequiredWhereThereIsNoOtherWayIn(t *testing.T) {
	cert, key := testCertificate(t)
	files := map[string]string{"cert.pem": cert, "key.pem": key, "bad.pem": "PEM"}
	const section = "grpc:\n  tls: { cert_file: cert.pem, key_file: key.pem, client_ca_file: cert.pem }\n"
	for name, c := range map[string]struct {
		more string
		want tls.ClientAuthType
	}{
		"clients only": {"  clients: [ { name: a, san: a.internal, allow: [BROADCAST] } ]\n", tls.RequireAndVerifyClientCert},
		"with tokens":  {"  tokens: [ { name: a, token_env: T, allow: [BROADCAST] } ]\n", tls.VerifyClientCertIfGiven},
	} {
		files["hub.yaml"] = section + c.more
		inFiles(t, files)
		config, err := loadConfig(configFlags{}, environment{"T": "t0ken"})
		if err != nil {
			t.Fatal(err)
		}
		got := config.server.GRPC.TLS
		if got.ClientAuth != c.want || got.ClientCAs == nil || got.MinVersion < tls.VersionTLS12 || len(got.Certificates) != 1 {
			t.Errorf("%s: %v", name, got.ClientAuth)
		}
	}
	files["hub.yaml"] = "http:\n  tls: { cert_file: cert.pem, key_file: bad.pem }\n" +
		"grpc:\n  tls: { cert_file: none.pem, key_file: key.pem, client_ca_file: bad.pem }\n"
	inFiles(t, files)
	call{}.run(t.Context(), "check").want(t, exitFailed, "", `hub: 3 mistakes:
hub.yaml:2:8: http.tls: certificate and key cannot be used: tls: failed to find any PEM data in key input
hub.yaml:4:21: grpc.tls.cert_file: cannot be read: open none.pem: no such file or directory
hub.yaml:4:66: grpc.tls.client_ca_file: no PEM certificate in bad.pem
`)
}

func TestMisspeltVariableIsNoticed(t *testing.T) {
	inFiles(t, map[string]string{"hub.yaml": "grpc:\n  tokens: [ { name: a, token_env: HUB_GRPC_TOKEN, allow: [BROADCAST] } ]\n"})
	got := call{environment: []string{"HUB_HTTP_ADDRS=x", "HUB_GRPC_TOKEN=t", "HUB_GRPC_SERVICE_HOST=x", "HUB_GRPC_PORT=x", "HUB_TOKEN=x", "OTHER=x"}}
	got.open = accept(new(server.Config))
	const note = "hub: note: HUB_HTTP_ADDRS is set, but no field of the configuration has this variable; is it misspelt?\n"
	if r := got.run(t.Context(), "check"); r.code != exitOK || r.stderr != note {
		t.Errorf("%+v", r)
	}
}

func TestMistakeThatOnlyTheServerSeesHasItsPlaceToo(t *testing.T) {
	inFiles(t, map[string]string{"hub.yaml": "grpc:\n  tokens:\n    - { name: blog, token_env: T, allow: [BROADCAST] }\n"})
	open := func(server.Config) (front, error) {
		return nil, errors.New("grpc.tokens[0] (\"blog\"): the token is short\nchannels: proto/a.proto:1:2: no scope")
	}
	for _, command := range []string{"check", "serve"} {
		call{environment: []string{"T=short"}, open: open}.run(t.Context(), command).want(t, exitFailed, "", `hub: 2 mistakes:
proto/a.proto:1:2: no scope
hub.yaml:3:7: grpc.tokens[0] ("blog"): the token is short
`)
	}
}
