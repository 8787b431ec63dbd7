// Command blog runs the example whole: a hub on the blog's channels, a backend
// that publishes an article every two seconds and whose worker counts who has it
// open, and a reader, the plain socket.io-client, that views each article and
// prints what it receives. Ctrl-C stops all three.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/realtime-hub/hub/examples/blog/backend"
	"github.com/realtime-hub/hub/hub/server"
	hub "github.com/realtime-hub/hub/sdk/go"
)

const every = 2 * time.Second

func main() {
	http := flag.String("http", "127.0.0.1:8080", "the browsers' door")
	grpc := flag.String("grpc", "127.0.0.1:8081", "the backends' door")
	dir := flag.String("dir", "examples/blog", "where the example lies")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *http, *grpc, *dir)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "blog:", err)
		os.Exit(1)
	}
}

// run starts the three and stops all of them when one of them ends.
func run(ctx context.Context, http, grpc, dir string) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)

	log := slog.New(slog.NewTextHandler(os.Stdout, nil))
	atOnce := time.Duration(0)
	srv, err := server.New(server.Config{ //nolint:contextcheck // it loads files, which no context ends
		HTTP:        server.HTTPConfig{Address: http},
		GRPC:        server.GRPCConfig{Address: grpc},
		Ops:         server.OpsConfig{Address: "off"},
		Channels:    []string{dir + "/proto"},
		DrainWindow: &atOnce,
		Log:         log.With("from", "hub"),
	})
	if err != nil {
		return err
	}
	stopped := make(chan error, 1)
	go func() { stopped <- srv.Run(ctx) }()
	select {
	case <-srv.Ready():
	case err := <-stopped:
		return err
	}
	log.Info("the hub listens", "browsers", "http://"+srv.Addresses().HTTP, "backends", srv.Addresses().GRPC)

	var running sync.WaitGroup
	running.Go(func() { stop(read(ctx, srv.Addresses().HTTP, dir)) })
	running.Go(func() { stop(serve(ctx, srv.Addresses().GRPC, log.With("from", "backend"))) })

	err = <-stopped
	running.Wait()
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		err = errors.Join(cause, err)
	}
	return err
}

// serve is the backend: one connection, on which it broadcasts, and on which its
// worker takes what browsers say.
func serve(ctx context.Context, address string, log *slog.Logger) error {
	client, err := hub.Dial(address)
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	reg := hub.NewRegistry(hub.Use(hub.Capture(log)))
	publisher := backend.BindDevelopment(client, reg)

	tick := time.NewTicker(every)
	defer tick.Stop()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	published := make(chan error, 1)
	go func() {
		defer stop()
		published <- publisher.Run(ctx, tick.C, log)
	}()
	err = client.Serve(ctx, hub.Group("blog"), reg, hub.Log(log))
	stop()
	return errors.Join(err, <-published)
}

// read runs the reader, a Node program as a browser's page would have it.
func read(ctx context.Context, address, dir string) error {
	cmd := exec.CommandContext(ctx, "node", dir+"/reader/reader.mjs", "http://"+address) //nolint:gosec // our own script
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 2 * time.Second
	err := cmd.Run()
	if ctx.Err() != nil {
		return nil //nolint:nilerr // stopped with everything else
	}
	return fmt.Errorf("the reader ended (was `npm ci --prefix %s/reader` run?): %w", dir, errors.Join(err, errors.New("it should not")))
}
