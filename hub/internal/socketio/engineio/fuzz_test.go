package engineio_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/realtime-hub/hub/hub/internal/socketio"
	"github.com/realtime-hub/hub/hub/internal/socketio/engineio"
	"github.com/realtime-hub/hub/hub/internal/wire"
)

// pipes is a listener of connections in memory: a fuzzer opens too many for
// ports.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) dial() net.Conn {
	near, far := net.Pipe()
	p.conns <- far
	_ = near.SetDeadline(time.Now().Add(patience))
	return near
}

// target is a hub for a fuzzer. Its receiver holds the hub to the order of its
// calls, and to what a message is.
type target struct {
	pipes *pipes
	log   *logBuffer
	links chan *judge // of one: the link that was accepted last
}

// judge is a receiver.
type judge struct {
	target *target
	link   socketio.Link
	mu     sync.Mutex
	got    []string // guarded by mu
	over   chan wire.Reason
}

func (g *target) Full() bool { return false }

func (g *target) Accept(l socketio.Link, _ *socketio.Request) socketio.Receiver {
	j := &judge{target: g, link: l, over: make(chan wire.Reason, 2)}
	select {
	case <-g.links: // nobody wanted it
	default:
	}
	g.links <- j
	return j
}

func (j *judge) note(what string) {
	if !j.mu.TryLock() {
		panic("two calls at once")
	}
	defer j.mu.Unlock()
	if len(j.over) > 0 {
		panic("a call after the end")
	}
	j.got = append(j.got, what)
}

func (j *judge) Message(data []byte) bool {
	if !utf8.Valid(data) {
		panic("a message that is no text")
	}
	j.note("4" + string(data))
	return true
}
func (j *judge) Binary() bool           { j.note("b"); return true }
func (j *judge) Violated(string)        { j.note("violated"); j.link.Conn().End() }
func (j *judge) Closed(why wire.Reason) { j.note("closed"); j.over <- why }

// aim starts a target, with short times: what a fuzzer sends half, ends.
func aim(f *testing.F) *target {
	f.Helper()
	g := &target{pipes: &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}, log: &logBuffer{}, links: make(chan *judge, 1)}
	log := slog.New(slog.NewTextHandler(g.log, nil))
	const short = 100 * time.Millisecond
	w, err := wire.New(wire.Config{PingInterval: short, PingTimeout: short / 2, MaxMessage: 4096, Log: log})
	if err != nil {
		f.Fatal(err)
	}
	s, err := engineio.New(engineio.Config{
		Wire: w, Acceptor: g, Log: log, MaxPayload: 4096, BodyTimeout: short, UpgradeTimeout: short, WriteTimeout: short,
		CheckOrigin: onlyApp,
	})
	if err != nil {
		f.Fatal(err)
	}
	server := &http.Server{Handler: s, ReadHeaderTimeout: short, IdleTimeout: short, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn)}
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { w.Run(ctx) })
	running.Go(func() { _ = server.Serve(g.pipes) })
	f.Cleanup(func() {
		stop()
		_ = server.Close()
		running.Wait()
	})
	return g
}

// said is what the link was told, behind its end.
func (j *judge) said() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.got
}

// calm fails when something has panicked.
func (g *target) calm(t *testing.T) {
	t.Helper()
	if log := g.log.String(); strings.Contains(log, "panic") {
		t.Fatal(log)
	}
}

// Whatever a request is, it gets an answer, or an end in time.
func FuzzHandshake(f *testing.F) {
	f.Add([]byte(upgradeRequest("")))
	f.Add([]byte(upgradeRequest("") + frame("40") + frame("3")))
	f.Add([]byte(upgradeRequest("x")))
	f.Add([]byte("GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\nOrigin: https://app.example\r\n\r\n"))
	f.Add([]byte("OPTIONS /socket.io/?EIO=4 HTTP/1.1\r\nHost: x\r\nOrigin: https://evil.example\r\n\r\n"))
	g := aim(f)
	f.Fuzz(func(t *testing.T, request []byte) {
		c := g.pipes.dial()
		defer c.Close()
		go func() {
			_, _ = c.Write(append(request, "\r\n\r\n"...)) // as far as the hub reads it
		}()
		in := bufio.NewReader(c)
		if _, err := in.Peek(1); err == io.EOF {
			return // closed, unanswered
		}
		r, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatalf("neither an answer nor an end: %v", err)
		}
		if r.StatusCode == http.StatusSwitchingProtocols {
			if open, err := in.Peek(13); err != nil || !bytes.Contains(open, []byte(`0{"sid":`)) {
				t.Errorf("a WebSocket without OPEN: %q %v", open, err)
			}
		}
		g.calm(t)
	})
}

// begin sends a request, and returns the answer.
func begin(t *testing.T, c net.Conn, in *bufio.Reader, request string) (int, string) {
	t.Helper()
	go func() { _, _ = io.WriteString(c, request) }() // an answer may come before all of it is read
	r, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.StatusCode == http.StatusSwitchingProtocols {
		return r.StatusCode, ""
	}
	body, _ := io.ReadAll(r.Body)
	return r.StatusCode, string(body)
}

// A payload is handled whole and in order, or refused whole with its link.
func FuzzPost(f *testing.F) {
	for _, body := range []string{"4x", "40\x1e3\x1e42[]", "bAQID\x1e4y", "1\x1e4x", "4\x1e\x1e4", "4\xff", "2probe", ""} {
		f.Add([]byte(body))
	}
	g := aim(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		c := g.pipes.dial()
		defer c.Close()
		in := bufio.NewReader(c)
		_, open := begin(t, c, in, "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n")
		j := within(t, g.links)
		status, answer := begin(t, c, in, fmt.Sprintf("POST /socket.io/?EIO=4&transport=polling&sid=%s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s",
			sidOf(open), len(body), body))
		var want []string
		for p := range strings.SplitSeq(string(body), "\x1e") {
			if status != http.StatusOK || p[0] == '1' {
				break
			}
			switch p[0] {
			case '4':
				want = append(want, p)
			case 'b':
				want = append(want, "b")
			}
		}
		if status != http.StatusOK {
			if why := within(t, j.over); why != wire.ReasonProtocol {
				t.Errorf("%d %q: closed by %v", status, answer, why)
			}
		} else {
			j.link.Conn().Abort(wire.ReasonClosed)
			within(t, j.over)
		}
		if got := j.said(); strings.Join(got, "\n") != strings.Join(append(want, "closed"), "\n") {
			t.Errorf("%d %q: got %q, want %q", status, answer, got, want)
		}
		g.calm(t)
	})
}

// Whatever comes over a WebSocket, its link ends with it, and nothing else.
func FuzzSocket(f *testing.F) {
	for _, bytes := range []string{
		frame("40") + frame("3"), frame("1"), frame(""), frame("4") + "\x88\x80\x00\x00\x00\x00", "\x81\x05naked",
		"\x01\x81\x00\x00\x00\x004\x89\x80\x00\x00\x00\x00\x80\x81\x00\x00\x00\x00x", "\x82\xfe\xff\xff", "\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff",
	} {
		f.Add([]byte(bytes))
	}
	g := aim(f)
	f.Fuzz(func(t *testing.T, bytes []byte) {
		c := g.pipes.dial()
		in := bufio.NewReader(c)
		if status, _ := begin(t, c, in, upgradeRequest("")); status != http.StatusSwitchingProtocols {
			t.Fatal(status)
		}
		j := within(t, g.links)
		var reading sync.WaitGroup
		reading.Go(func() { _, _ = io.Copy(io.Discard, in) })
		_, _ = c.Write(bytes) // as far as the hub reads it
		_ = c.Close()
		reading.Wait()
		within(t, j.over)
		if got := j.said(); got[len(got)-1] != "closed" {
			t.Errorf("got %q", got)
		}
		g.calm(t)
	})
}
