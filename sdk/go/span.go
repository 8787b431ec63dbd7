package hub

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	otelcodes "go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/protobuf/proto"
)

// Span gives each handled message, event and question a span of kind consumer,
// named by the declared channel (or the message's type), whose parent is the
// sender's span where the browser sent one. Its attributes name channel,
// message id, attempt and session; never the payload. Errors and panics are
// recorded and set the span's status, except a [Reject], which is an answer.
// Put it before [Capture], so that logs have the span's context. A nil tracer
// makes no spans.
func Span(tracer trace.Tracer) Middleware {
	return func(next Handler[proto.Message]) Handler[proto.Message] {
		if tracer == nil {
			return next
		}
		return func(ctx context.Context, in proto.Message, m Inbound) error {
			ctx = propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier(m.TraceContext))
			name := subject(in, m)
			ctx, span := tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(
				attribute.String("messaging.system", "hub"),
				attribute.String("messaging.operation.type", "process"),
				attribute.String("messaging.destination.name", m.Channel),
				attribute.String("messaging.destination.template", name),
				attribute.String("messaging.message.id", m.ID),
				attribute.Int("hub.attempt", m.Attempt),
				attribute.String("hub.session", m.Sender.Session),
			))
			defer span.End() // also when the handler ends its goroutine
			err := protect(ctx, next, in, m)
			if err == nil {
				return nil
			}
			if _, rejected := errors.AsType[*RejectError](err); rejected {
				span.SetAttributes(attribute.String("hub.rejected", err.Error()))
				return err
			}
			span.RecordError(err)
			span.SetStatus(otelcodes.Error, err.Error())
			return err
		}
	}
}
