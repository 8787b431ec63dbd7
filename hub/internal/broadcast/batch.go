package broadcast

import (
	"context"
	"errors"

	"buf.build/go/protovalidate"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/fault"
	"github.com/realtime-hub/hub/hub/internal/gate"
	"github.com/realtime-hub/hub/hub/schema"
)

// SendBatch publishes messages one after the other and has a result for each.
// All see the same declarations. When the context ends, the rest fails with it.
func (v *Service) SendBatch(ctx context.Context, caller *gate.Caller, reqs []*hubv1.BroadcastRequest) []*hubv1.BroadcastResult {
	known := v.cfg.Schema.Snapshot()
	results := make([]*hubv1.BroadcastResult, len(reqs))
	for i, req := range reqs {
		var res *hubv1.BroadcastResponse
		err := check(req)
		if err == nil {
			res, err = v.send(ctx, known, caller, req)
		}
		v.cfg.Metrics.count(res, err)
		if err != nil && fault.Of(err).Reason == fault.Internal {
			v.cfg.Log.ErrorContext(ctx, "a broadcast of a batch failed", "channel", req.GetChannel(), "error", err)
		}
		results[i] = result(res, err)
	}
	return results
}

func result(res *hubv1.BroadcastResponse, err error) *hubv1.BroadcastResult {
	if err != nil {
		return &hubv1.BroadcastResult{Result: &hubv1.BroadcastResult_Error{Error: fault.Of(err).Proto()}}
	}
	return &hubv1.BroadcastResult{Result: &hubv1.BroadcastResult_Accepted{Accepted: res}}
}

// check holds a batch's item against its own rules, which the door does for a
// request alone: there one bad item would fail the whole batch.
func check(req *hubv1.BroadcastRequest) error {
	err := protovalidate.Validate(req)
	if broken, ok := errors.AsType[*protovalidate.ValidationError](err); ok {
		return fault.Invalid(fault.RequestInvalid, schema.Violations(broken))
	}
	return err
}
