package wire

// Headroom is how many bytes NewFrame needs before the payload: the longest
// header of a server's WebSocket frame.
const Headroom = 10

// Frame is one text message as its receivers get it. It is made once, shared
// by all of them and never changed: the bytes are a complete WebSocket frame,
// and the payload alone is what a connection without a socket takes.
type Frame struct {
	bytes   []byte
	payload int    // where the payload begins in bytes; len(bytes): a control frame, which has none to take
	channel string // the broadcast's; empty for what is sent to one connection
	aside   bool   // the broadcast's
}

// NewFrame makes the frame of a text message. The message begins at
// b[Headroom]; b belongs to the frame from now on.
func NewFrame(b []byte) *Frame {
	n := len(b) - Headroom
	var header [Headroom]byte
	h := appendHeader(header[:0], wsText, n)
	start := Headroom - len(h)
	copy(b[start:], h)
	return &Frame{bytes: b[start:], payload: len(h)}
}

// Payload is the message without the WebSocket header. It must not be changed.
func (f *Frame) Payload() []byte { return f.bytes[f.payload:] }

// control makes a control frame.
func control(bytes []byte) *Frame { return &Frame{bytes: bytes, payload: len(bytes)} }

func (f *Frame) isControl() bool { return f.payload == len(f.bytes) }
