package wire

// Status is how a connection does.
type Status struct {
	// Backlog is how many bytes of frames wait for it.
	Backlog int
	// Skipped is why the latest message that it did not get was left out, in
	// the words of hub_wire_skipped_total; empty: it got every one.
	Skipped string
}

// Status tells how the connection does, once, after what was queued before. tell
// runs on a shard's loop and must not block; of a connection that is gone it
// hears the zero Status.
func (c *Conn) Status(tell func(Status)) {
	if !c.shard.push(op{kind: opStatus, conn: c, rest: tell}) {
		tell(Status{})
	}
}

func (c *Conn) status() Status {
	return Status{Backlog: int(c.backlog), Skipped: skipReasons[c.skipped]}
}

// skip is why a connection that stays did not get a message.
type skip uint8

const (
	skipNone skip = iota
	skipDrop
	skipLatest
)

var skipReasons = [...]string{skipNone: "", skipDrop: "drop", skipLatest: "latest"}

// skip notes and counts a message that the connection does not get.
func (s *shard) skip(c *Conn, why skip) {
	c.skipped = why
	s.wire.cfg.Metrics.skipped.WithLabelValues(skipReasons[why]).Inc()
}
