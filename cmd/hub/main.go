// Command hub runs a hub, checks its configuration, and talks to running hubs.
//
// Each command has its own file. The configuration is laid together in
// config.go from flags, HUB_… variables, the file (configfile.go) and defaults,
// and becomes what the server is told in assemble.go and secrets.go; no other
// package reads the environment. Everything that a test may want to replace
// comes in through process.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	stop := make(chan os.Signal, 2)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)

	ctx, cancel := context.WithCancel(context.Background())
	go heed(stop, cancel, os.Exit)
	os.Exit(run(ctx, arguments(os.Args), process{
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr,
		environment: os.Environ(), hangup: hangup,
	}))
}

// heed ends the command in good order at the first signal and at once at the
// second: whoever asks twice does not want to wait for a drain.
func heed(stop <-chan os.Signal, cancel context.CancelFunc, exit func(int)) {
	<-stop
	cancel()
	<-stop
	exit(exitInterrupted)
}
