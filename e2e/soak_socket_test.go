//go:build linux

package e2e_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// tcpLine is a connection to a hub that speaks HTTP, and WebSocket from its
// upgrade on, by hand: without goroutines, so that a test holds thousands of
// them (-race dies at 8,128 goroutines), and so that it may say half of a thing
// or cut the line. Its methods belong to one goroutine at a time.
type tcpLine struct {
	conn    *net.TCPConn
	in      *bufio.Reader
	buffer  []byte        // of the frame that is read
	message []byte        // of the message whose frames are read
	patient time.Duration // for each read from the network; the long runs are about loss, not about haste
}

// narrow is a network that takes little: a receiver of 4 KiB, and segments so
// small that the hub's end does not let the kernel buffer 2.5 MB, as it does
// for loopback's segments of 64 KiB.
func narrow(_, _ string, c syscall.RawConn) error {
	var failed error
	if err := c.Control(func(fd uintptr) {
		failed = errors.Join(
			syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096),
			syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_MAXSEG, 1200))
	}); err != nil {
		return err
	}
	return failed
}

// sources spreads clients over addresses: one has 28,000 ports, of which those
// that were just closed are not free.
var sources atomic.Uint32

func plugIn(address string, control func(string, string, syscall.RawConn) error) (*tcpLine, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 6*patience)
	defer cancel()
	from := net.IPv4(127, 0, 0, byte(1+sources.Add(1)%50))
	conn, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: from}, Control: control}).DialContext(ctx, "tcp4", address)
	if err != nil {
		return nil, err
	}
	tcp := conn.(*net.TCPConn)
	return &tcpLine{conn: tcp, in: bufio.NewReaderSize(conn, 512), patient: long(patience, 4*patience)}, nil
}

// close is what a process that ends does; cut is what a dead network does, as
// far as a hub on the same machine can be made to see it: RST.
func (s *tcpLine) close() { _ = s.conn.Close() }

func (s *tcpLine) cut() {
	_ = s.conn.SetLinger(0)
	_ = s.conn.Close()
}

func (s *tcpLine) write(data []byte) error {
	_ = s.conn.SetWriteDeadline(time.Now().Add(s.patient))
	_, err := s.conn.Write(data)
	return err
}

// ask writes an HTTP request to the Engine.IO path.
func (s *tcpLine) ask(method, query, body string, headers ...string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s /socket.io/?EIO=4&%s HTTP/1.1\r\nHost: %s\r\n", method, query, s.conn.RemoteAddr())
	if method == http.MethodPost {
		fmt.Fprintf(&b, "Content-Type: text/plain;charset=UTF-8\r\nContent-Length: %d\r\n", len(body))
	}
	for _, h := range headers {
		b.WriteString(h + "\r\n")
	}
	b.WriteString("\r\n" + body)
	return s.write([]byte(b.String()))
}

// answer reads the response. last: the hub closes the connection after it.
func (s *tcpLine) answer() (body string, last bool, err error) {
	_ = s.conn.SetReadDeadline(time.Now().Add(s.patient))
	res, err := http.ReadResponse(s.in, nil)
	if err != nil {
		return "", true, fmt.Errorf("an answer was awaited: %w", err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("answered by %d %.200s", res.StatusCode, data)
	}
	return string(data), res.Close, err
}

// askUpgrade asks for a WebSocket; upgraded reads that it is one.
func (s *tcpLine) askUpgrade(query string) error {
	return s.ask(http.MethodGet, "transport=websocket"+query, "", "Connection: Upgrade", "Upgrade: websocket",
		"Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
}

func (s *tcpLine) upgraded() error {
	_ = s.conn.SetReadDeadline(time.Now().Add(s.patient))
	res, err := http.ReadResponse(s.in, nil)
	if err != nil {
		return fmt.Errorf("an upgrade was awaited: %w", err)
	}
	if res.StatusCode != http.StatusSwitchingProtocols {
		text, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		return fmt.Errorf("the upgrade is answered by %d %.200s", res.StatusCode, text)
	}
	return nil
}

// The opcodes of RFC 6455 that occur here.
const (
	opMore  = 0
	opText  = 1
	opClose = 8
	opPing  = 9
	opPong  = 10
)

// errClosed is the hub's close frame.
var errClosed = errors.New("the hub closed the connection")

// frame is a masked frame, as clients send them.
func frame(op byte, payload string) []byte {
	mask := [4]byte{0x37, 0xfa, 0x21, 0x3d}
	data := []byte{0x80 | op}
	switch n := len(payload); {
	case n < 126:
		data = append(data, 0x80|byte(n))
	default:
		data = binary.BigEndian.AppendUint16(append(data, 0x80|126), uint16(n))
	}
	data = append(data, mask[:]...)
	for i := range len(payload) {
		data = append(data, payload[i]^mask[i%4])
	}
	return data
}

func (s *tcpLine) say(text string) error { return s.write(frame(opText, text)) }

// hear is the next text message.
func (s *tcpLine) hear() (string, error) {
	s.message = s.message[:0]
	for {
		op, last, payload, err := s.read()
		switch {
		case err != nil:
			return "", err
		case op == opText || op == opMore:
			s.message = append(s.message, payload...)
			if last {
				return string(s.message), nil
			}
		case op == opPing:
			if err := s.write(frame(opPong, string(payload))); err != nil {
				return "", err
			}
		case op == opClose && len(payload) >= 2:
			return "", fmt.Errorf("%w with %d %s", errClosed, binary.BigEndian.Uint16(payload), payload[2:])
		case op == opClose:
			return "", errClosed
		default:
			return "", fmt.Errorf("the hub sent a frame of kind %d: %.100q", op, payload)
		}
	}
}

// read is the next frame; its payload is valid until the one after it.
func (s *tcpLine) read() (op byte, last bool, payload []byte, err error) {
	if s.in.Buffered() < 2 {
		_ = s.conn.SetReadDeadline(time.Now().Add(s.patient))
	}
	var head [8]byte
	if _, err := io.ReadFull(s.in, head[:2]); err != nil {
		return 0, false, nil, err
	}
	if head[0]&0x70 != 0 || head[1]&0x80 != 0 {
		return 0, false, nil, fmt.Errorf("a frame begins with %x: compressed or masked, or not where a frame begins", head[:2])
	}
	op, last = head[0]&0xf, head[0]&0x80 != 0
	size := uint64(head[1])
	switch size {
	case 126:
		_, err = io.ReadFull(s.in, head[:2])
		size = uint64(binary.BigEndian.Uint16(head[:2]))
	case 127:
		_, err = io.ReadFull(s.in, head[:8])
		size = binary.BigEndian.Uint64(head[:8])
	}
	if err != nil {
		return 0, false, nil, err
	}
	if size > 16<<20 {
		return 0, false, nil, fmt.Errorf("a frame of %d bytes", size)
	}
	if uint64(cap(s.buffer)) < size {
		s.buffer = make([]byte, size)
	}
	s.buffer = s.buffer[:size]
	_, err = io.ReadFull(s.in, s.buffer)
	return op, last, s.buffer, err
}
