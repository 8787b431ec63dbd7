// Package engine carries publications between hub processes and remembers
// them: the boundary behind which one process becomes many.
//
// A driver (engine/memory) implements Log. Delivery is at most once, in one
// order per channel for each hub. Publish with an idempotency key is carried
// out once per concrete channel while the key is remembered. Errors are
// faults where the caller can do something about them, ENGINE_UNAVAILABLE
// above all. Everything here may be called concurrently.
package engine

import "context"

// Log is ordered fan-out per channel.
type Log interface {
	// Publish hands p to the sink of every subscription of its channel. It
	// returns when the engine has accepted p, not when anyone received it.
	Publish(ctx context.Context, p Publication, opts PublishOptions) (PublishResult, error)

	// Join adds an interest of sink in the channel, and runs place between two
	// of the channel's publications: sink hears none before place has returned
	// and all after. So what place puts into a connection's queue, the ack
	// and the membership, is in order with what follows. place must not block.
	// Interests count: a sink that joined twice leaves twice.
	Join(ctx context.Context, channel string, sink Sink, place func()) error

	// Leave takes back one Join.
	Leave(channel string, sink Sink)
}

// Publication is one accepted message of a channel. It is shared by all its
// receivers and never changed.
type Publication struct {
	// Channel is the concrete channel.
	Channel string
	// ID is the broadcast's id.
	ID string
	// Payload is canonical JSON.
	Payload []byte
	// Except are sessions that do not get the message live.
	Except []string
}

// PublishOptions say how a publication is treated.
type PublishOptions struct {
	// Once remembers the publication's id: the same id again on the same
	// channel is the first publication again. Default: not remembered.
	Once bool
}

// PublishResult is what became of a publication.
type PublishResult struct {
	// Duplicate says that the id was remembered and nothing was sent.
	Duplicate bool
}

// Sink hears the publications of the channels it joined. A sink is compared
// by identity, so it is a pointer.
type Sink interface {
	// Publication must not block: a channel's lock is held.
	Publication(p Publication)
}
