package rpc

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"strings"

	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/logging"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"github.com/realtime-hub/hub/hub/internal/fault"
	"github.com/realtime-hub/hub/hub/internal/gate"
)

type callerKey struct{}

// callerFrom is who calls; authenticate put it there.
func callerFrom(ctx context.Context) *gate.Caller {
	caller, _ := ctx.Value(callerKey{}).(*gate.Caller)
	return caller
}

// authenticate lets known callers in. Health is open: who asks it, an
// orchestrator, has no token, and it tells nothing but up or down. Reflection
// is not: it shows what could be attacked.
func (s *Server) authenticate(ctx context.Context) (context.Context, error) {
	method, _ := grpc.Method(ctx)
	if open(method) {
		return ctx, nil
	}
	var state *tls.ConnectionState
	if p, ok := peer.FromContext(ctx); ok {
		if info, ok := p.AuthInfo.(credentials.TLSInfo); ok {
			state = &info.State
		}
	}
	caller, err := s.caller(metadata.ValueFromIncomingContext(ctx, "authorization"), state)
	if err != nil {
		return nil, err
	}
	if s.cfg.LogCalls {
		logging.AddFields(ctx, logging.Fields{"caller", caller.Name()})
	}
	return context.WithValue(ctx, callerKey{}, caller), nil
}

// caller asks the gate.
func (s *Server) caller(authorization []string, state *tls.ConnectionState) (*gate.Caller, error) {
	switch len(authorization) {
	case 0:
		return s.cfg.Gate.Caller("", certificate(state))
	case 1:
		return s.cfg.Gate.Caller(authorization[0], certificate(state))
	}
	// A proxy may have judged by another one of them than we would.
	return nil, fault.New(fault.CredentialsInvalid, "more than one Authorization header")
}

// certificate is the client's, if it was verified: a TLS configuration may ask
// for certificates without checking them.
func certificate(state *tls.ConnectionState) *x509.Certificate {
	if state == nil || len(state.VerifiedChains) == 0 {
		return nil
	}
	return state.VerifiedChains[0][0]
}

func open(method string) bool {
	return strings.HasPrefix(method, "/"+healthpb.Health_ServiceDesc.ServiceName+"/")
}
