package server

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"

	"github.com/realtime-hub/hub/hub/internal/gate"
)

// opsOff is the operator's address where there is no such door.
const opsOff = "off"

type listeners struct {
	http, grpc, ops net.Listener
}

// exposure keeps the door to backends from strangers, whoever bound its address.
func exposure(door GRPCConfig, credentials bool) error {
	address, name := door.Address, "grpc.address"
	if l := door.Listener; l != nil {
		if door.Insecure || l.Addr().Network() == "unix" { // whose file's mode says who may
			return nil
		}
		address, name = l.Addr().String(), "the listener for grpc"
	}
	if err := gate.Exposure(address, door.TLS != nil, credentials, door.Insecure); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// listen has all listeners or none: those that were given, and what it binds.
func (s *Server) listen(ctx context.Context) (listeners, error) {
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	cfg := s.state.cfg
	out := listeners{http: cfg.HTTP.Listener, grpc: cfg.GRPC.Listener}
	for _, door := range []struct {
		name, address string
		listener      *net.Listener
		told          *string
	}{
		{"http", cfg.HTTP.Address, &out.http, &s.state.addresses.HTTP},
		{"grpc", cfg.GRPC.Address, &out.grpc, &s.state.addresses.GRPC},
		{"ops", cfg.Ops.Address, &out.ops, &s.state.addresses.Ops},
	} {
		if off := door.name == "ops" && door.address == opsOff; *door.listener == nil && !off {
			l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", door.address)
			if err != nil {
				out.close()
				return listeners{}, fmt.Errorf("%s.address %s: %w; is another hub running? choose another address", door.name, door.address, err)
			}
			*door.listener = l
		}
		if l := *door.listener; l != nil {
			*door.told = l.Addr().String()
		}
	}
	if cfg := s.webTLS.config(); cfg != nil {
		cfg.NextProtos = []string{"http/1.1"} // WebSocket is an HTTP/1.1 upgrade
		out.http = tls.NewListener(out.http, cfg)
	}
	return out, nil
}

func (l listeners) close() {
	for _, one := range []net.Listener{l.http, l.grpc, l.ops} {
		if one != nil {
			_ = one.Close()
		}
	}
}
