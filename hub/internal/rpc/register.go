package rpc

import (
	"context"
	"slices"
	"strconv"

	"buf.build/go/protovalidate"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/fault"
)

// services are what the door offers, beside reflection.
var services = []*grpc.ServiceDesc{
	&hubv1.BroadcastService_ServiceDesc,
	&hubv1.HandlerService_ServiceDesc,
	&hubv1.AdminService_ServiceDesc,
	&healthpb.Health_ServiceDesc,
}

func (s *Server) register(server *grpc.Server) {
	implementations := map[*grpc.ServiceDesc]any{
		&hubv1.BroadcastService_ServiceDesc: broadcastService{flow: s.cfg.Broadcast},
		&hubv1.HandlerService_ServiceDesc:   handlerService{flow: s.cfg.Dispatch, maxRead: s.maxRead},
		&hubv1.AdminService_ServiceDesc:     s.admin(),
		&healthpb.Health_ServiceDesc:        s.health,
	}
	check := validate(protovalidate.GlobalValidator)
	for _, desc := range services {
		own := *desc
		own.Methods = slices.Clone(desc.Methods)
		for i := range own.Methods {
			own.Methods[i].Handler = s.readInside(own.ServiceName, own.Methods[i], check)
		}
		server.RegisterService(&own, implementations[desc])
	}
}

func (s *Server) admin() adminService {
	return adminService{
		schema: s.cfg.Schema, gate: s.cfg.Gate, sessions: s.cfg.Sessions, subscriptions: s.cfg.Subscriptions,
		dispatch: s.cfg.Dispatch, backlog: s.cfg.Backlog, changed: s.cfg.Changed, started: s.started, going: s.health.going,
	}
}

// readInside moves the reading of a unary message inside of the interceptors.
// grpc reads it first: then a stranger could fill our memory with messages
// before auth refuses him, and one that is too large or malformed would not be
// counted. Outer interceptors see no request.
func (s *Server) readInside(service string, method grpc.MethodDesc, check grpc.UnaryServerInterceptor) grpc.MethodHandler {
	name := "/" + service + "/" + method.MethodName
	return func(srv any, ctx context.Context, read func(any) error, outer grpc.UnaryServerInterceptor) (any, error) {
		inner := func(ctx context.Context, _ any) (any, error) {
			return method.Handler(srv, ctx, func(m any) error { return s.readFault(ctx, read(m)) }, check)
		}
		return outer(ctx, nil, &grpc.UnaryServerInfo{Server: srv, FullMethod: name}, inner)
	}
}

// readFault is for the metrics and the log of calls: where grpc cannot read a
// message, it has answered by itself with the same meaning, but no reason.
func (s *Server) readFault(ctx context.Context, err error) error {
	switch code := status.Code(err); {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case code == codes.Canceled:
		return context.Canceled
	case code == codes.ResourceExhausted:
		return tooLarge(err, s.maxRead)
	default:
		return fault.Wrap(err, fault.RequestInvalid, "the message cannot be decoded")
	}
}

func tooLarge(cause error, limit int) *fault.Error {
	return fault.Wrap(cause, fault.PayloadTooLarge,
		"the request is larger than "+strconv.Itoa(limit)+" bytes; send it in several", "limit", limit)
}

// unknownMethod answers calls of services and methods that this hub does not
// have, so that a newer client learns it the same way as everything else.
func unknownMethod(_ any, stream grpc.ServerStream) error {
	method, _ := grpc.Method(stream.Context())
	return fault.New(fault.NotImplemented, "this hub has no method "+method)
}
