package hub

import (
	"context"
	"errors"
	"io"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// domain marks the hub's own answers among the errors of a connection.
const domain = "hub"

// Error is why a call failed: the hub's refusal, or that there was no hub to
// ask. Find it with errors.As or errors.AsType. errors.Is finds
// context.DeadlineExceeded and context.Canceled where the context ended the
// call, and grpc's status functions read it.
type Error struct {
	// Code is the canonical code.
	Code codes.Code
	// Reason names the cause for programs, as PAYLOAD_INVALID; the names are
	// those of hub.v1.Reason without their prefix. Empty: the answer is not a
	// hub's, but the connection's or a proxy's.
	Reason string
	// Message says, for people, what was wrong and what to do.
	Message string
	// Retryable tells whether the same call may succeed later.
	Retryable bool
	// Violations are the rules that were broken, where that is the cause.
	Violations []Violation

	cause  error
	status *status.Status
}

// Violation is one field that broke one rule.
type Violation struct {
	// Field is the path in JSON names, as items[2].displayName; empty for the whole message.
	Field string
	// Rule is the rule's id, as string.min_len.
	Rule string
	// Message is for people.
	Message string
}

// Error is `hub: PAYLOAD_INVALID: title: must be at least 1 character`.
func (e *Error) Error() string {
	name := e.Reason
	if name == "" {
		name = e.Code.String()
	}
	return "hub: " + name + ": " + e.Message
}

// Unwrap is the context's error where that ended the call, else nil.
func (e *Error) Unwrap() error { return e.cause }

// GRPCStatus is the status as it came.
func (e *Error) GRPCStatus() *status.Status {
	if e.status != nil {
		return e.status
	}
	return status.New(e.Code, e.Message)
}

// fromGRPC makes an *Error of whatever a gRPC call returned.
func fromGRPC(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return err // a stream's end is not a failure
	}
	s := status.Convert(err)
	e := &Error{Code: s.Code(), Message: s.Message(), status: s}
	told := ""
	for _, detail := range s.Details() {
		switch d := detail.(type) {
		case *errdetails.ErrorInfo:
			if d.GetDomain() == domain {
				e.Reason, told = d.GetReason(), d.GetMetadata()["retryable"]
				if id := d.GetMetadata()["request_id"]; id != "" {
					e.Message += " (request " + id + ")" // by which the hub's log has the detail
				}
			}
		case *errdetails.BadRequest:
			for _, v := range d.GetFieldViolations() {
				e.Violations = append(e.Violations, Violation{Field: v.GetField(), Rule: v.GetReason(), Message: v.GetDescription()})
			}
		}
	}
	e.Retryable = told == "true" || told == "" && retryable(e.Code, e.Reason)
	if e.Reason == "" {
		e.cause = contextError(e.Code)
		e.Message = plain(e.Message)
	}
	return e
}

// plain takes gRPC's wrapping off what a connection met:
// connection error: desc = "transport: Error while dialing: dial tcp …".
func plain(message string) string {
	rest, wrapped := strings.CutPrefix(message, `connection error: desc = "`)
	if !wrapped {
		return message
	}
	return strings.TrimPrefix(strings.TrimSuffix(rest, `"`), "transport: ")
}

// retryable is for answers that do not tell.
func retryable(code codes.Code, reason string) bool {
	switch code {
	case codes.Unavailable, codes.DeadlineExceeded:
		return true
	case codes.ResourceExhausted:
		return reason == "RATE_LIMITED" || reason == "OVERLOADED"
	default:
		return false
	}
}

func contextError(code codes.Code) error {
	switch code {
	case codes.DeadlineExceeded:
		return context.DeadlineExceeded
	case codes.Canceled:
		return context.Canceled
	default:
		return nil
	}
}

func unaryErrors(
	ctx context.Context, method string, request, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption,
) error {
	return fromGRPC(invoke(ctx, method, request, reply, conn, opts...))
}

func streamErrors(
	ctx context.Context, desc *grpc.StreamDesc, conn *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption,
) (grpc.ClientStream, error) {
	stream, err := open(ctx, desc, conn, method, opts...)
	if err != nil {
		return nil, fromGRPC(err)
	}
	return &errorStream{stream}, nil
}

// errorStream gives a stream's errors the form of all others.
type errorStream struct{ grpc.ClientStream }

func (s *errorStream) SendMsg(m any) error { return fromGRPC(s.ClientStream.SendMsg(m)) }
func (s *errorStream) RecvMsg(m any) error { return fromGRPC(s.ClientStream.RecvMsg(m)) }
