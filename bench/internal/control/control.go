// Package control is how the generator makes a peer broadcast: one TCP
// connection on loopback with a line for each order, because a call per
// broadcast (HTTP, RPC) would be measured as the peer's.
//
//	32          broadcast 32 messages; there is no answer
//	goroutines  answered by a line with their number
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

// goroutines is the order that has an answer.
const goroutines = "goroutines"

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

// Serve is a whole peer on net/http: it serves clients by the handler, and
// broadcasts when told to, until the generator ends it.
func Serve(clients http.Handler, broadcast func(n int) error) error {
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
	return obey(orders, broadcast)
}

// Main ends a peer's process as it ended.
func Main(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// obey carries out the orders on conn until it ends.
func obey(conn net.Conn, broadcast func(n int) error) error {
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
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
			if err := broadcast(n); err != nil {
				return err
			}
		}
	}
	return lines.Err()
}

// Order reads one line: broadcasts to make, or an answer to give.
func Order(line string) (broadcasts int, answer string, err error) {
	if line == goroutines {
		return 0, strconv.Itoa(runtime.NumGoroutine()) + "\n", nil
	}
	n, err := strconv.Atoi(line)
	if err != nil || n < 1 {
		return 0, "", fmt.Errorf("no order: %q", line)
	}
	return n, "", nil
}

// A Conn is the generator's end. Broadcast and Goroutines may not be called
// at the same time.
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
	if _, err := c.conn.Write([]byte(goroutines + "\n")); err != nil {
		return 0, false, err
	}
	_ = c.conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	line, err := c.in.ReadString('\n')
	if err != nil {
		return 0, false, err
	}
	if line == "null\n" {
		return 0, false, nil
	}
	n, err = strconv.Atoi(strings.TrimSuffix(line, "\n"))
	if err != nil {
		return 0, false, errors.New("goroutines: no number")
	}
	return n, true, nil
}

// Close ends the peer.
func (c *Conn) Close() error { return c.conn.Close() }
