package load

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
)

// hear answers one message by say. done: the listener is subscribed.
func (l *listener) hear(m []byte, say func(string) error) (done bool, err error) {
	switch string(m) {
	case l.protocol.Ping:
		return false, say(l.protocol.Pong)
	case l.protocol.Noop: // how a server ends a poll
		return false, nil
	}
	answer, done, err := l.protocol.hear(l.step, m, l.credential)
	if err != nil {
		return false, err
	}
	l.step++
	if answer != "" {
		err = say(answer)
	}
	return done, err
}

// A webSocket is a listener's.
type webSocket struct {
	l    *listener
	conn net.Conn
	in   *bufio.Reader
}

// openWebSocket asks for the upgrade and reads its answer.
func (l *listener) openWebSocket(conn net.Conn, path string) (*webSocket, error) {
	if _, err := io.WriteString(conn, upgradeRequest(l.address, path, "")); err != nil {
		return nil, err
	}
	in := bufio.NewReader(conn)
	response, err := http.ReadResponse(in, nil) //nolint:bodyclose // 101 has none
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusSwitchingProtocols {
		return nil, fmt.Errorf("the upgrade is answered by %s", response.Status)
	}
	return &webSocket{l: l, conn: conn, in: in}, nil
}

func (w *webSocket) say(m string) error {
	_, err := w.conn.Write(clientFrame(m))
	return err
}

// run goes through the script and then answers pings until the connection ends.
func (w *webSocket) run(seated func()) error {
	return w.each(func(m []byte) error {
		done, err := w.l.hear(m, w.say)
		if done {
			seated()
		}
		return err
	})
}

// each calls f for each message until it fails or the connection ends.
func (w *webSocket) each(f func([]byte) error) error {
	walk := walker{lines: w.l.protocol.Lines}
	for {
		if _, err := w.in.Peek(1); err != nil {
			return err
		}
		read, err := w.in.Peek(w.in.Buffered())
		if err != nil {
			return err
		}
		if _, err := walk.walk(read, math.MaxInt, f); err != nil {
			return err
		}
		if _, err := w.in.Discard(len(read)); err != nil {
			return err
		}
	}
}
