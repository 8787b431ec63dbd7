// Package blog is the example whole: a feature with its four channels (proto), its
// backend and worker (backend), and a page that shows them at work (page).
//
// `hub demo` starts a hub, gives it [Site] as its page, and runs the backend
// against it. Read proto/blog/v1 first, then backend: the handlers, the use cases
// that they bring to work, and the binders that put them together. This package is what
// only the demo needs: the page, the people who may sign in, and what is cut out of
// the sources for display.
package blog

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/realtime-hub/hub/examples/blog/backend"
	hub "github.com/realtime-hub/hub/sdk/go"
)

// every is the time between two articles that nobody asked for.
const every = 6 * time.Second

// Run is the backend: one connection to the hub's address, on which it declares its
// channels and broadcasts, and on which its worker takes what browsers say. It
// calls ready when the worker has attached, and returns when ctx ends or something
// fails.
func (s *Site) Run(ctx context.Context, address string, log *slog.Logger, ready func()) error {
	client, err := hub.Dial(address)
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	if err := backend.Declare(ctx, client); err != nil {
		return err
	}
	reg := hub.NewRegistry(hub.Use(hub.Capture(log)))
	publisher := backend.BindDevelopment(client, reg)
	if err := reg.Register(hub.OnAttach(func(context.Context, string) {
		if s.publisher.Swap(publisher) == nil {
			ready()
		}
	})); err != nil {
		return err
	}

	tick := time.NewTicker(every)
	defer tick.Stop()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	published := make(chan error, 1)
	go func() {
		defer stop()
		published <- publisher.Run(ctx, tick.C, log)
	}()
	err = client.Serve(ctx, hub.Group("blog"), reg, hub.Log(log), hub.StopTimeout(0))
	stop()
	return errors.Join(err, <-published)
}
