package rpc

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// Serve answers calls on l until ctx ends, and closes l. Then health says
// NOT_SERVING, no connection is taken, and the calls under way have
// Config.StopTimeout to finish. It returns when everything has stopped: nil
// after ctx's end, else why l failed. A handler that ignores its own context
// delays it.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	native, web := newHandoff(l.Addr()), newHandoff(l.Addr())
	server := s.newHTTPServer()
	var running sync.WaitGroup
	running.Go(func() { _ = s.native.Serve(native) }) // ends with stop; it has no other error
	running.Go(func() { _ = server.Serve(web) })
	defer context.AfterFunc(ctx, func() { _ = l.Close() })()
	err := s.accept(ctx, l, native, web)
	_ = l.Close()
	s.stop(server) //nolint:contextcheck // ctx has ended; the calls under way have StopTimeout
	running.Wait()
	return err
}

// accept takes connections until ctx ends or l fails, and returns when none is
// being admitted any more.
func (s *Server) accept(ctx context.Context, l net.Listener, native, web *handoff) error {
	// Its own context ends the admissions also when l fails. Only ctx tells
	// which of the two it was: l may be closed before a child of ctx ends.
	inside, cancel := context.WithCancel(ctx)
	var admitting sync.WaitGroup
	defer admitting.Wait()
	defer cancel()
	room := make(chan struct{}, maxAdmitting)
	var pause time.Duration
	for {
		select {
		case room <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		raw, err := l.Accept()
		switch {
		case err == nil:
			pause = 0
			admitting.Go(func() {
				defer func() { <-room }()
				s.admit(inside, raw, native, web)
			})
			continue
		case ctx.Err() != nil:
			return nil
		case !passes(err):
			return err
		}
		// Out of file descriptors, mostly: it passes when connections close.
		<-room
		pause = min(max(2*pause, 5*time.Millisecond), time.Second)
		s.cfg.Log.LogAttrs(ctx, slog.LevelWarn, "accept failed, trying again",
			slog.String("error", err.Error()), slog.Duration("in", pause))
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil
		}
	}
}

// passes tells whether the listener may work again.
func passes(err error) bool {
	var temporary interface{ Temporary() bool }
	return errors.As(err, &temporary) && temporary.Temporary()
}

// stop ends both servers: gracefully as far as StopTimeout goes, then not.
func (s *Server) stop(server *http.Server) {
	s.health.shutdown()
	ctx, cancel := context.WithTimeout(context.Background(), s.cfg.StopTimeout)
	defer cancel()
	var finishing sync.WaitGroup
	finishing.Go(s.native.GracefulStop)
	finishing.Go(func() {
		if server.Shutdown(ctx) != nil {
			_ = server.Close()
		}
		s.httpConns.Wait()
	})
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		finishing.Wait()
	}()
	select {
	case <-finished:
	case <-ctx.Done():
		// Stop waits for connections that have not sent their settings yet,
		// so they are closed from outside.
		s.open.closeAll()
		s.native.Stop()
		<-finished
	}
	s.web.Stop()
}

// connections are open ones.
type connections struct {
	mu  sync.Mutex
	set map[*conn]struct{} // guarded by mu
}

func (o *connections) add(c *conn) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.set == nil {
		o.set = map[*conn]struct{}{}
	}
	o.set[c] = struct{}{}
}

func (o *connections) remove(c *conn) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.set, c)
}

func (o *connections) closeAll() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for c := range o.set {
		_ = c.Conn.Close() // not c.Close, which takes mu
	}
}
