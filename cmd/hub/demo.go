package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/realtime-hub/hub/examples/blog"
	"github.com/realtime-hub/hub/hub/server"
)

const demoHelp = `Run a hub, an example backend with its worker, and a page that shows them at work,
all in this process. Nothing needs to be set up, and nothing is kept. Open the
address that it prints; Ctrl-C stops everything.

Whoever reaches the page may sign in as one of its people, and whoever reaches the
backends' address may broadcast: both are on loopback unless you say otherwise.`

type demoFlags struct {
	http, grpc string
	origins    []string
}

func (p *program) demo() *cobra.Command {
	var flags demoFlags
	cmd := &cobra.Command{
		Use:     "demo",
		Short:   "Run a hub, an example backend and a page that shows them at work",
		Long:    demoHelp,
		Example: "  hub demo --http 127.0.0.1:8090 --grpc 127.0.0.1:8091",
		Args:    takesNothing(),
		RunE: p.begin(func(ctx context.Context, _ []string) error {
			return p.runDemo(ctx, flags)
		}),
	}
	cmd.Flags().StringVar(&flags.http, "http", "127.0.0.1:8080", "address for browsers, and of the page")
	cmd.Flags().StringVar(&flags.grpc, "grpc", "127.0.0.1:8081", "address for backends, on loopback")
	cmd.Flags().StringArrayVar(&flags.origins, "origin", nil,
		"another origin whose pages may connect, as http://localhost:5173; may be repeated")
	return cmd
}

// runDemo starts the hub, then the blog's backend against it, and ends both when
// ctx ends or one of them does.
func (p *program) runDemo(ctx context.Context, flags demoFlags) error {
	for _, origin := range flags.origins {
		u, err := url.Parse(origin)
		if err != nil || u.Scheme == "" || u.Host == "" || u.Scheme+"://"+u.Host != origin {
			return usageError{fmt.Errorf("--origin %q is no origin; it is a scheme and a host, as http://localhost:5173", origin)}
		}
	}
	secret := []byte(rand.Text() + rand.Text()) // as long as this process
	site, err := blog.NewSite(secret)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(p.stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	atOnce := time.Duration(0)
	hub, err := server.New(server.Config{ //nolint:contextcheck // there are no files to load
		HTTP:        server.HTTPConfig{Address: flags.http, AllowedOrigins: flags.origins, Page: site},
		GRPC:        server.GRPCConfig{Address: flags.grpc},
		Ops:         server.OpsConfig{Address: "off"},
		Auth:        server.AuthConfig{JWT: &server.JWTConfig{Keys: []server.JWTKey{{HMACSecret: secret}}}},
		DrainWindow: &atOnce,
		Log:         log,
		Version:     readBuild().Version,
	})
	if err != nil {
		return err
	}

	ctx, stop := context.WithCancel(ctx)
	defer stop()
	hubEnded := make(chan error, 1) // Run's end, once
	go func() {
		defer stop()
		hubEnded <- hub.Run(ctx)
	}()
	select {
	case <-hub.Ready():
	case err := <-hubEnded:
		return fmt.Errorf("%w, with --http or --grpc", err) // it could not listen
	}
	at := hub.Addresses()
	err = site.Run(ctx, at.GRPC, log, func() {
		p.sayf("The demo is at http://%s (backends connect to %s). Ctrl-C stops it.", at.HTTP, at.GRPC)
	})
	if ctx.Err() != nil {
		err = nil // what ends with everything else
	}
	stop()
	return errors.Join(err, <-hubEnded)
}
