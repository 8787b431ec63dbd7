package socketio

import (
	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/engine"
	"github.com/realtime-hub/hub/hub/internal/wire"
	"github.com/realtime-hub/hub/hub/schema"
)

// Sink delivers an engine's publications to browsers: each is encoded once,
// whatever the number of its subscribers.
type Sink struct {
	wire   *wire.Wire
	schema *schema.Registry
}

var _ engine.Sink = (*Sink)(nil)

// NewSink delivers over w, to slow browsers as the schema's channels say.
func NewSink(w *wire.Wire, s *schema.Registry) *Sink { return &Sink{wire: w, schema: s} }

// Publication implements engine.Sink.
func (s *Sink) Publication(p *engine.Publication) {
	s.wire.Broadcast(p.Channel, wire.Message{Frame: publicationFrame(p), Slow: s.slow(p.Channel), Except: p.Except})
}

// slow is the channel's on_slow. A channel that is not declared any more has
// the default's.
func (s *Sink) slow(channel string) wire.Slow {
	match, err := s.schema.Snapshot().Match(channel)
	if err != nil {
		return wire.SlowDisconnect
	}
	switch match.Options.GetOnSlow() {
	case hubv1.ChannelOptions_SLOW_DROP:
		return wire.SlowDrop
	case hubv1.ChannelOptions_SLOW_LATEST:
		return wire.SlowLatest
	case hubv1.ChannelOptions_SLOW_UNSPECIFIED, hubv1.ChannelOptions_SLOW_DISCONNECT:
	}
	return wire.SlowDisconnect
}
