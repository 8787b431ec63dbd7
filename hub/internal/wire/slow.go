package wire

// Slow is what happens to a connection that a broadcast's frame does not fit:
// the contract's on_slow.
type Slow uint8

const (
	// SlowDisconnect ends the connection.
	SlowDisconnect Slow = iota
	// SlowDrop drops the frame; when the backlog has drained, Config.Gap tells.
	SlowDrop
	// SlowLatest keeps one frame of the channel waiting, the newest. It takes
	// the older one's place whenever the connection is behind: what is out of
	// date is not worth its bytes. Where none waits and it does not fit, the
	// connection is ended.
	SlowLatest
)
