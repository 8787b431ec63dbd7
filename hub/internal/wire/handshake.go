package wire

import (
	"crypto/sha1" //nolint:gosec // RFC 6455's, which does not rest on it
	"encoding/base64"
	"errors"
	"net"
	"net/http"
	"strings"
	"time"
)

// handshakeTime bounds the write of the answer. A new socket's buffer is
// empty, so that it does not wait for a peer that is there.
const handshakeTime = 10 * time.Second

// Why a request is no WebSocket handshake.
var (
	ErrHandshake = errors.New("not a WebSocket handshake")
	// ErrVersion is that of another version than Version.
	ErrVersion = errors.New("not the WebSocket version that is spoken here")
)

// Version is the WebSocket version that is spoken here.
const Version = "13"

// CheckHandshake tells whether a request is one (RFC 6455 §4.2.1).
func CheckHandshake(r *http.Request) error {
	switch {
	case r.Method != http.MethodGet || !r.ProtoAtLeast(1, 1) || r.ProtoMajor > 1 ||
		!hasToken(r.Header, "Connection", "upgrade") || !hasToken(r.Header, "Upgrade", "websocket"):
		return ErrHandshake
	case r.Header.Get("Sec-WebSocket-Version") != Version:
		return ErrVersion
	case !validKey(r.Header.Get("Sec-WebSocket-Key")):
		return ErrHandshake
	default:
		return nil
	}
}

// Upgrade answers a checked handshake, with the first frames in the same
// write, and takes the socket over; early is what came behind the request. The
// request's time limits are gone.
func Upgrade(w http.ResponseWriter, r *http.Request, first ...*Frame) (nc net.Conn, early []byte, err error) {
	nc, buffers, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, "no WebSocket can be had here", http.StatusInternalServerError)
		return nil, nil, err
	}
	if n := buffers.Reader.Buffered(); n > 0 {
		early = make([]byte, n)
		_, _ = buffers.Reader.Read(early) // from memory
	}
	const answerBytes = 512 // the answer, OPEN and a little more
	answer := append(make([]byte, 0, answerBytes),
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "...)
	answer = append(answer, acceptKey(r.Header.Get("Sec-WebSocket-Key"))...)
	answer = append(answer, "\r\n\r\n"...)
	for _, f := range first {
		answer = append(answer, f.bytes...)
	}
	_ = nc.SetDeadline(time.Now().Add(handshakeTime))
	if _, err := nc.Write(answer); err != nil {
		_ = nc.Close()
		return nil, nil, err
	}
	return nc, early, nc.SetDeadline(time.Time{})
}

func hasToken(h http.Header, name, token string) bool {
	for _, line := range h.Values(name) {
		for t := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(t), token) {
				return true
			}
		}
	}
	return false
}

func validKey(key string) bool {
	b, err := base64.StdEncoding.DecodeString(key)
	return err == nil && len(b) == 16
}

func acceptKey(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) //nolint:gosec // as above
	return base64.StdEncoding.EncodeToString(sum[:])
}

// Probe reads and writes a socket that is no connection's yet, message by
// message, on its caller's goroutine.
type Probe struct {
	nc     net.Conn
	reader wsReader
	rest   []byte // read, not parsed yet
	buf    [256]byte
	limit  int

	text   []byte
	got    bool
	ending bool
}

var errNotText = errors.New("neither a text message nor its control frame")

// NewProbe reads from nc, after early. A message of more than limit bytes is
// an error.
func NewProbe(nc net.Conn, early []byte, limit int) *Probe {
	return &Probe{nc: nc, rest: early, limit: limit}
}

// Next waits for the next text message.
func (p *Probe) Next() ([]byte, error) {
	p.got, p.text = false, nil
	for {
		rest, broken := p.reader.feed(p.rest, p.limit, p)
		p.rest = append([]byte(nil), rest...)
		switch {
		case broken != nil:
			_, _ = p.nc.Write(closeFrame(broken.code, broken.text)) // it ends anyway
			return nil, errors.New(broken.text)
		case p.ending:
			return nil, net.ErrClosed
		case p.got && p.text == nil:
			return nil, errNotText
		case p.got:
			return p.text, nil
		}
		n, err := p.nc.Read(p.buf[:])
		if err != nil {
			return nil, err
		}
		p.rest = p.buf[:n]
	}
}

// Write sends a frame.
func (p *Probe) Write(f *Frame) error {
	_, err := p.nc.Write(f.bytes)
	return err
}

// Rest is what was read behind the last message.
func (p *Probe) Rest() []byte { return p.rest }

// frame implements wsSink.
func (p *Probe) frame(kind wsOp, data []byte) bool {
	switch kind {
	case wsText:
		p.text = append(make([]byte, 0, len(data)), data...)
	case wsPing:
		_, err := p.nc.Write(append(appendHeader(nil, wsPong, len(data)), data...))
		return err == nil
	case wsPong:
		return true
	case wsClosing:
		_, _ = p.nc.Write(closeFrame(1000, "")) // it ends anyway
		p.ending = true
	default: // binary
	}
	p.got = true
	return false
}
