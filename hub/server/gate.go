package server

import (
	"errors"
	"fmt"

	"github.com/realtime-hub/hub/hub/internal/gate"
)

// gateConfig turns what a hub is told about access into the gate's words.
func gateConfig(cfg Config) (gate.Config, error) {
	out := gate.Config{Anonymous: anonymous(cfg)}
	if jwt := cfg.Auth.JWT; jwt != nil {
		keys, err := jwtKeys(jwt.Keys)
		if err != nil {
			return gate.Config{}, err
		}
		out.JWT = &gate.JWTConfig{
			Keys:            keys,
			Issuer:          jwt.Issuer,
			Audience:        jwt.Audience,
			RolesClaim:      jwt.RolesClaim,
			AttributeClaims: jwt.AttributeClaims,
			Cookie:          jwt.Cookie,
		}
	}
	if w := cfg.Auth.Worker; w != nil {
		if w.Group == "" {
			return gate.Config{}, errors.New("auth.worker.group: is required")
		}
		out.Worker, out.WorkerTimeout = w.Group, w.Timeout
	}
	for i, t := range cfg.Tokens {
		rights, err := parseRights(t.Allow)
		if err != nil {
			return gate.Config{}, fmt.Errorf("grpc.tokens[%d].allow: %w", i, err)
		}
		out.Tokens = append(out.Tokens, gate.ServiceToken{Name: t.Name, Token: t.Token, Allow: rights, Channels: t.Channels})
	}
	for i, c := range cfg.Clients {
		rights, err := parseRights(c.Allow)
		if err != nil {
			return gate.Config{}, fmt.Errorf("grpc.clients[%d].allow: %w", i, err)
		}
		out.Clients = append(out.Clients, gate.ServiceClient{Name: c.Name, SAN: c.SAN, Allow: rights, Channels: c.Channels})
	}
	return out, nil
}

func jwtKeys(keys []JWTKey) ([]gate.Key, error) {
	out := make([]gate.Key, 0, len(keys))
	for i, k := range keys {
		var key gate.Key
		var err error
		if len(k.PublicKeyPEM) > 0 {
			key, err = gate.PublicKey(k.PublicKeyPEM, k.Algorithm)
		} else {
			key, err = gate.HMACKey(k.HMACSecret, k.Algorithm)
		}
		if err != nil {
			return nil, fmt.Errorf("auth.jwt.keys[%d]: %w", i, err)
		}
		out = append(out, key)
	}
	return out, nil
}

// rights by the names that hub.yaml uses.
var rights = map[string]gate.Right{
	"BROADCAST":    gate.Broadcast,
	"HANDLE":       gate.Handle,
	"AUTHENTICATE": gate.Authenticate,
	"AUTHORIZE":    gate.Authorize,
	"REGISTER":     gate.Register,
	"ADMIN":        gate.Admin,
}

func parseRights(names []string) ([]gate.Right, error) {
	out := make([]gate.Right, 0, len(names))
	for _, name := range names {
		right, known := rights[name]
		if !known {
			return nil, fmt.Errorf("%q is no right; they are BROADCAST, HANDLE, AUTHENTICATE, AUTHORIZE, REGISTER and ADMIN", name)
		}
		out = append(out, right)
	}
	return out, nil
}
