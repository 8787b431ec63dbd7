package wire

// Reason says why a connection ended.
type Reason uint8

const (
	// ReasonNone is that of a connection that has not ended.
	ReasonNone Reason = iota
	// ReasonClosed is an end that the hub chose: Conn.End.
	ReasonClosed
	// ReasonGone is a peer that closed, or whose socket broke.
	ReasonGone
	// ReasonPing is a peer that did not answer a ping.
	ReasonPing
	// ReasonProtocol is a peer that does not speak the protocol.
	ReasonProtocol
	// ReasonInternal is a handler that panicked.
	ReasonInternal
	// ReasonShutdown is the end of Run.
	ReasonShutdown
	// ReasonBacklog is a connection that did not take what was sent to it.
	ReasonBacklog
	// ReasonBacklogTotal is one of the largest backlogs while all together
	// were over their limit.
	ReasonBacklogTotal
	// ReasonStalled is a socket that took nothing for WriteTimeout.
	ReasonStalled
)

var reasons = [...]string{
	ReasonNone:         "none",
	ReasonClosed:       "closed",
	ReasonGone:         "gone",
	ReasonPing:         "ping",
	ReasonProtocol:     "protocol",
	ReasonInternal:     "internal",
	ReasonShutdown:     "shutdown",
	ReasonBacklog:      "backlog",
	ReasonBacklogTotal: "backlog_total",
	ReasonStalled:      "stalled",
}

// String is the reason as logs and metrics have it.
func (r Reason) String() string { return reasons[r] }

// Dropped tells whether the connection was given up for being slow.
func (r Reason) Dropped() bool { return r >= ReasonBacklog }
