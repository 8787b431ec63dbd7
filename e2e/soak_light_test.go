//go:build linux

package e2e_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// light is a Socket.IO client that costs a socket and no goroutine. It behaves
// as socket.io-client does, also at the upgrade.
type light struct {
	address string
	link    *tcpLine  // the WebSocket, or the connection that polls
	sid     string    // Engine.IO's
	polls   bool      // not upgraded, or not yet
	stale   bool      // the hub closes the polling connection: the next request needs another
	used    time.Time // when the polling connection last was
	waiting []string  // Socket.IO packets that nobody took yet
	acks    int       // the latest ack id
}

// joinByWebSocket is a session that starts as one, on a socket of the caller's.
func joinByWebSocket(s *tcpLine) (*light, error) {
	l := &light{address: s.conn.RemoteAddr().String(), link: s}
	if err := s.askUpgrade(""); err != nil {
		return nil, err
	}
	if err := s.upgraded(); err != nil {
		return nil, err
	}
	open, err := s.hear()
	if err != nil {
		return nil, err
	}
	if err := l.opened(open); err != nil {
		return nil, err
	}
	err = l.connect()
	return l, err
}

// joinByPolling is a session that polls.
func joinByPolling(s *tcpLine) (*light, error) {
	l := &light{address: s.conn.RemoteAddr().String(), link: s, polls: true}
	open, err := l.http(http.MethodGet, "", "")
	if err != nil {
		return nil, err
	}
	if err := l.opened(open); err != nil {
		return nil, err
	}
	err = l.connect()
	return l, err
}

func (l *light) opened(packet string) error {
	var open struct{ Sid string }
	if text, found := strings.CutPrefix(packet, "0"); !found || json.Unmarshal([]byte(text), &open) != nil || open.Sid == "" {
		return fmt.Errorf("OPEN was awaited, not %.100q", packet)
	}
	l.sid = open.Sid
	return nil
}

// connect sends CONNECT and takes its answer and hub:ready.
func (l *light) connect() error {
	if err := l.say("40"); err != nil {
		return err
	}
	for _, want := range []string{`0{"sid":"`, `2["hub:ready",{`} {
		packet, err := l.next()
		if err != nil {
			return fmt.Errorf("%s was awaited: %w", want, err)
		}
		if !strings.HasPrefix(packet, want) {
			return fmt.Errorf("%s was awaited, not %.200q", want, packet)
		}
	}
	return nil
}

func (l *light) http(method, query, body string) (string, error) {
	if l.stale || !l.used.IsZero() && time.Since(l.used) > 5*time.Second { // idle ones the hub closes, after 10 s
		l.link.close()
		s, err := plugIn(l.address, nil)
		if err != nil {
			return "", err
		}
		l.link, l.stale = s, false
	}
	if err := l.link.ask(method, "transport=polling"+query, body); err != nil {
		return "", err
	}
	text, last, err := l.link.answer()
	l.stale, l.used = last, time.Now()
	return text, err
}

// say sends an Engine.IO packet by whatever carries the session now.
func (l *light) say(packet string) error {
	if !l.polls {
		return l.link.say(packet)
	}
	answer, err := l.http(http.MethodPost, "&sid="+l.sid, packet)
	if err == nil && answer != "ok" {
		err = fmt.Errorf("a POST is answered by %.100q", answer)
	}
	return err
}

// next is the next Socket.IO packet. Pings are answered on the way.
func (l *light) next() (string, error) {
	for len(l.waiting) == 0 {
		packets, err := l.take()
		if err != nil {
			return "", err
		}
		if err := l.sort(packets); err != nil {
			return "", err
		}
	}
	packet := l.waiting[0]
	l.waiting = l.waiting[1:]
	return packet, nil
}

// take waits for one poll's packets, or for one of the WebSocket's.
func (l *light) take() ([]string, error) {
	if l.polls {
		body, err := l.http(http.MethodGet, "&sid="+l.sid, "")
		return strings.Split(body, "\x1e"), err
	}
	packet, err := l.link.hear()
	return []string{packet}, err
}

func (l *light) sort(packets []string) error {
	for _, p := range packets {
		switch {
		case strings.HasPrefix(p, "4"):
			l.waiting = append(l.waiting, p[1:])
		case p == "2":
			if err := l.say("3"); err != nil {
				return err
			}
		case p != "6":
			return fmt.Errorf("the hub sent %.100q", p)
		}
	}
	return nil
}

// upgrade goes from polling to WebSocket as Engine.IO's clients do: polls go on
// while the WebSocket is probed; when the probe is answered the pending poll is
// awaited, and only then the upgrade sent.
func (l *light) upgrade() error {
	type probed struct {
		link *tcpLine
		err  error
	}
	probe := make(chan probed, 1) // the outcome, once
	go func() {
		s, err := l.probe()
		probe <- probed{s, err}
	}()
	for {
		packets, err := l.take()
		if err != nil {
			if p := <-probe; p.link != nil {
				p.link.close()
			}
			return fmt.Errorf("a poll while the upgrade is probed: %w", err)
		}
		select {
		case p := <-probe:
			if p.err != nil {
				return p.err
			}
			l.link.close()
			l.link, l.polls = p.link, false
			// A pong to what the last poll brought goes behind the upgrade.
			return errors.Join(l.say("5"), l.sort(packets))
		default:
			if err := l.sort(packets); err != nil {
				return err
			}
		}
	}
}

// probe opens a WebSocket for the session that polls and has it answered.
func (l *light) probe() (*tcpLine, error) {
	s, err := plugIn(l.address, nil)
	if err != nil {
		return nil, err
	}
	err = errors.Join(s.askUpgrade("&sid="+l.sid), s.upgraded())
	if err == nil {
		err = s.say("2probe")
	}
	if err == nil {
		var answer string
		if answer, err = s.hear(); err == nil && answer != "3probe" {
			err = fmt.Errorf("the probe is answered by %.100q", answer)
		}
	}
	if err != nil {
		s.close()
		return nil, fmt.Errorf("probe: %w", err)
	}
	return s, nil
}

// request sends an event that is to be answered, and is how its answer begins.
func (l *light) request(event, channel string) (answer string, err error) {
	l.acks++
	return fmt.Sprintf("3%d[", l.acks), l.say(fmt.Sprintf(`42%d[%q,%q]`, l.acks, event, channel))
}
