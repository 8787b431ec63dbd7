package rpc

import (
	"context"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/gate"
)

// defaultLetters is how many dead letters are listed where the request does not
// say.
const defaultLetters = 100

// ListDeadLetters lists the newest messages that failed for good, of the
// channels on which the caller has the right ADMIN.
func (a adminService) ListDeadLetters(ctx context.Context, req *hubv1.ListDeadLettersRequest) (*hubv1.ListDeadLettersResponse, error) {
	caller := callerFrom(ctx)
	if err := caller.May(gate.Admin, ""); err != nil {
		return nil, err
	}
	limit := int(req.GetLimit())
	if limit == 0 {
		limit = defaultLetters
	}
	seen := make(map[string]bool) // a thousand letters are of few channels
	letters, dropped := a.dispatch.DeadLetters(req.GetChannel(), limit, func(declared string) bool {
		may, known := seen[declared]
		if !known {
			may = caller.May(gate.Admin, declared) == nil
			seen[declared] = may
		}
		return may
	})
	return &hubv1.ListDeadLettersResponse{DeadLetters: letters, Dropped: dropped}, nil
}
