package load

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
)

// A pollingLink is Engine.IO's long-polling on one connection: a request at a
// time, as long as the server keeps it.
type pollingLink struct {
	l    *listener
	path string // with the session's id, once there is one
	conn net.Conn
	in   *bufio.Reader
}

func (l *listener) openPolling() *pollingLink {
	return &pollingLink{l: l, path: strings.Replace(l.protocol.Path, "=websocket", "=polling", 1)}
}

func (p *pollingLink) send(method, body string) error {
	if p.conn == nil {
		var err error
		if p.conn, err = p.l.dial(); err != nil {
			return err
		}
		p.in = bufio.NewReader(p.conn)
	}
	head := method + " " + p.path + " HTTP/1.1\r\nHost: " + p.l.address + "\r\n"
	if method == http.MethodPost {
		head += "Content-Type: text/plain;charset=UTF-8\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n"
	}
	_, err := io.WriteString(p.conn, head+"\r\n"+body)
	return err
}

func (p *pollingLink) receive() ([]byte, error) {
	response, err := http.ReadResponse(p.in, nil)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("polling is answered by %s: %.200s", response.Status, body)
	}
	if response.Close { // the next request takes a new one
		_ = p.conn.Close()
		p.conn = nil
	}
	return body, nil
}

func (p *pollingLink) get() ([]byte, error) {
	if err := p.send(http.MethodGet, ""); err != nil {
		return nil, err
	}
	return p.receive()
}

func (p *pollingLink) post(m string) error {
	if err := p.send(http.MethodPost, m); err != nil {
		return err
	}
	_, err := p.receive()
	return err
}

// recordSeparator stands between the packets of a payload.
const recordSeparator = "\x1e"

// hear goes through a payload. The answers are posted when all is heard: a
// connection takes one request at a time.
func (p *pollingLink) hear(payload []byte) (done bool, err error) {
	var answers []string
	for m := range bytes.SplitSeq(payload, []byte(recordSeparator)) {
		now, err := p.l.hear(m, func(answer string) error { answers = append(answers, answer); return nil })
		if err != nil {
			return false, err
		}
		done = done || now
	}
	if len(answers) > 0 {
		err = p.post(strings.Join(answers, recordSeparator))
	}
	return done, err
}

// handshake hears the OPEN, answers it, and knows the session's id from then on.
func (p *pollingLink) handshake() (sid string, err error) {
	open, err := p.get()
	if err != nil {
		return "", err
	}
	_, after, found := bytes.Cut(open, []byte(`"sid":"`))
	id, _, closed := bytes.Cut(after, []byte(`"`))
	if !found || !closed {
		return "", fmt.Errorf("no OPEN: %.120q", open)
	}
	p.path += "&sid=" + string(id)
	_, err = p.hear(open)
	return string(id), err
}

// poll stays with long-polling.
func (l *listener) poll(seated func()) error {
	p := l.openPolling()
	if _, err := p.handshake(); err != nil {
		return err
	}
	for {
		payload, err := p.get()
		if err != nil {
			return err
		}
		done, err := p.hear(payload)
		if err != nil {
			return err
		}
		if done {
			seated()
		}
	}
}

// upgrade does what socket.io-client does: probes a WebSocket while a poll is
// out, and moves when the server has answered both. The polling connection
// stays open for as long as the server keeps it, as a browser's pool would.
func (l *listener) upgrade(seated func()) error {
	p := l.openPolling()
	sid, err := p.handshake()
	if err != nil {
		return err
	}
	payload, err := p.get() // the answer to CONNECT
	if err != nil {
		return err
	}
	if _, err := p.hear(payload); err != nil {
		return err
	}
	if err := p.send(http.MethodGet, ""); err != nil {
		return err
	}
	conn, err := l.dial()
	if err != nil {
		return err
	}
	w, err := l.openWebSocket(conn, l.protocol.Path+"&sid="+sid)
	if err != nil {
		return err
	}
	if err := w.say("2probe"); err != nil {
		return err
	}
	probing := true
	return w.each(func(m []byte) error {
		if !probing {
			done, err := l.hear(m, w.say)
			if done {
				seated()
			}
			return err
		}
		if string(m) != "3probe" {
			return fmt.Errorf("the probe is answered by %.120q", m)
		}
		probing = false
		return l.moved(p, w, seated)
	})
}

// moved waits for the poll that is out and says that no other follows. What it
// brings beside the NOOP is answered on the WebSocket.
func (l *listener) moved(p *pollingLink, w *webSocket, seated func()) error {
	payload, err := p.receive()
	if err != nil {
		return err
	}
	if err := w.say("5"); err != nil {
		return err
	}
	for m := range bytes.SplitSeq(payload, []byte(recordSeparator)) {
		done, err := l.hear(m, w.say)
		if err != nil {
			return err
		}
		if done {
			seated()
		}
	}
	return nil
}
