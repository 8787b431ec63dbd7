package server

import (
	"context"
	"fmt"
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
// certificates from cfg; sessions and streams stay. Other settings need a
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
	if err := gate.Exposure(old.GRPC.Address, old.GRPC.TLS != nil, len(cfg.Tokens)+len(cfg.Clients) > 0, old.GRPC.Insecure); err != nil {
		return Changes{}, fmt.Errorf("grpc.address: %w", err)
	}
	// From here on only the channels can fail, so they go first.
	changes := Changes{Access: accessChanges(old, cfg), Restart: restartChanges(old, cfg)}
	changes.Channels, err = s.schema.Load(ctx, cfg.Channels...)
	if err != nil {
		return Changes{}, fmt.Errorf("channels: %w", err)
	}
	if err := s.gate.Reload(access); err != nil {
		return Changes{}, err
	}
	s.origins.Set(cfg.HTTP.AllowedOrigins)
	s.proxies.set(cfg.HTTP.TrustedProxies)
	s.webTLS.replace(cfg.HTTP.TLS)
	s.rpcTLS.replace(cfg.GRPC.TLS)
	old.Channels, old.Auth, old.Tokens, old.Clients = cfg.Channels, cfg.Auth, cfg.Tokens, cfg.Clients
	old.HTTP.AllowedOrigins, old.HTTP.TrustedProxies = cfg.HTTP.AllowedOrigins, cfg.HTTP.TrustedProxies
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
	was, is := names(old), names(now)
	for _, name := range is {
		if !slices.Contains(was, name) {
			out = append(out, "backend added: "+name)
		}
	}
	for _, name := range was {
		if !slices.Contains(is, name) {
			out = append(out, "backend removed: "+name)
		}
	}
	if !slices.Equal(old.HTTP.AllowedOrigins, now.HTTP.AllowedOrigins) {
		out = append(out, "allowed origins: "+strings.Join(now.HTTP.AllowedOrigins, " "))
	}
	if a, b := keyCount(old), keyCount(now); a != b {
		out = append(out, fmt.Sprintf("keys of sessions' tokens: %d, were %d", b, a))
	}
	return out
}

func names(cfg Config) []string {
	var out []string
	for _, t := range cfg.Tokens {
		out = append(out, t.Name)
	}
	for _, c := range cfg.Clients {
		out = append(out, c.Name)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func keyCount(cfg Config) int {
	if cfg.Auth.JWT == nil {
		return 0
	}
	return len(cfg.Auth.JWT.Keys)
}

func restartChanges(old, now Config) []string {
	var out []string
	for _, setting := range []struct {
		name   string
		differ bool
	}{
		{"http.address", old.HTTP.Address != now.HTTP.Address},
		{"http.tls, on or off", (old.HTTP.TLS == nil) != (now.HTTP.TLS == nil)},
		{"grpc.address", old.GRPC.Address != now.GRPC.Address},
		{"grpc.tls, on or off", (old.GRPC.TLS == nil) != (now.GRPC.TLS == nil)},
		{"ops.address", old.Ops.Address != now.Ops.Address},
		{"limits", old.Limits != now.Limits},
		{"drain.window", *old.DrainWindow != *now.DrainWindow},
	} {
		if setting.differ {
			out = append(out, setting.name)
		}
	}
	return out
}
