package main

import (
	"fmt"
	"math"
	"net/netip"

	configv1 "github.com/realtime-hub/hub/gen/hub/config/v1"
	"github.com/realtime-hub/hub/hub/server"
)

// An assembler turns the configuration in force into what the server is told.
// It is the one place that knows both. Here names become what they name:
// variables and files become secrets, certificates and keys.
type assembler struct {
	*layers

	env environment
	// used are the variables that the configuration names itself.
	used map[string]bool
	out  server.Config
}

// assemble fills in out. Addresses get their defaults here, because the log
// and `hub check` tell them; all other defaults are the server's.
func (a *assembler) assemble(insecure bool) {
	a.used = map[string]bool{"HUB_CONFIG": true, "HUB_TOKEN": true, "HUB_HUB": true}
	c := a.message
	a.notBuilt(c)
	a.out = server.Config{
		HTTP: server.HTTPConfig{
			Address:        or(c.GetHttp().GetAddress(), "127.0.0.1:8080"),
			AllowedOrigins: c.GetHttp().GetAllowedOrigins(),
			TrustedProxies: a.prefixes(c.GetHttp().GetTrustedProxies()),
			TLS:            a.webTLS(c.GetHttp().GetTls()),
			Door:           door(c.GetHttp().GetDoor()),
		},
		GRPC: server.GRPCConfig{
			Address:  or(c.GetGrpc().GetAddress(), "127.0.0.1:8081"),
			TLS:      a.grpcTLS(c.GetGrpc()),
			Insecure: insecure,
			LogCalls: c.GetLog().GetCalls(),
		},
		Ops:     server.OpsConfig{Address: or(c.GetOps().GetAddress(), "127.0.0.1:9090")},
		Auth:    server.AuthConfig{JWT: a.jwt(c.GetAuth().GetJwt()), Worker: workerAuth(c.GetAuth().GetWorker())},
		Tokens:  a.tokens(c.GetGrpc().GetTokens()),
		Clients: a.clients(c.GetGrpc()),
		Limits:  limits(c.GetLimits()),
	}
	for i, path := range c.GetChannels() {
		a.out.Channels = append(a.out.Channels, a.resolve(fmt.Sprintf("channels[%d]", i), path))
	}
	if c.GetAuth() != nil {
		a.out.Auth.Anonymous = c.GetAuth().Anonymous
	}
	if window := c.GetDrain().GetWindow(); window != nil {
		d := window.AsDuration()
		a.out.DrainWindow = &d
	}
}

// notBuilt refuses what the configuration can say and this version cannot do:
// ignoring it would run a hub that is not the one that was asked for.
func (a *assembler) notBuilt(c *configv1.Config) {
	if c.GetEngine().GetNats() != nil {
		a.refusef("engine.nats", "not built yet; this version has memory")
	}
}

func door(d configv1.Http_Door) server.Door {
	if d == configv1.Http_LIBRARY {
		return server.DoorLibrary
	}
	return server.DoorOwn
}

// prefixes cannot fail on what the rules let through, except for a rule that
// is wider than netip's parser; that is said, too.
func (a *assembler) prefixes(texts []string) []netip.Prefix {
	var out []netip.Prefix
	for i, text := range texts {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			a.refusef(fmt.Sprintf("http.trusted_proxies[%d]", i), "must be a network, as 10.0.0.0/8")
			continue
		}
		out = append(out, prefix)
	}
	return out
}

func (a *assembler) jwt(c *configv1.Jwt) *server.JWTConfig {
	if c == nil {
		return nil
	}
	out := &server.JWTConfig{
		Issuer:          c.GetIssuer(),
		Audience:        c.GetAudience(),
		RolesClaim:      c.GetRolesClaim(),
		AttributeClaims: c.GetAttributeClaims(),
		Cookie:          c.GetCookie(),
	}
	for i, key := range c.GetKeys() {
		field := fmt.Sprintf("auth.jwt.keys[%d]", i)
		out.Keys = append(out.Keys, server.JWTKey{
			HMACSecret:   a.hmacSecret(field, key),
			PublicKeyPEM: a.file(field+".public_key_file", key.GetPublicKeyFile()),
			Algorithm:    key.GetAlgorithm(),
		})
	}
	return out
}

func workerAuth(c *configv1.WorkerAuth) *server.WorkerAuth {
	if c == nil {
		return nil
	}
	return &server.WorkerAuth{Group: c.GetGroup(), Timeout: c.GetTimeout().AsDuration()}
}

func (a *assembler) tokens(list []*configv1.ServiceToken) []server.ServiceToken {
	out := make([]server.ServiceToken, 0, len(list))
	for i, t := range list {
		out = append(out, server.ServiceToken{
			Name:     t.GetName(),
			Token:    a.token(fmt.Sprintf("grpc.tokens[%d]", i), t),
			Allow:    rights(t.GetAllow()),
			Channels: t.GetChannels(),
		})
	}
	return out
}

func (a *assembler) clients(c *configv1.Grpc) []server.ServiceClient {
	if len(c.GetClients()) > 0 && c.GetTls().GetClientCaFile() == "" {
		a.refusef("grpc.clients", "client certificates need grpc.tls.client_ca_file: without it no certificate is believed")
	}
	out := make([]server.ServiceClient, 0, len(c.GetClients()))
	for _, client := range c.GetClients() {
		out = append(out, server.ServiceClient{
			Name:     client.GetName(),
			SAN:      client.GetSan(),
			Allow:    rights(client.GetAllow()),
			Channels: client.GetChannels(),
		})
	}
	return out
}

func rights(list []configv1.Right) []string {
	out := make([]string, len(list))
	for i, right := range list {
		out[i] = right.String()
	}
	return out
}

func limits(c *configv1.Limits) server.Limits {
	return server.Limits{
		MaxConnections:       int(c.GetMaxConnections()),
		MaxPayloadBytes:      int(c.GetMaxPayloadBytes()),
		MaxSubscriptions:     int(c.GetMaxSubscriptions()),
		MaxBacklogBytes:      int(c.GetMaxBacklogBytes()),
		MaxBacklogTotalBytes: int64(min(c.GetMaxBacklogTotalBytes(), 1<<62)),
		MaxIDs:               int(c.GetMaxIds()),
		MaxReplayBytes:       int(c.GetMaxReplayBytes()),
		MaxHistoryBytes:      int64(min(c.GetMaxHistoryBytes(), math.MaxInt64)),
	}
}

func or(value, fallback string) string {
	if value == "" {
		return fallback
	}
	return value
}
