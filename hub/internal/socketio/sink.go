package socketio

import (
	"github.com/realtime-hub/hub/hub/internal/engine"
	"github.com/realtime-hub/hub/hub/internal/wire"
)

// Sink delivers an engine's publications to browsers: each is encoded once,
// whatever the number of its subscribers.
type Sink struct {
	wire *wire.Wire
}

var _ engine.Sink = (*Sink)(nil)

// NewSink delivers over w.
func NewSink(w *wire.Wire) *Sink { return &Sink{wire: w} }

// Publication implements engine.Sink.
func (s *Sink) Publication(p engine.Publication) {
	s.wire.Broadcast(p.Channel, publicationFrame(p), p.Except)
}
