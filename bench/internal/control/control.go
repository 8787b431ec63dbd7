// Package control is how the generator makes a peer broadcast: one TCP
// connection on loopback with a line for each order, because a call per
// broadcast (HTTP, RPC) would be measured as the peer's.
//
//	32            broadcast 32 messages; there is no answer
//	goroutines    answered by a line with their number
//	heap          answered by a line with the bytes that are alive
//	keep 0 20 100 publish 100 messages into each of the channels 0 to 19, which
//	              are kept; answered by a line with where the first then stands
//
// A peer prints one line of JSON when it is ready, Ready, and ends when its
// control connection does: no peer outlives the generator. peers/node speaks
// the same without this package.
package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// MessageBytes is what a peer's broadcast has as a WebSocket message, envelope
// and all.
const MessageBytes = 128

// Ready is where a peer listens.
type Ready struct {
	Clients string `json:"clients"` // host:port for WebSockets
	Control string `json:"control"` // host:port for orders
}

// Payload is a JSON object that makes a message of MessageBytes in an envelope
// of so many bytes.
func Payload(envelope int) string {
	const empty = `{"data":""}`
	return `{"data":"` + strings.Repeat("x", max(MessageBytes-envelope-len(empty), 1)) + `"}`
}

// Channels that keep something; the hub's are declared in testdata/channels.
const (
	KeptPrefix   = "bench.kept."
	KeptMessages = 100 // of each channel, the last
	// Told tells its members of each other where the server can; Listed need
	// not, but the list of them is there.
	Told   = "bench.present.told"
	Listed = "bench.present.listed"
)

// KeptChannel is the i-th of those that keep messages.
func KeptChannel(i int) string { return KeptPrefix + strconv.Itoa(i) }

// Kept is the payload of the n-th message that a channel keeps, from 1 on: a
// JSON object of MessageBytes with the number in it.
func Kept(n int) string { return fmt.Sprintf(`{"data":"%08d%s"}`, n, keptRest) }

var keptRest = strings.Repeat("x", MessageBytes-len(`{"data":"12345678"}`)) //nolint:gochecknoglobals // a constant

// The orders that have an answer.
const (
	goroutines = "goroutines"
	heap       = "heap"
	keep       = "keep %d %d %d"
)

// Keeping is an order of kept messages.
type Keeping struct {
	First, Channels int // their numbers
	Each            int // messages into each, one into each of them after another
}

// Position is where a channel stands.
type Position struct {
	Epoch  string
	Offset uint64
}

// Listen opens the control port, says on standard output that the peer is
// ready for clients, and waits for the generator.
func Listen(clients string) (net.Conn, error) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0") //nolint:noctx // for the process' life
	if err != nil {
		return nil, err
	}
	defer func() { _ = listener.Close() }()
	if err := json.NewEncoder(os.Stdout).Encode(Ready{Clients: clients, Control: listener.Addr().String()}); err != nil {
		return nil, err
	}
	return listener.Accept()
}

// Orders are what a peer does when told to.
type Orders struct {
	Broadcast func(n int) error
	// Keep is nil where channels keep nothing.
	Keep func(Keeping) (Position, error)
}

// Serve is a whole peer on net/http: it serves clients by the handler, and
// carries out orders until the generator ends it.
func Serve(clients http.Handler, do Orders) error {
	listener, err := net.Listen("tcp4", "127.0.0.1:0") //nolint:noctx // for the process' life
	if err != nil {
		return err
	}
	server := &http.Server{Handler: clients, ReadHeaderTimeout: 10 * time.Second}
	defer func() { _ = server.Close() }()
	go func() { _ = server.Serve(listener) }() // if it fails the generator cannot connect, and says so
	orders, err := Listen(listener.Addr().String())
	if err != nil {
		return err
	}
	return obey(orders, do)
}

// Main ends a peer's process as it ended.
func Main(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// obey carries out the orders on conn until it ends.
func obey(conn net.Conn, do Orders) error {
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		var k Keeping
		if n, _ := fmt.Sscanf(lines.Text(), keep, &k.First, &k.Channels, &k.Each); n == 3 && do.Keep != nil {
			at, err := do.Keep(k)
			if err == nil {
				_, err = fmt.Fprintln(conn, at.Epoch, at.Offset)
			}
			if err != nil {
				return err
			}
			continue
		}
		n, answer, err := Order(lines.Text())
		if err != nil {
			return err
		}
		if answer != "" {
			if _, err := conn.Write([]byte(answer)); err != nil {
				return err
			}
		}
		if n > 0 {
			if err := do.Broadcast(n); err != nil {
				return err
			}
		}
	}
	return lines.Err()
}

// Order reads one line: broadcasts to make, or an answer to give.
func Order(line string) (broadcasts int, answer string, err error) {
	switch line {
	case goroutines:
		return 0, strconv.Itoa(runtime.NumGoroutine()) + "\n", nil
	case heap:
		return 0, strconv.FormatUint(alive(), 10) + "\n", nil
	}
	n, err := strconv.Atoi(line)
	if err != nil || n < 1 {
		return 0, "", fmt.Errorf("no order: %q", line)
	}
	return n, "", nil
}

// alive is the heap without garbage. What is in a sync.Pool is garbage only
// when it has seen two collections.
func alive() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// A Conn is the generator's end. Its methods may not be called at the same time.
type Conn struct {
	conn net.Conn
	in   *bufio.Reader
	line []byte
}

// Dial connects to a peer.
func Dial(ctx context.Context, address string) (*Conn, error) {
	conn, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "tcp4", address)
	if err != nil {
		return nil, err
	}
	return &Conn{conn: conn, in: bufio.NewReader(conn)}, nil
}

// Broadcast orders n broadcasts.
func (c *Conn) Broadcast(n int) error {
	c.line = append(strconv.AppendInt(c.line[:0], int64(n), 10), '\n')
	_, err := c.conn.Write(c.line)
	return err
}

// Goroutines asks for their number; ok is false where the peer is no Go program.
func (c *Conn) Goroutines() (n int, ok bool, err error) {
	line, err := c.ask(goroutines, 10*time.Second)
	if err != nil || line == "null" {
		return 0, false, err
	}
	n, err = strconv.Atoi(line)
	if err != nil {
		return 0, false, errors.New("goroutines: no number")
	}
	return n, true, nil
}

// Heap asks a Go program for the bytes that are alive.
func (c *Conn) Heap() (bytes int, err error) {
	line, err := c.ask(heap, 10*time.Second)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(line)
}

// Keep orders messages that are kept, and returns when they are.
func (c *Conn) Keep(k Keeping) (first Position, err error) {
	line, err := c.ask(fmt.Sprintf(keep, k.First, k.Channels, k.Each), time.Minute)
	if err != nil {
		return first, err
	}
	if _, err := fmt.Sscan(line, &first.Epoch, &first.Offset); err != nil {
		return first, fmt.Errorf("%q is no position: %w", line, err)
	}
	return first, nil
}

// ask gives an order and waits for its answer.
func (c *Conn) ask(order string, patience time.Duration) (string, error) {
	if _, err := c.conn.Write([]byte(order + "\n")); err != nil {
		return "", err
	}
	_ = c.conn.SetReadDeadline(time.Now().Add(patience))
	line, err := c.in.ReadString('\n')
	return strings.TrimSuffix(line, "\n"), err
}

// Close ends the peer.
func (c *Conn) Close() error { return c.conn.Close() }
