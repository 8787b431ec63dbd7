// Package engine carries publications between hub processes and remembers
// them: the boundary behind which one process becomes many.
//
// A driver (engine/memory) implements Log. Delivery is at most once, in one
// order per channel for each hub. What is published with a Retention is kept, has a
// Position, and can be replayed to who joins with one: Recovered is said only
// where it is proven that nothing is missing. Publish with an idempotency key is
// carried out once per concrete channel while the key is remembered. Errors are
// faults where the caller can do something about them, ENGINE_UNAVAILABLE
// above all. Everything here may be called concurrently.
package engine

import (
	"context"
	"time"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
)

// Log is ordered fan-out per channel, with history where it is asked for.
type Log interface {
	// Publish hands p to the sink of every subscription of its channel, and keeps
	// it as opts say. p is the engine's from then on. Publish returns when the
	// engine has accepted p, not when anyone received it.
	Publish(ctx context.Context, p *Publication, opts PublishOptions) (PublishResult, error)

	// Join adds an interest of sink in the channel, and runs place between two
	// of the channel's publications: what it is given came before, and sink hears
	// all that comes after. So what place puts into a connection's queue, the
	// replay, the ack and the membership, is in order with what follows. place
	// must not block. Interests count: a sink that joined twice leaves twice.
	Join(ctx context.Context, channel string, sink Sink, opts ReadOptions, place func(Replay)) error

	// Leave takes back one Join.
	Leave(channel string, sink Sink)

	// History is what is kept of the channel after opts.Since, nil: from the oldest;
	// as much of its beginning as opts allow, at least one. POSITION_UNRECOVERABLE
	// where it is not proven that it begins right behind the position.
	History(ctx context.Context, channel string, opts ReadOptions) (History, error)
}

// Position is where something stands in a channel's history.
type Position struct {
	// Epoch changes when history may have been lost. Empty: nothing is kept.
	Epoch string
	// Offset grows along the channel; it need not be dense.
	Offset uint64
}

// Retention is how much of a channel is kept. The zero value keeps nothing.
type Retention struct {
	// Size is how many publications, the newest.
	Size int
	// TTL is for how long each.
	TTL time.Duration
}

// RetentionOf is a channel's, as declared; nil: none.
func RetentionOf(h *hubv1.History) Retention {
	return Retention{Size: int(h.GetSize()), TTL: h.GetTtl().AsDuration()}
}

// Proto is the position as peers see it; nil where there is none.
func (p Position) Proto() *hubv1.Position {
	if p.Epoch == "" {
		return nil
	}
	return &hubv1.Position{Epoch: p.Epoch, Offset: p.Offset}
}

// PositionOf is the position that a peer sends; nil: it sends none.
func PositionOf(p *hubv1.Position) *Position {
	if p == nil {
		return nil
	}
	return &Position{Epoch: p.GetEpoch(), Offset: p.GetOffset()}
}

// Keeps tells whether anything is kept.
func (r Retention) Keeps() bool { return r.Size > 0 && r.TTL > 0 }

// Publication is one accepted message of a channel. It is shared by all its
// receivers and not changed once it was published.
type Publication struct {
	// Channel is the concrete channel.
	Channel string
	// ID is the broadcast's id.
	ID string
	// Payload is canonical JSON.
	Payload []byte
	// Except are sessions that do not get the message live. It is not kept.
	Except []string
	// Position is where it stands; the engine fills it in where it keeps it.
	Position Position
	// Frame is the form that the sink which delivers to browsers made of it, so
	// that it is made once, however often it is replayed. That sink's alone; it is
	// looked at and set in Sink.Publication and in place.
	Frame any
}

// PublishOptions say how a publication is treated.
type PublishOptions struct {
	// Once remembers the publication's id: the same id again on the same
	// channel is the first publication again. Default: not remembered.
	Once bool
	// Keep is how much of the channel is kept. Default: nothing.
	Keep Retention
}

// PublishResult is what became of a publication.
type PublishResult struct {
	// Duplicate says that the id was remembered and nothing was sent.
	Duplicate bool
	// Position is the publication's; a duplicate has the first one's.
	Position Position
}

// ReadOptions say what of a channel's history is wanted.
type ReadOptions struct {
	// Keep is how much of the channel is kept.
	Keep Retention
	// Since is the last position that was seen. Nil: a join replays nothing, a
	// history begins with the oldest.
	Since *Position
	// MaxItems and MaxBytes, of payloads, bound what is read. A replay beyond them
	// is none, a history ends there.
	MaxItems, MaxBytes int
}

// Replay is what came before a join.
type Replay struct {
	// Items are all kept publications after the asked position, in order; none
	// where Lost says why.
	Items []*Publication
	// Position is the channel's now; zero where it keeps nothing.
	Position Position
	// Lost is why it is not proven that nothing is missing. Empty: it is proven,
	// or was not asked.
	Lost Lost
}

// Lost is why a replay is not complete.
type Lost string

const (
	// EpochChanged says that the position is of another history.
	EpochChanged Lost = "EPOCH_CHANGED"
	// Expired says that what came next may not be kept any more.
	Expired Lost = "EXPIRED"
	// TooMany says that it is more than a replay may have.
	TooMany Lost = "TOO_MANY"
)

// History is a part of what is kept.
type History struct {
	// Items are in order. They are copies, to be read without a lock.
	Items []Publication
	// Position is the channel's now.
	Position Position
}

// Sink hears the publications of the channels it joined. A sink is compared
// by identity, so it is a pointer.
type Sink interface {
	// Publication must not block: a channel's lock is held.
	Publication(p *Publication)
}
