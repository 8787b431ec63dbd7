package main

import (
	"context"
	"fmt"

	"github.com/realtime-hub/hub/hub/schema"
	"github.com/realtime-hub/hub/hub/server"
)

// A front is a hub as serve runs it: the server, or a test's.
type front interface {
	Run(ctx context.Context) error
	Ready() <-chan struct{}
	Addresses() server.Addresses
	Channels() int
	Reload(ctx context.Context, cfg server.Config) (changes string, err error)
}

type openFront func(cfg server.Config) (front, error)

func openServer(cfg server.Config) (front, error) {
	s, err := server.New(cfg)
	if err != nil {
		return nil, err
	}
	return realFront{s}, nil
}

// realFront gives the server's changes the form that people read.
type realFront struct{ *server.Server }

func (f realFront) Reload(ctx context.Context, cfg server.Config) (string, error) {
	changes, err := f.Server.Reload(ctx, cfg)
	if err != nil {
		return "", err
	}
	return changes.String(), nil
}

// declared loads the channels that a configuration names, as the server will.
func declared(ctx context.Context, cfg server.Config) (*schema.Snapshot, error) {
	registry := schema.New(schema.Config{MaxPayloadBytes: cfg.Limits.MaxPayloadBytes})
	if len(cfg.Channels) == 0 {
		return registry.Snapshot(), nil
	}
	if _, err := registry.Load(ctx, cfg.Channels...); err != nil {
		return nil, fmt.Errorf("channels: %w", err)
	}
	return registry.Snapshot(), nil
}
