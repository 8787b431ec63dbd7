package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	configv1 "github.com/realtime-hub/hub/gen/hub/config/v1"
)

// Each field that a variable can set, by a value that it takes: a field
// that is added to config.proto without a line here fails.
func TestEverySettingHasAVariable(t *testing.T) {
	examples := map[string]struct{ text, want string }{
		"HUB_HTTP_ADDRESS":                   {"a:1", `{"http":{"address":"a:1"}}`},
		"HUB_HTTP_ALLOWED_ORIGINS":           {"https://a, https://b", `{"http":{"allowedOrigins":["https://a","https://b"]}}`},
		"HUB_HTTP_TRUSTED_PROXIES":           {"10.0.0.0/8", `{"http":{"trustedProxies":["10.0.0.0/8"]}}`},
		"HUB_HTTP_TLS_CERT_FILE":             {"c", `{"http":{"tls":{"certFile":"c"}}}`},
		"HUB_HTTP_TLS_KEY_FILE":              {"k", `{"http":{"tls":{"keyFile":"k"}}}`},
		"HUB_HTTP_DOOR":                      {"LIBRARY", `{"http":{"door":"LIBRARY"}}`},
		"HUB_GRPC_ADDRESS":                   {"a:1", `{"grpc":{"address":"a:1"}}`},
		"HUB_GRPC_TLS_CERT_FILE":             {"c", `{"grpc":{"tls":{"certFile":"c"}}}`},
		"HUB_GRPC_TLS_KEY_FILE":              {"k", `{"grpc":{"tls":{"keyFile":"k"}}}`},
		"HUB_GRPC_TLS_CLIENT_CA_FILE":        {"k", `{"grpc":{"tls":{"clientCaFile":"k"}}}`},
		"HUB_OPS_ADDRESS":                    {"off", `{"ops":{"address":"off"}}`},
		"HUB_CHANNELS":                       {"a,b", `{"channels":["a","b"]}`},
		"HUB_AUTH_JWT_ISSUER":                {"i", `{"auth":{"jwt":{"issuer":"i"}}}`},
		"HUB_AUTH_JWT_AUDIENCE":              {"a", `{"auth":{"jwt":{"audience":"a"}}}`},
		"HUB_AUTH_JWT_ROLES_CLAIM":           {"r", `{"auth":{"jwt":{"rolesClaim":"r"}}}`},
		"HUB_AUTH_JWT_ATTRIBUTE_CLAIMS":      {"a", `{"auth":{"jwt":{"attributeClaims":["a"]}}}`},
		"HUB_AUTH_JWT_COOKIE":                {"c", `{"auth":{"jwt":{"cookie":"c"}}}`},
		"HUB_AUTH_WORKER_GROUP":              {"g", `{"auth":{"worker":{"group":"g"}}}`},
		"HUB_AUTH_WORKER_TIMEOUT":            {"1m30s", `{"auth":{"worker":{"timeout":"90s"}}}`},
		"HUB_AUTH_ANONYMOUS":                 {"false", `{"auth":{"anonymous":false}}`},
		"HUB_LIMITS_MAX_CONNECTIONS":         {"1", `{"limits":{"maxConnections":1}}`},
		"HUB_LIMITS_MAX_PAYLOAD_BYTES":       {"1", `{"limits":{"maxPayloadBytes":1}}`},
		"HUB_LIMITS_MAX_SUBSCRIPTIONS":       {"1", `{"limits":{"maxSubscriptions":1}}`},
		"HUB_LIMITS_MAX_BACKLOG_BYTES":       {"1", `{"limits":{"maxBacklogBytes":1}}`},
		"HUB_LIMITS_MAX_BACKLOG_TOTAL_BYTES": {"8589934592", `{"limits":{"maxBacklogTotalBytes":"8589934592"}}`},
		"HUB_LIMITS_MAX_IDS":                 {"1", `{"limits":{"maxIds":1}}`},
		"HUB_LIMITS_MAX_REPLAY_BYTES":        {"1", `{"limits":{"maxReplayBytes":1}}`},
		"HUB_LIMITS_MAX_HISTORY_BYTES":       {"1", `{"limits":{"maxHistoryBytes":"1"}}`},
		"HUB_DRAIN_WINDOW":                   {"500ms", `{"drain":{"window":"0.5s"}}`},
		"HUB_ENGINE_NATS_URL":                {"u", `{"engine":{"nats":{"url":"u"}}}`},
		"HUB_FEATURES":                       {"f", `{"features":["f"]}`},
		"HUB_LOG_FORMAT":                     {"JSON", `{"log":{"format":"JSON"}}`},
		"HUB_LOG_LEVEL":                      {"WARN", `{"log":{"level":"WARN"}}`},
		"HUB_LOG_CALLS":                      {"true", `{"log":{"calls":true}}`},
	}
	seen := 0
	for s := range settings((&configv1.Config{}).ProtoReflect().Descriptor()) {
		example, ok := examples[s.variable()]
		if !ok {
			t.Errorf("%s (%s) has no example", s.variable(), s.path())
			continue
		}
		seen++
		var got, want configv1.Config
		if _, err := s.set(got.ProtoReflect(), example.text); err != nil {
			t.Errorf("%s: %v", s.variable(), err)
		}
		if err := protojson.Unmarshal([]byte(example.want), &want); err != nil {
			t.Fatal(err)
		}
		if !proto.Equal(&got, &want) {
			t.Errorf("%s: %v, want %v", s.variable(), &got, &want)
		}
	}
	if seen != len(examples) {
		t.Errorf("%d of %d examples are settings", seen, len(examples))
	}
}

// A name that two fields share would set the wrong one.
func TestVariablesAreDistinct(t *testing.T) {
	paths := map[string]string{"HUB_CONFIG": "--config", "HUB_TOKEN": "a service token", "HUB_HUB": "--hub"}
	for s := range settings((&configv1.Config{}).ProtoReflect().Descriptor()) {
		if other, taken := paths[s.variable()]; taken {
			t.Errorf("%s is %s and %s", s.variable(), other, s.path())
		}
		paths[s.variable()] = s.path()
	}
}

func TestVariableReplacesAListWhole(t *testing.T) {
	c := &configv1.Config{Channels: []string{"file"}}
	for s := range settings(c.ProtoReflect().Descriptor()) {
		if s.variable() != "HUB_CHANNELS" {
			continue
		}
		if created, err := s.set(c.ProtoReflect(), "env"); err != nil || len(created) != 0 {
			t.Errorf("%v, %v", created, err)
		}
	}
	if len(c.GetChannels()) != 1 || c.GetChannels()[0] != "env" {
		t.Errorf("%v", c.GetChannels())
	}
}

func TestUnknownKindIsAnErrorNotAPanic(t *testing.T) {
	double := (&configv1.Config{}).ProtoReflect().Descriptor().ParentFile().Messages().ByName("Limits").Fields().ByName("max_ids")
	if double.Kind() != protoreflect.Uint32Kind {
		t.Fatal("the example changed")
	}
	if _, err := parse(double, "4294967296"); err == nil {
		t.Error("a number over 32 bits passed")
	}
}

// parseFlags is what serve makes of arguments.
func parseFlags(t *testing.T, args ...string) configFlags {
	t.Helper()
	var f configFlags
	cmd := &cobra.Command{}
	f.add(cmd)
	if err := cmd.ParseFlags(args); err != nil {
		t.Fatal(err)
	}
	return f
}

// testCertificate is one for 127.0.0.1 that vouches for itself, in PEM.
func testCertificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "hub"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}))
}
