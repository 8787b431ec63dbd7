// Package peer runs the servers under measurement: each is a process of its
// own on a core of its own, told to broadcast as cheaply as it allows, and
// asked what it costs.
//
// A peer lives as long as its Stop is not called, its context has not ended,
// and this process is there.
package peer

import (
	"context"
	"errors"
	"time"

	"github.com/realtime-hub/hub/bench/internal/control"
	"github.com/realtime-hub/hub/bench/internal/load"
)

// A Peer is one running server.
type Peer struct {
	// Clients is where WebSockets connect, host:port.
	Clients string
	// Broadcast makes the server send; it does not wait for it.
	Broadcast load.Broadcaster

	backends   string // where workers dial in, host:port; empty: nowhere
	process    *process
	goroutines func(context.Context) (n int, ok bool, err error)
	heap       func(context.Context) (bytes int, err error)
	keep       func(context.Context, control.Keeping) (control.Position, error)
	end        func() // of what was opened beside the process
}

// CPU is the processor time the server has used.
func (p *Peer) CPU() (time.Duration, error) { return processorTime(p.process.pid()) }

// Resident is the server's resident memory in KiB.
func (p *Peer) Resident() (int, error) { return resident(p.process.pid()) }

// Goroutines is how many the server has; ok is false where it is no Go program.
func (p *Peer) Goroutines(ctx context.Context) (n int, ok bool, err error) { return p.goroutines(ctx) }

// Heap is the bytes of a Go program's heap that are alive.
func (p *Peer) Heap(ctx context.Context) (bytes int, err error) { return p.heap(ctx) }

// Keep publishes messages that are kept, and returns when they are, with where
// the first channel then stands. See Kind.Keeps.
func (p *Peer) Keep(ctx context.Context, k control.Keeping) (first control.Position, err error) {
	return p.keep(ctx, k)
}

// Stop ends the server, and returns when it has ended. An error is how it
// ended if it did so of its own accord.
func (p *Peer) Stop() error {
	p.end()
	return p.process.stop()
}

// A Kind is a server that can be measured.
type Kind struct {
	// Name is what it is called in flags and results.
	Name string
	// Protocol is what its clients speak.
	Protocol load.Protocol
	// Identity says that its clients have one, a token each.
	Identity bool
	// Inbound says that what its clients send reaches workers; see Peer.Work.
	Inbound bool
	// Keeps says that channels keep messages, and know who is in them.
	Keeps bool

	start func(context.Context, Workshop, Options) (*Peer, error)
	lacks func(Workshop) string
	build []string // Go packages, in bench's module
}

// Options are how a server is started.
type Options struct {
	// Core is the one it runs on, or affinity.None.
	Core int
	// TLS is in the process; the hub's only.
	TLS bool
}

// Kinds are all, in the order of the tables.
func Kinds() []Kind {
	return []Kind{
		{Name: "hub", Protocol: load.Hub, Identity: true, Inbound: true, Keeps: true, start: startHub},
		{Name: "node", Protocol: load.SocketIO, start: command("node", "peers/node/server.mjs"), lacks: lacksNode},
		{
			Name: "centrifuge", Protocol: load.Centrifuge, Keeps: true,
			start: command("centrifuge"), build: []string{"./peers/centrifuge"},
		},
		{Name: "library", Protocol: load.SocketIO, start: command("library"), build: []string{"./peers/library"}},
		{Name: "raw", Protocol: load.Raw, start: command("raw"), build: []string{"./peers/raw"}},
		{Name: "raw_coalesced", Protocol: load.Raw, start: command("raw", "-coalesced"), build: []string{"./peers/raw"}},
	}
}

// Lacks is what the machine has not that the peer needs; empty: nothing.
func (k Kind) Lacks(w Workshop) string {
	if k.lacks == nil {
		return ""
	}
	return k.lacks(w)
}

// Start starts the server and returns when clients may connect.
func (k Kind) Start(ctx context.Context, w Workshop, o Options) (*Peer, error) {
	if o.TLS && k.Name != "hub" {
		return nil, errors.New("only the hub is measured with TLS")
	}
	return k.start(ctx, w, o)
}
