package hub

import (
	"context"
	"errors"
	"log/slog"
	"runtime/debug"

	"google.golang.org/protobuf/proto"
)

// Capture logs what handlers return and catches their panics, with channel,
// message id, attempt, session and user, never the payload: failures and panics
// (with their stack) as errors, [Retry] and handlers whose context ended as
// warnings, [Reject], which browsers can cause at will, for debugging.
// [Client.Serve] does not log again what was captured, but what was not. A nil
// logger is no capture.
func Capture(logger *slog.Logger) Middleware {
	return func(next Handler[proto.Message]) Handler[proto.Message] {
		if logger == nil {
			return next
		}
		return func(ctx context.Context, in proto.Message, m Inbound) error {
			return capture(ctx, logger, next, in, m)
		}
	}
}

// captured is an error that is in a log.
type captured struct{ error }

func (c captured) Unwrap() error { return c.error }

func capture(ctx context.Context, logger *slog.Logger, next Handler[proto.Message], in proto.Message, m Inbound) error {
	err := protect(ctx, next, in, m)
	if err == nil {
		return nil
	}
	if _, known := errors.AsType[captured](err); known {
		return err
	}
	_, rejected := errors.AsType[*RejectError](err)
	_, again := errors.AsType[*RetryError](err)
	broken, panicked := errors.AsType[*panicError](err)
	level := slog.LevelError
	switch {
	case panicked:
	case again || ctx.Err() != nil && !rejected:
		level = slog.LevelWarn
	case rejected:
		level = slog.LevelDebug
	}
	attrs := []slog.Attr{
		slog.String("error", err.Error()),
		slog.String("handles", subject(in, m)),
		slog.String("channel", m.Channel),
		slog.String("message_id", m.ID),
		slog.Int("attempt", m.Attempt),
		slog.String("session", m.Sender.Session),
		slog.String("user_id", m.Sender.UserID),
	}
	if panicked {
		attrs = append(attrs, slog.String("stack", string(broken.stack)))
	}
	logger.LogAttrs(ctx, level, "handler failed", attrs...)
	return captured{err}
}

// protect makes an error of a panic.
func protect(ctx context.Context, next Handler[proto.Message], in proto.Message, m Inbound) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = &panicError{value: value, stack: debug.Stack()}
		}
	}()
	return next(ctx, in, m)
}

// subject names what is handled, with few values: the declared channel, or the
// message's type for events and questions.
func subject(in proto.Message, m Inbound) string {
	if m.Declared != "" || in == nil {
		return m.Declared
	}
	return string(in.ProtoReflect().Descriptor().FullName())
}
