package e2e_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The parameters of a first request.
const (
	byPolling   = "EIO=4&transport=polling"
	byWebSocket = "EIO=4&transport=websocket"
)

// separator stands between the packets of a payload.
const separator = "\x1e"

// plain is the Content-Type of every client's POST.
const plain = "text/plain;charset=UTF-8"

// answer is a response, or why there is none.
type answer struct {
	status int
	header http.Header
	body   string
	err    error
}

// ask makes any request; headers are pairs of a name and a value.
func (s *trial) ask(method, query, body string, headers ...string) answer {
	return s.asks(context.WithoutCancel(s.Context()), method, query, body, headers...) // cleanups ask too
}

func (s *trial) asks(ctx context.Context, method, query, body string, headers ...string) answer {
	ctx, cancel := context.WithTimeout(ctx, s.bound)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, s.url+"/socket.io/?"+query, strings.NewReader(body))
	if err != nil {
		return answer{err: err}
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := s.http.Do(req)
	if err != nil {
		return answer{err: err}
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if sid, began := began(query, string(text)); began {
		// A session that nobody polls would outlive the test, and be waited for.
		s.Cleanup(func() { s.ask(http.MethodPost, query+"&sid="+sid, "1", "Content-Type", plain) }) //nolint:contextcheck // the test's is over then
	}
	return answer{res.StatusCode, res.Header, string(text), err}
}

// began tells whether a request began a session, and which.
func began(query, body string) (sid string, is bool) {
	text, is := strings.CutPrefix(body, "0{")
	var o opening
	is = is && !strings.Contains(query, "sid=") && json.Unmarshal([]byte("{"+text), &o) == nil
	return o.Sid, is
}

// wants holds an answer to its status and, unless it is empty, its body.
func (s *trial) wants(what string, got answer, status int, body string) {
	s.Helper()
	if got.err != nil || got.status != status || body != "" && got.body != body {
		s.Fatalf("%s is answered by %d %.300q %v, not %d %q", what, got.status, got.body, got.err, status, body)
	}
}

// refuses holds an answer to one of Engine.IO's error codes, in its form.
func (s *trial) refuses(what string, got answer, code int) {
	s.Helper()
	s.wants(what, got, http.StatusBadRequest, "")
	var told struct {
		Code    *int
		Message string
	}
	if err := json.Unmarshal([]byte(got.body), &told); err != nil || told.Code == nil || *told.Code != code || told.Message == "" {
		s.Errorf("%s is answered by %q, not by code %d", what, got.body, code)
	}
	if kind := got.header.Get("Content-Type"); kind != "application/json" {
		s.Errorf("%s is answered as %q", what, kind)
	}
}

// opening is what an OPEN packet tells.
type opening struct {
	Sid                       string
	Upgrades                  []string
	PingInterval, PingTimeout int64
	MaxPayload                int
}

func (s *trial) opened(packet string) opening {
	s.Helper()
	text, is := strings.CutPrefix(packet, "0")
	var o opening
	if err := json.Unmarshal([]byte(text), &o); err != nil || !is || o.Sid == "" {
		s.Fatalf("the first packet is %.300q, not OPEN", packet)
	}
	return o
}

func (o opening) interval() time.Duration { return time.Duration(o.PingInterval) * time.Millisecond }
func (o opening) timeout() time.Duration  { return time.Duration(o.PingTimeout) * time.Millisecond }

// line is a session that polls.
type line struct {
	*trial

	opening

	query string
}

// poll opens a session by polling.
func (s *trial) poll() line {
	s.Helper()
	got := s.ask(http.MethodGet, byPolling, "")
	s.wants("the handshake", got, http.StatusOK, "")
	o := s.opened(got.body)
	return line{s, o, byPolling + "&sid=" + o.Sid}
}

// joined is one that has its Socket.IO session too.
func (s *trial) joined() line {
	s.Helper()
	p := s.poll()
	p.say("40")
	if got := p.takes(2); !isConnect(got[0]) || !isReady(got[1]) {
		s.Fatalf("CONNECT is answered by %q", got)
	}
	return p
}

func (p line) get() answer { return p.ask(http.MethodGet, p.query, "") }

func (p line) post(body string) answer {
	return p.ask(http.MethodPost, p.query, body, "Content-Type", plain)
}

// say sends packets that must be taken.
func (p line) say(packets ...string) {
	p.Helper()
	p.wants("a POST", p.post(strings.Join(packets, separator)), http.StatusOK, "ok")
}

// takes polls until n packets have come.
func (p line) takes(n int) []string {
	p.Helper()
	var got []string
	for len(got) < n {
		a := p.get()
		p.wants("a poll", a, http.StatusOK, "")
		got = append(got, strings.Split(a.body, separator)...)
	}
	if len(got) > n {
		p.Fatalf("%d packets were awaited, %q came", n, got)
	}
	return got
}

// later polls in the background, and returns when the poll waits: it was written,
// and POSTs that were sent after it have been answered. A POST of an ack that
// nobody asked for does nothing; the session must have had its CONNECT.
func (p line) later() <-chan answer {
	p.Helper()
	got, written := make(chan answer, 1), make(chan struct{})
	once := sync.OnceFunc(func() { close(written) })
	ctx := httptrace.WithClientTrace(p.Context(), &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { once() }})
	go func() {
		defer once()
		got <- p.asks(ctx, http.MethodGet, p.query, "")
	}()
	<-written
	for range 5 {
		p.say("43999[]")
	}
	return got
}

// within waits for what later gets.
func (p line) within(what string, got <-chan answer) answer {
	p.Helper()
	select {
	case a := <-got:
		return a
	case <-time.After(p.bound):
		p.Fatalf("%s is not answered within %s", what, p.bound)
		return answer{}
	}
}

// well proves that the session lives: a request is answered.
func (p line) well() {
	p.Helper()
	p.say(question(7000))
	if got := p.takes(1); got[0] != answerTo(7000) {
		p.Fatalf("a request is answered by %q", got)
	}
}

// gone proves that the session is closed. What it still had to say may be
// fetched, and no more than that.
func (p line) gone() {
	p.Helper()
	for range 3 {
		a := p.get()
		if a.status == http.StatusBadRequest {
			p.refuses("a poll of a session that is closed", a, 1)
			return
		}
		if a.err != nil || a.status != http.StatusOK {
			break
		}
	}
	p.Fatalf("the session goes on")
}

// question is a request that both peers understand, and answerTo its ack.
func question(id int) string {
	return "42" + strconv.Itoa(id) + `["hub:unsubscribe","e2e.room.ab"]`
}

func answerTo(id int) string {
	return "43" + strconv.Itoa(id) + `[{"ok":true,"channel":"e2e.room.ab"}]`
}

var connectForm = regexp.MustCompile(`^40\{"sid":"[A-Za-z0-9_-]+"\}$`)

func isConnect(packet string) bool { return connectForm.MatchString(packet) }
func isReady(packet string) bool   { return strings.HasPrefix(packet, `42["hub:ready",{`) }

// status reads an answer's first line from a connection.
func (s *trial) status(conn net.Conn, want int) {
	s.Helper()
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		s.Fatalf("%d was awaited: %v", want, err)
	}
	defer res.Body.Close()
	if res.StatusCode != want {
		s.Errorf("it is answered by %d, not %d", res.StatusCode, want)
	}
}
