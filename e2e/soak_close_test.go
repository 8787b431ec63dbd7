//go:build linux

package e2e_test

import (
	"fmt"
	"net/http"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// endings are connects and closes of every kind. Each is a stranger's whole
// life; what it leaves behind is the hub's to clear away.
var endings = []struct {
	name string
	live func(s *tcpLine) error
}{
	{"a DISCONNECT", func(s *tcpLine) error { return joined(s, func(l *light) error { return l.say("41") }) }},
	{"a close frame", func(s *tcpLine) error {
		return joined(s, func(l *light) error { return l.link.write(frame(opClose, "\x03\xe8")) })
	}},
	{"a close frame that is answered", func(s *tcpLine) error {
		return joined(s, func(l *light) error {
			if err := l.link.write(frame(opClose, "\x03\xe8")); err != nil {
				return err
			}
			return l.link.drain()
		})
	}},
	{"an end without a word", func(s *tcpLine) error { return joined(s, func(*light) error { return nil }) }},
	{"a cut", func(s *tcpLine) error {
		return joined(s, func(l *light) error { l.link.cut(); return nil })
	}},
	{"a cut with an answer under way", func(s *tcpLine) error {
		return joined(s, func(l *light) error {
			_, err := l.request("hub:unsubscribe", "e2e.room.ab")
			l.link.cut()
			return err
		})
	}},
	{"half a frame", func(s *tcpLine) error {
		return joined(s, func(l *light) error { return l.link.write(frame(opText, `42["hub:subscribe","e2e.room.ab"]`)[:9]) })
	}},
	{"half a frame's header", func(s *tcpLine) error {
		return joined(s, func(l *light) error { return l.link.write(frame(opText, "40")[:1]) })
	}},
	{"what is no packet", func(s *tcpLine) error {
		return joined(s, func(l *light) error {
			if err := l.say("4x"); err != nil {
				return err
			}
			return l.link.drain()
		})
	}},
	{"an end before CONNECT", func(s *tcpLine) error {
		if err := s.askUpgrade(""); err != nil {
			return err
		}
		return s.upgraded()
	}},
	{"a cut before OPEN", func(s *tcpLine) error {
		err := s.askUpgrade("")
		s.cut()
		return err
	}},
	{"half an HTTP request", func(s *tcpLine) error {
		return s.write([]byte("GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: h"))
	}},
	{"half a POST", func(s *tcpLine) error {
		return polled(s, func(l *light) error {
			if err := l.say("1"); err != nil {
				return err
			}
			return l.link.write([]byte("POST /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n40"))
		})
	}},
	{"nothing", func(*tcpLine) error { return nil }},
	{"polling that says goodbye", func(s *tcpLine) error { return polled(s, func(l *light) error { return l.say("1") }) }},
	{"polling that says both goodbyes", func(s *tcpLine) error { return polled(s, func(l *light) error { return l.say("41\x1e1") }) }},
	{"a goodbye beside a poll", func(s *tcpLine) error {
		return polled(s, func(l *light) error {
			if err := s.ask(http.MethodGet, "transport=polling&sid="+l.sid, ""); err != nil {
				return err
			}
			return l.aside(func(other *light) error { return other.say("1") })
		})
	}},
	{"a poll that is left", func(s *tcpLine) error {
		return polled(s, func(l *light) error { return s.ask(http.MethodGet, "transport=polling&sid="+l.sid, "") })
	}},
	{"an upgrade, and an end", func(s *tcpLine) error { return polled(s, (*light).upgrade) }},
	{"a probe that is cut", func(s *tcpLine) error {
		return polled(s, func(l *light) error { return l.probing("2probe", (*tcpLine).cut) })
	}},
	{"a probe without a word", func(s *tcpLine) error {
		return polled(s, func(l *light) error { return l.probing("", (*tcpLine).close) })
	}},
}

// joined lives by WebSocket up to a subscription, and then as it is told.
func joined(s *tcpLine, live func(*light) error) error {
	l, err := joinByWebSocket(s)
	if err != nil {
		return err
	}
	if err := follow(l).join(&stream{channel: "e2e.room.ab"}); err != nil {
		return err
	}
	return live(l)
}

// polled lives by polling.
func polled(s *tcpLine, live func(*light) error) error {
	l, err := joinByPolling(s)
	if err != nil {
		return err
	}
	err = live(l)
	l.link.close()
	return err
}

// aside is the same session on another connection.
func (l *light) aside(say func(*light) error) error {
	s, err := plugIn(l.address, nil)
	if err != nil {
		return err
	}
	defer s.close()
	other := *l
	other.link = s
	return say(&other)
}

// probing begins an upgrade and gives it up; the session then says goodbye.
func (l *light) probing(first string, end func(*tcpLine)) error {
	s, err := plugIn(l.address, nil)
	if err != nil {
		return err
	}
	defer end(s)
	if err := s.askUpgrade("&sid=" + l.sid); err != nil {
		return err
	}
	if err := s.upgraded(); err != nil {
		return err
	}
	if first != "" {
		if err := s.say(first); err != nil {
			return err
		}
	}
	return l.aside(func(other *light) error { return other.say("1") })
}

// held is what a process holds.
type held struct {
	goroutines, descriptors int
	heap                    int64
}

func holding(t *testing.T) held {
	t.Helper()
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return held{runtime.NumGoroutine(), len(open), live()}
}

func TestConnectsOfEveryKindLeaveNothing(t *testing.T) {
	h := startHub(t)
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	lives := func(n int) {
		var next atomic.Int64
		var all sync.WaitGroup
		for range 64 {
			all.Go(func() {
				for i := next.Add(1); i <= int64(n) && !t.Failed(); i = next.Add(1) {
					kind := endings[i%int64(len(endings))]
					if err := life(h.addresses.HTTP, kind.live); err != nil {
						t.Errorf("%s: %v", kind.name, err)
					}
				}
			})
		}
		all.Wait()
	}
	lives(400) // so that pools and tables have their size
	before := h.settled(t, held{})
	n := long(2000, 20_000)
	lives(n)
	after := h.settled(t, before)
	t.Logf("before %+v, after %d lives %+v", before, n, after)
	// A hub's queues and pools keep what the busiest moment needed: up to 1 MiB,
	// for 2,000 lives as for 80,000. A session that stays would be 900 bytes.
	if grown := after.heap - before.heap; grown > int64(n)*100+1<<20 {
		t.Errorf("the heap is %d bytes larger for each of %d lives", grown/int64(n), n)
	}
}

func life(address string, live func(*tcpLine) error) error {
	s, err := plugIn(address, nil)
	if err != nil {
		return err
	}
	defer s.close()
	return live(s)
}

// settled waits until the hub has no sessions, and holds no more than it did,
// or than it held for ten looks in a row; then it is what it holds.
func (h *testHub) settled(t *testing.T, before held) held {
	t.Helper()
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	var last []held
	for end := time.Now().Add(2 * patience); ; <-look.C {
		now, sessions := holding(t), h.metric(t, "hub_sessions")
		last = append(last, now)
		same := len(last) >= 10 && !slices.ContainsFunc(last[len(last)-10:], func(h held) bool { return h.goroutines != now.goroutines || h.descriptors != now.descriptors })
		switch {
		case sessions == 0 && before == (held{}) && same, sessions == 0 && now.goroutines <= before.goroutines && now.descriptors <= before.descriptors:
			return now
		case time.Now().After(end):
			t.Errorf("%v sessions are left; before %+v, now %+v\n%s", sessions, before, now, stacks())
			return now
		}
	}
}

// stacks tells what goroutines there are, many of one kind in a line.
func stacks() string {
	records := make([]runtime.StackRecord, 20_000)
	n, _ := runtime.GoroutineProfile(records)
	kinds := make(map[string]int)
	for _, r := range records[:n] {
		frames := runtime.CallersFrames(r.Stack())
		text := ""
		for f, more := frames.Next(); ; f, more = frames.Next() {
			text += " < " + f.Function
			if !more {
				break
			}
		}
		kinds[text]++
	}
	text := ""
	for kind, n := range kinds {
		if n > 1 {
			text += fmt.Sprintf("%d%s\n", n, kind)
		}
	}
	return text
}
