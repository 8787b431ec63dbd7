package wire_test

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/realtime-hub/hub/hub/internal/wire"
)

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

// Opcodes of RFC 6455, and two close codes.
const (
	opText, opBinary, opClose, opPing, opPong = 1, 2, 8, 9, 10

	normal, protocolError = 1000, 1002
)

// peer is a client: the other end of a connection's socket.
type peer struct {
	t  testing.TB
	nc net.Conn
	r  *bufio.Reader
}

func newPeer(t testing.TB, nc net.Conn) *peer {
	t.Helper()
	t.Cleanup(func() { nc.Close() })
	if err := nc.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return newPeerOf(t, nc)
}

// newPeerOf is a peer whose socket the caller closes.
func newPeerOf(t testing.TB, nc net.Conn) *peer {
	t.Helper()
	return &peer{t: t, nc: nc, r: bufio.NewReader(nc)}
}

// frame reads one frame of the server's.
func (p *peer) frame() (op byte, payload []byte, err error) {
	var h [2]byte
	if _, err := io.ReadFull(p.r, h[:]); err != nil {
		return 0, nil, err
	}
	if h[0]&0x80 == 0 || h[1]&0x80 != 0 {
		return 0, nil, errors.New("fragmented or masked")
	}
	n := uint64(h[1])
	var long [8]byte
	switch n {
	case 126:
		_, err = io.ReadFull(p.r, long[6:])
	case 127:
		_, err = io.ReadFull(p.r, long[:])
	}
	if err != nil {
		return 0, nil, err
	}
	if n >= 126 {
		n = binary.BigEndian.Uint64(long[:])
	}
	if n > 64<<20 {
		return 0, nil, errors.New("not a frame's length")
	}
	payload = make([]byte, n)
	_, err = io.ReadFull(p.r, payload)
	return h[0] & 0x0F, payload, err
}

// text reads a text message.
func (p *peer) text() string {
	p.t.Helper()
	op, payload, err := p.frame()
	if err != nil || op != opText {
		p.t.Fatalf("got opcode %d, %.60q, %v; want a text", op, payload, err)
	}
	return string(payload)
}

// expect reads text messages.
func (p *peer) expect(want ...string) {
	p.t.Helper()
	for i, w := range want {
		if got := p.text(); got != w {
			p.t.Fatalf("message %d is %.60q, want %.60q", i, got, w)
		}
	}
}

// closing reads a close frame, and then the end.
func (p *peer) closing(code uint16) {
	p.t.Helper()
	op, payload, err := p.frame()
	if err != nil || op != opClose || len(payload) < 2 || binary.BigEndian.Uint16(payload) != code {
		p.t.Fatalf("got opcode %d, %.60q, %v; want a close frame with %d", op, payload, err, code)
	}
	p.end()
}

// end reads the end.
func (p *peer) end() {
	p.t.Helper()
	if _, err := p.r.ReadByte(); !errors.Is(err, io.EOF) {
		p.t.Fatalf("got %v, want the end", err)
	}
}

// send writes a frame.
func (p *peer) send(op byte, payload string) {
	p.t.Helper()
	if _, err := p.nc.Write(masked(op, payload)); err != nil {
		p.t.Fatalf("sending: %v", err)
	}
}

// masked is a client's frame.
func masked(op byte, payload string) []byte {
	b := []byte{0x80 | op}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	key := [4]byte{1, 2, 3, 4}
	b = append(b, key[:]...)
	for i := range len(payload) {
		b = append(b, payload[i]^key[i%4])
	}
	return b
}

// text is a frame.
func text(s string) *wire.Frame {
	return wire.NewFrame(append(make([]byte, wire.Headroom, wire.Headroom+len(s)), s...))
}

// texts are the payloads of frames.
func texts(frames []*wire.Frame) []string {
	var all []string
	for _, f := range frames {
		all = append(all, string(f.Payload()))
	}
	return all
}
