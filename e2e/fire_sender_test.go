package e2e_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// emit is one message that a session has sent.
type emit struct {
	id       string // session, channel and number: what workers write down
	once     bool
	answers  int
	reason   string // of the last answer; empty: ok
	orphaned bool   // its session ended before the answer
}

// sender is a session that sends on two channels, with so many messages
// unanswered at a time, and comes back when the hub ends it.
type sender struct {
	url, name string
	window    int
	pace      time.Duration

	mu    sync.Mutex
	emits []*emit
	lives int
}

// run sends until stop is closed, and waits for the answers to what it sent.
func (s *sender) run(stop <-chan struct{}) error {
	for {
		err := s.live(stop)
		select {
		case <-stop:
			return err
		default:
		}
		if err != nil && !errors.Is(err, errEnded) {
			return err
		}
		select {
		case <-stop:
			return nil
		case <-time.After(50 * time.Millisecond):
		}
	}
}

var errEnded = errors.New("the session has ended")

// live is one session, from CONNECT to its end, or to the last answer.
func (s *sender) live(stop <-chan struct{}) error {
	conn, _, err := websocket.DefaultDialer.Dial(s.url, nil)
	if err != nil {
		return errEnded // no hub at the moment
	}
	defer conn.Close()
	s.lives++
	var open []*emit // by their ack's number, of this life
	var mu sync.Mutex
	answered := make(chan struct{}, 1<<16)
	ready := make(chan struct{})
	ended := make(chan error, 1)
	var write sync.Mutex // one writes at a time
	say := func(message string) error {
		write.Lock()
		defer write.Unlock()
		return conn.WriteMessage(websocket.TextMessage, []byte(message))
	}
	go func() {
		ended <- s.listen(conn, say, ready, func(n int) *emit {
			mu.Lock()
			defer mu.Unlock()
			if n >= len(open) {
				return nil
			}
			return open[n]
		}, answered)
	}()
	if say("40") != nil {
		return errEnded
	}
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, e := range open {
			e.orphaned = e.answers == 0
		}
	}()
	select {
	case <-ready:
	case <-ended:
		return errEnded
	case <-time.After(patience):
		return errors.New("no hub:ready came")
	}
	tick := time.NewTicker(s.pace)
	defer tick.Stop()
	pending, numbers := 0, map[string]int{}
	var last <-chan time.Time
	for {
		sending := tick.C
		if pending >= s.window || last != nil {
			sending = nil
		}
		select {
		case <-sending:
			channel := []string{"shot", "flash", "shot"}[len(open)%3]
			e := &emit{id: fmt.Sprintf("%s.%d/%s/%d", s.name, s.lives, channel, numbers[channel]), once: channel == "flash"}
			numbers[channel]++
			mu.Lock()
			open = append(open, e)
			mu.Unlock()
			s.mu.Lock()
			s.emits = append(s.emits, e)
			s.mu.Unlock()
			pending++
			_ = say(fmt.Sprintf(`42%d["e2e.%s.%s",{"n":%d},{"id":%q}]`, len(open)-1, channel, s.name, numbers[channel], e.id)) // reading says why
		case <-answered:
			if pending--; pending == 0 && last != nil {
				return nil
			}
		case <-stop:
			stop = nil
			if pending == 0 {
				return nil
			}
			last = time.After(3 * patience)
		case <-last:
			return fmt.Errorf("%s: %d messages have no answer", s.name, pending)
		case err := <-ended:
			return err
		}
	}
}

// listen counts answers until the session's end.
func (s *sender) listen(conn *websocket.Conn, say func(string) error, ready chan struct{}, of func(n int) *emit, answered chan<- struct{}) error {
	for {
		_ = conn.SetReadDeadline(time.Now().Add(time.Minute)) // pings come each 25 s
		_, data, err := conn.ReadMessage()
		if err != nil {
			return errEnded
		}
		packet := string(data)
		switch {
		case packet == "2":
			_ = say("3")
		case strings.HasPrefix(packet, `42["hub:ready"`):
			close(ready)
		case strings.HasPrefix(packet, "43"):
			at := strings.IndexByte(packet, '[')
			n, err := strconv.Atoi(packet[2:max(at, 2)])
			var body []struct {
				Ok    bool
				Error struct{ Reason string }
			}
			if err != nil || json.Unmarshal(data[at:], &body) != nil || len(body) != 1 {
				return fmt.Errorf("an answer is %q", packet)
			}
			e := of(n)
			if e == nil {
				return fmt.Errorf("an answer to what was not sent: %q", packet)
			}
			s.mu.Lock()
			e.answers++
			if e.reason = body[0].Error.Reason; !body[0].Ok && e.reason == "" {
				e.reason = "none"
			}
			s.mu.Unlock()
			answered <- struct{}{}
		}
	}
}
