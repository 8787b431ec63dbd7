package rpc

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"strconv"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"

	"github.com/realtime-hub/hub/hub/internal/fault"
)

const (
	// domain is ErrorInfo's: whose reasons these are.
	domain = "hub"
	// libraryMethods are grpc's own services: health and reflection.
	libraryMethods = "/grpc."

	// A status travels in trailers, in base64. C-core's clients refuse header
	// lists over 8 KiB, so a thousand violations would reach nobody.
	maxTextBytes       = 1 << 10
	maxViolationsBytes = 3 << 10
)

// toStatus is the one place where an error becomes what the peer sees.
func (s *Server) toStatus(ctx context.Context, method string, err error) error {
	if err == nil {
		return nil
	}
	told, isFault := errors.AsType[*fault.Error](err)
	if isFault && told.Reason != fault.Internal {
		return statusOf(told, nil).Err()
	}
	if cause := ctx.Err(); cause != nil && !isFault && endedWith(err, cause) {
		return status.FromContextError(cause).Err()
	}
	if _, ok := err.(interface{ GRPCStatus() *status.Status }); ok && strings.HasPrefix(method, libraryMethods) {
		return err
	}
	id := rand.Text()
	s.cfg.Log.LogAttrs(ctx, slog.LevelError, "call failed",
		slog.String("request_id", id), slog.String("method", method), slog.String("error", err.Error()))
	return statusOf(fault.Of(err), map[string]string{"request_id": id}).Err()
}

// endedWith tells whether err says that the call's own context ended. A stream
// says it with a status.
func endedWith(err, cause error) bool {
	if errors.Is(err, cause) {
		return true
	}
	code := status.Code(err)
	return code == codes.Canceled || code == codes.DeadlineExceeded
}

// statusOf writes a fault as google.rpc.Status.
func statusOf(e *fault.Error, about map[string]string) *status.Status {
	info := &errdetails.ErrorInfo{Reason: string(e.Reason), Domain: domain, Metadata: about}
	details := []protoadapt.MessageV1{info}
	if len(e.Violations) > 0 {
		shown := violations(e.Violations)
		if len(shown) < len(e.Violations) {
			info.Metadata = map[string]string{"violations": strconv.Itoa(len(e.Violations))}
		}
		details = append(details, &errdetails.BadRequest{FieldViolations: shown})
	}
	plain := status.New(e.Code, clip(e.Message))
	if full, err := plain.WithDetails(details...); err == nil {
		return full
	}
	return plain // only for code OK, which no reason has
}

// violations are as many as fit; ErrorInfo then tells how many there are.
func violations(all []fault.Violation) []*errdetails.BadRequest_FieldViolation {
	var out []*errdetails.BadRequest_FieldViolation
	room := maxViolationsBytes
	for _, v := range all {
		// Reason holds the rule's id, as string.min_len.
		shown := &errdetails.BadRequest_FieldViolation{
			Field:       clip(v.Field),
			Description: clip(v.Message),
			Reason:      clip(v.Rule),
		}
		room -= len(shown.GetField()) + len(shown.GetDescription()) + len(shown.GetReason())
		if room < 0 && len(out) > 0 {
			break
		}
		out = append(out, shown)
	}
	return out
}

// clip shortens a text that may quote its sender, who may have sent anything:
// a status that is not UTF-8 would lose all its details.
func clip(text string) string {
	if len(text) > maxTextBytes {
		text = text[:maxTextBytes]
	}
	return strings.ToValidUTF8(text, "")
}
