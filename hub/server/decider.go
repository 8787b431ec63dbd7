package server

import (
	"context"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/dispatch"
	"github.com/realtime-hub/hub/hub/internal/gate"
	"github.com/realtime-hub/hub/hub/internal/session"
)

// decider is workers' answers, as the gate asks for them: from a session's
// inbox, whose goroutine is given up while one waits.
type decider struct {
	workers *dispatch.Service
	pool    *session.Pool
}

var _ gate.Decider = decider{}

// Identify implements gate.Decider.
func (d decider) Identify(ctx context.Context, group string, ask *hubv1.Authenticate) (answer *hubv1.Identify, err error) {
	d.pool.Yield(func() { answer, err = d.workers.Identify(ctx, group, ask) })
	return answer, err
}

// Decide implements gate.Decider.
func (d decider) Decide(ctx context.Context, ask *hubv1.Authorize) (answer *hubv1.Decide, err error) {
	d.pool.Yield(func() { answer, err = d.workers.Decide(ctx, ask) })
	return answer, err
}
