package rpc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"

	"buf.build/go/protovalidate"
	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/auth"
	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/logging"
	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/recovery"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/realtime-hub/hub/hub/internal/fault"
	"github.com/realtime-hub/hub/hub/schema"
)

// interceptors are, from the outermost:
//
//	metrics    sees every call with the code that its peer sees
//	logging    the same, one line a call
//	deadline   outside of faults, which asks whether the call's time is over
//	faults     turns what comes out from inside into a status
//	recovery   a panic is an error like any other from here on
//	auth       before a byte of the message is read
//
// The message is read, and held against its rules, inside of all of them: see
// register. Streams have no deadline, and check message by message where they
// read: the library's interceptor would end a stream at its first bad message.
func (s *Server) interceptors() ([]grpc.UnaryServerInterceptor, []grpc.StreamServerInterceptor) {
	var unary []grpc.UnaryServerInterceptor
	var stream []grpc.StreamServerInterceptor
	if calls := s.metrics.calls; calls != nil {
		unary = append(unary, calls.UnaryServerInterceptor())
		stream = append(stream, calls.StreamServerInterceptor())
	}
	if s.cfg.LogCalls {
		// FinishCall has no payloads; the library's payload events stay off.
		finish := logging.WithLogOnEvents(logging.FinishCall)
		unary = append(unary, logging.UnaryServerInterceptor(toLog(s.cfg.Log), finish))
		stream = append(stream, logging.StreamServerInterceptor(toLog(s.cfg.Log), finish))
	}
	recovered := recovery.WithRecoveryHandler(panicked)
	unary = append(unary, deadline, s.unaryFaults,
		recovery.UnaryServerInterceptor(recovered), auth.UnaryServerInterceptor(s.authenticate))
	stream = append(stream, s.streamFaults,
		recovery.StreamServerInterceptor(recovered), auth.StreamServerInterceptor(s.authenticate))
	return unary, stream
}

func toLog(log *slog.Logger) logging.Logger {
	return logging.LoggerFunc(func(ctx context.Context, level logging.Level, text string, fields ...any) {
		log.Log(ctx, slog.Level(level), text, fields...) //nolint:sloglint // the library chooses between two constants
	})
}

// panicked runs on the panicking stack, so that the log shows where.
func panicked(p any) error { return fmt.Errorf("panic: %v\n%s", p, debug.Stack()) }

func deadline(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, defaultDeadline)
		defer cancel()
	}
	return next(ctx, req)
}

func (s *Server) unaryFaults(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	res, err := next(ctx, req)
	if err != nil {
		return nil, s.toStatus(ctx, info.FullMethod, err)
	}
	return res, nil
}

func (s *Server) streamFaults(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	return s.toStatus(stream.Context(), info.FullMethod, next(srv, stream))
}

// validate holds a message against its own rules. The middleware's protovalidate
// interceptor answers a status of its own, with buf.validate.Violations in
// proto names; the contract has ErrorInfo, and BadRequest in JSON names, for
// which the descriptors are needed that only the error itself has.
func validate(v protovalidate.Validator) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		if m, ok := req.(proto.Message); ok {
			if err := obeys(v, m); err != nil {
				return nil, err
			}
		}
		return next(ctx, req)
	}
}

// obeys is nil where the message keeps its rules, else a fault with what it breaks.
func obeys(v protovalidate.Validator, m proto.Message) error {
	err := v.Validate(m)
	if broken, ok := errors.AsType[*protovalidate.ValidationError](err); ok {
		return fault.Invalid(fault.RequestInvalid, schema.Violations(broken))
	}
	return err
}
