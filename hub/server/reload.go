package server

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/realtime-hub/hub/hub/internal/gate"
	"github.com/realtime-hub/hub/hub/schema"
)

// Changes is what a Reload changed.
type Changes struct {
	// Channels are the hub's own declared channels.
	Channels schema.Change
	// Access says in words what changed about who may do what.
	Access []string
	// Restart names settings that differ and take effect at the next start.
	Restart []string
}

// Reload takes channels, keys, tokens, clients, origins, trusted proxies and
// certificates from cfg; sessions and streams stay, but for subscriptions that a
// channel's new scope does not cover. Other settings need a
// restart and are named in Changes. On an error nothing has changed.
func (s *Server) Reload(ctx context.Context, cfg Config) (Changes, error) {
	cfg = withDefaults(cfg)
	access, err := gateConfig(cfg)
	if err != nil {
		return Changes{}, err
	}
	if _, err := gate.New(access); err != nil {
		return Changes{}, err
	}
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	old := s.state.cfg
	if err := exposure(old.GRPC, len(cfg.Tokens)+len(cfg.Clients) > 0); err != nil {
		return Changes{}, err
	}
	// From here on only the channels can fail, so they go first.
	changes := Changes{Access: accessChanges(old, cfg), Restart: restartChanges(old, cfg)}
	changes.Channels, err = s.schema.Load(ctx, cfg.Channels...)
	if err != nil {
		return Changes{}, fmt.Errorf("channels: %w", err)
	}
	s.door.Recheck(changes.Channels) //nolint:contextcheck // it lasts longer than the call
	if err := s.gate.Reload(access); err != nil {
		return Changes{}, err
	}
	s.origins.Set(cfg.HTTP.AllowedOrigins)
	s.proxies.set(cfg.HTTP.TrustedProxies)
	s.webTLS.replace(cfg.HTTP.TLS)
	s.rpcTLS.replace(cfg.GRPC.TLS)
	old.Channels, old.Auth, old.Tokens, old.Clients = cfg.Channels, cfg.Auth, cfg.Tokens, cfg.Clients
	old.HTTP.AllowedOrigins, old.HTTP.TrustedProxies = cfg.HTTP.AllowedOrigins, cfg.HTTP.TrustedProxies
	old.HTTP.TLS, old.GRPC.TLS = s.webTLS.current.Load(), s.rpcTLS.current.Load()
	s.state.cfg = old
	return changes, nil
}

// String is a line for each change, or says that there was none.
func (c Changes) String() string {
	var lines []string
	for _, part := range []struct {
		what  string
		names []string
	}{
		{"channel added: ", c.Channels.Added},
		{"channel changed: ", c.Channels.Changed},
		{"channel removed: ", c.Channels.Removed},
		{"", c.Access},
		{"needs a restart: ", c.Restart},
	} {
		for _, name := range part.names {
			lines = append(lines, part.what+name)
		}
	}
	if len(lines) == 0 {
		return "nothing changed"
	}
	return strings.Join(lines, "\n")
}

// accessChanges names what differs, never a secret.
func accessChanges(old, now Config) []string {
	var out []string
	was, is := backends(old), backends(now)
	for _, name := range slices.Sorted(maps.Keys(is)) {
		switch before, known := was[name]; {
		case !known:
			out = append(out, "backend added: "+name)
		case !reflect.DeepEqual(before, is[name]):
			out = append(out, "backend changed: "+name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(was)) {
		if _, stays := is[name]; !stays {
			out = append(out, "backend removed: "+name)
		}
	}
	for _, setting := range []struct {
		name   string
		differ bool
	}{
		{"auth.jwt", !reflect.DeepEqual(old.Auth.JWT, now.Auth.JWT)},
		{"auth.anonymous", anonymous(old) != anonymous(now)},
		{"http.allowed_origins", !slices.Equal(old.HTTP.AllowedOrigins, now.HTTP.AllowedOrigins)},
		{"http.trusted_proxies", !slices.Equal(old.HTTP.TrustedProxies, now.HTTP.TrustedProxies)},
		{"http.tls", !sameCertificates(old.HTTP.TLS, now.HTTP.TLS)},
		{"grpc.tls", !sameCertificates(old.GRPC.TLS, now.GRPC.TLS)},
	} {
		if setting.differ {
			out = append(out, "changed: "+setting.name)
		}
	}
	return out
}

// backends are all that is configured under each name.
func backends(cfg Config) map[string][]any {
	out := make(map[string][]any)
	for _, t := range cfg.Tokens {
		out[t.Name] = append(out[t.Name], t)
	}
	for _, c := range cfg.Clients {
		out[c.Name] = append(out[c.Name], c)
	}
	return out
}

func anonymous(cfg Config) bool { return cfg.Auth.Anonymous == nil || *cfg.Auth.Anonymous }

// sameCertificates compares what a reload can change of a TLS configuration.
func sameCertificates(old, now *tls.Config) bool {
	if old == nil || now == nil {
		return true // on or off needs a restart
	}
	sameChain := slices.EqualFunc(old.Certificates, now.Certificates, func(a, b tls.Certificate) bool {
		return slices.EqualFunc(a.Certificate, b.Certificate, bytes.Equal)
	})
	return sameChain && old.ClientAuth == now.ClientAuth && old.ClientCAs.Equal(now.ClientCAs)
}

func restartChanges(old, now Config) []string {
	var out []string
	for _, setting := range []struct {
		name   string
		differ bool
	}{
		{"http.address", old.HTTP.Address != now.HTTP.Address},
		{"http.door", old.HTTP.Door != now.HTTP.Door},
		{"http.tls, on or off", (old.HTTP.TLS == nil) != (now.HTTP.TLS == nil)},
		{"grpc.address", old.GRPC.Address != now.GRPC.Address},
		{"grpc.tls, on or off", (old.GRPC.TLS == nil) != (now.GRPC.TLS == nil)},
		{"ops.address", old.Ops.Address != now.Ops.Address},
		{"limits", old.Limits != now.Limits},
		{"grpc.insecure", old.GRPC.Insecure != now.GRPC.Insecure},
		{"log.calls", old.GRPC.LogCalls != now.GRPC.LogCalls},
		{"drain.window", *old.DrainWindow != *now.DrainWindow},
	} {
		if setting.differ {
			out = append(out, setting.name)
		}
	}
	return out
}
