package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds of what a shutdown waits for after the drain.
const (
	closeTimeout = 5 * time.Second
	expiryTick   = time.Second // identities end within a second of their time
)

// Addresses are where a running hub listens.
type Addresses struct {
	// HTTP is the browsers' door.
	HTTP string
	// GRPC is the backends' door.
	GRPC string
	// Ops is the operator's; empty without one.
	Ops string
}

// state is what changes while a server runs.
type state struct {
	ready   chan struct{} // closed when all listeners are bound
	started atomic.Bool
	drains  atomic.Bool

	mu        sync.Mutex
	cfg       Config    // guarded by mu; what holds now
	addresses Addresses // guarded by mu
}

func (s *state) init(cfg Config) {
	s.ready = make(chan struct{})
	s.cfg = cfg
}

func (s *state) draining() bool { return s.drains.Load() }

// Ready is closed when all listeners are bound.
func (s *Server) Ready() <-chan struct{} { return s.state.ready }

// Addresses are where the hub listens; empty before Ready.
func (s *Server) Addresses() Addresses {
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	return s.state.addresses
}

// Run listens and serves until ctx ends, then drains, and returns nil when
// everything has stopped. It returns early, with an error, when a listener
// cannot be bound or fails.
func (s *Server) Run(ctx context.Context) error {
	if s.state.started.Swap(true) {
		return errors.New("server: Run was called before")
	}
	doors, err := s.listen(ctx)
	if err != nil {
		ended, end := context.WithCancel(ctx)
		end()
		s.wire.Run(ended) // gives its descriptors back
		return err
	}
	close(s.state.ready)

	// What fails ends the run; the context of calls and sessions outlives ctx
	// by the drain.
	serving, fail := context.WithCancelCause(context.WithoutCancel(ctx))
	defer fail(nil)
	web := newHTTP(s.web(), s.log)
	ops := newHTTP(s.ops(), s.log)
	var running sync.WaitGroup
	serve := func(name string, run func() error) {
		running.Go(func() {
			if err := run(); err != nil && !errors.Is(err, http.ErrServerClosed) {
				fail(fmt.Errorf("%s: %w", name, err))
			}
		})
	}
	calls, endCalls := context.WithCancel(context.WithoutCancel(ctx))
	defer endCalls()
	serve("http", func() error { return web.Serve(doors.http) })
	serve("grpc", func() error { return s.rpc.Serve(calls, doors.grpc) })
	if doors.ops != nil {
		serve("ops", func() error { return ops.Serve(doors.ops) })
	}
	running.Go(func() { s.expire(serving) })
	moving, stopMoving := context.WithCancel(context.WithoutCancel(ctx))
	defer stopMoving()
	running.Go(func() { s.wire.Run(moving) })
	s.rpc.SetServing(true)

	select {
	case <-ctx.Done():
	case <-serving.Done():
	}
	failure := context.Cause(serving)
	if failure == nil {
		s.shutdown(serving)
	}
	fail(nil)
	endCalls()
	s.close(web, stopMoving) //nolint:contextcheck // ctx has ended; what is left has a bound of its own
	_ = ops.Close()          // the last to go: it tells of the drain
	running.Wait()
	s.pool.Wait() // the sessions' last tasks, now that nobody adds to them
	return failure
}

// shutdown says that no new traffic is wanted, and ends the sessions over the
// drain's window. Broadcasts are still taken: the sessions still hear them.
func (s *Server) shutdown(ctx context.Context) {
	s.state.drains.Store(true)
	s.rpc.SetServing(false)
	s.log.Info("draining", "sessions", s.sessions.Len(), "window", s.drain)
	s.dispatch.Drain(s.drain + closeTimeout)
	s.door.Drain(ctx, s.drain)
}

// close ends what the drain left: links without a session, and those whose
// browser does not take its last frames. One bound holds for all of it.
func (s *Server) close(web *http.Server, stopMoving context.CancelFunc) {
	s.state.drains.Store(true)
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	s.door.Close(ctx)
	s.engineIO.Close(ctx)
	_ = web.Close()
	stopMoving() // closes what is still there
}

// expire ends sessions whose identity has ended, and links that never became
// one, and gives back what a storm of connects left.
func (s *Server) expire(ctx context.Context) {
	tidy := newTidier()
	tick := time.NewTicker(expiryTick)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			s.sessions.Expire()
			s.door.Expire()
			s.sweep()
			tidy.look(s.door.Links())
		case <-ctx.Done():
			return
		}
	}
}
