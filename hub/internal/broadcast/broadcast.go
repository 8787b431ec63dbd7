// Package broadcast is flow 1: a backend's message reaches the subscribers of
// a channel. The message is checked once and encoded once, however many
// browsers receive it.
//
// Delivery is at most once to those subscribed at the moment the engine
// accepts the message. A request with an id is carried out once while the id
// is remembered. Errors are faults, written for the backend; a message that
// breaks a rule reaches nobody. Concurrent calls have no order among
// themselves; a batch keeps its own.
package broadcast

import (
	"context"
	"crypto/rand"
	"log/slog"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/engine"
	"github.com/realtime-hub/hub/hub/internal/fault"
	"github.com/realtime-hub/hub/hub/internal/gate"
	"github.com/realtime-hub/hub/hub/schema"
)

// Config is what the flow asks and what it reaches.
type Config struct {
	Schema *schema.Registry
	Engine engine.Log
	// Overloaded tells whether this hub has more to deliver than it should
	// hold; then broadcasts are refused before the engine takes them. Default:
	// it never is.
	Overloaded func() bool
	// Metrics counts broadcasts. Default: not counted.
	Metrics *Metrics
	// Log takes what went wrong inside a batch, whose answer only says
	// INTERNAL. Default: slog.Default().
	Log *slog.Logger
}

// Service is the flow.
type Service struct {
	cfg Config
}

// New makes the flow.
func New(cfg Config) *Service {
	if cfg.Metrics == nil {
		cfg.Metrics = NewMetrics(nil)
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	return &Service{cfg: cfg}
}

// Send publishes one message, if the caller may. The request must have passed
// its own protovalidate rules.
func (v *Service) Send(ctx context.Context, caller *gate.Caller, req *hubv1.BroadcastRequest) (*hubv1.BroadcastResponse, error) {
	res, err := v.send(ctx, v.cfg.Schema.Snapshot(), caller, req)
	v.cfg.Metrics.count(res, err)
	return res, err
}

func (v *Service) send(
	ctx context.Context, known *schema.Snapshot, caller *gate.Caller, req *hubv1.BroadcastRequest,
) (*hubv1.BroadcastResponse, error) {
	match, err := known.Match(req.GetChannel())
	if err != nil {
		return nil, err
	}
	if err := caller.May(gate.Broadcast, match.Channel.Name()); err != nil {
		return nil, err
	}
	payload, err := decode(match.Payload, req)
	if err != nil {
		return nil, err
	}
	if v.cfg.Overloaded != nil && v.cfg.Overloaded() {
		return nil, fault.New(fault.Overloaded, "the hub has more to deliver than it can hold; try again in a moment", "channel", match.Name)
	}
	id := req.GetId()
	if id == "" {
		id = rand.Text()
	}
	result, err := v.cfg.Engine.Publish(ctx, &engine.Publication{
		Channel: match.Name,
		ID:      id,
		Payload: payload.JSON,
		Except:  req.GetExceptSessions(),
	}, engine.PublishOptions{Once: req.GetId() != "", Keep: engine.RetentionOf(match.Options.GetHistory())})
	if err != nil {
		return nil, err
	}
	return &hubv1.BroadcastResponse{Id: id, Position: result.Position.Proto(), Duplicate: result.Duplicate}, nil
}

func decode(m *schema.Message, req *hubv1.BroadcastRequest) (schema.Payload, error) {
	switch p := req.GetPayload().(type) {
	case *hubv1.BroadcastRequest_Json:
		return m.FromJSON([]byte(p.Json))
	case *hubv1.BroadcastRequest_Message:
		return m.FromAny(p.Message)
	default:
		return schema.Payload{}, fault.New(fault.RequestInvalid, "payload: message or json is required")
	}
}
