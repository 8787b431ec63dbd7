package load

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// asked is a server that answers each message by what answer makes of its
// number, and how many it has read at most before it answered one.
type asked struct {
	listener net.Listener
	answer   func(n int) []string
	most     atomic.Int64
}

func answering(t *testing.T, answer func(n int) []string) *asked {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	s := &asked{listener: listener, answer: answer}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go s.serve(conn)
		}
	}()
	return s
}

func (s *asked) serve(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	for line := ""; line != "\r\n"; {
		var err error
		if line, err = in.ReadString('\n'); err != nil {
			return
		}
	}
	_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\n\r\n"+string(frame(finalText, "hello")))
	size := len(clientFrame("ask"))
	for n := 0; ; {
		if _, err := in.Peek(1); err != nil { // the first of a few that came together
			return
		}
		<-time.After(100 * time.Microsecond) // for more, if the client sends too much
		together := in.Buffered() / size
		s.most.Store(max(s.most.Load(), int64(together)))
		_, _ = in.Discard(together * size)
		var out bytes.Buffer
		for range together {
			for _, text := range s.answer(n) {
				out.Write(frame(finalText, text))
			}
			n++
		}
		if _, err := conn.Write(out.Bytes()); err != nil {
			return
		}
	}
}

func TestEveryQuestionHasItsAnswer(t *testing.T) {
	const clients, window = 3, 8
	plan := Plan{WarmUp: 10 * time.Millisecond, Measure: 50 * time.Millisecond, Drain: 100 * time.Millisecond}
	for name, c := range map[string]struct {
		answer func(n int) []string
		want   string // of the error
	}{
		"all":      {func(int) []string { return []string{"ok"} }, ""},
		"one lost": {func(n int) []string { return []string{"ok"}[:min(n, 1)] }, `3 of "ask" are never answered`},
		"one refused": {func(n int) []string {
			if n == 20 {
				return []string{"no, since"}
			}
			return []string{"ok"}
		}, `nobody knows what "no, since" is for`},
		"one twice": {func(n int) []string {
			if n == 0 {
				return []string{"ok", "ok", "ok", "ok", "ok", "ok", "ok", "ok", "ok", "ok"}
			}
			return []string{"ok"}
		}, "more answers than questions"},
	} {
		t.Run(name, func(t *testing.T) {
			s := answering(t, c.answer)
			crowd, _, err := Gather(t.Context(), s.listener.Addr().String(), Protocol{Path: "/", Script: []Step{{Hear: "hello"}}}, clients, clients, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer crowd.Close()
			spent := time.Duration(0)
			cpu := func() (time.Duration, error) { spent += time.Second; return spent, nil }
			a, err := crowd.Ask(t.Context(), Question{Say: "ask", Answer: "ok"}, clients, window, plan, cpu)
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("%+v, %v; not an error with %q", a, err, c.want)
				}
				return
			}
			if err != nil || a.Answers == 0 || a.Asked < a.Answers+clients*window || a.Took < plan.Measure || a.CPU != time.Second {
				t.Errorf("%+v, %v", a, err)
			}
			if most := s.most.Load(); most != window {
				t.Errorf("%d questions were unanswered, not %d", most, window)
			}
		})
	}
}

func TestAnInboundMessageIsAsLongAsABroadcast(t *testing.T) {
	for _, channel := range []string{AtLeastOnce, AtMostOnce} {
		if q := Inbound(channel); len(q.Say) != 128 {
			t.Errorf("%s has %d bytes", q.Say, len(q.Say))
		}
	}
}
