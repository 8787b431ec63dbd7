package wire

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// FuzzReaderCuts: however a stream is cut, it says the same, and no more is
// held of it than three times what came.
func FuzzReaderCuts(f *testing.F) {
	for i, rule := range wsRules() {
		f.Add([]byte(rule.in), uint64(i))
	}
	f.Fuzz(func(t *testing.T, in []byte, seed uint64) {
		want, wantErr, whole := read(t, [][]byte{in}, false)

		random := rand.New(rand.NewPCG(seed, 0))
		r, sink := new(wsReader), &heard{stops: seed%2 == 1}
		var failed wsError
		came := 0
		for left := bytes.Clone(in); len(left) > 0 && failed.code == 0; {
			n := 1 + random.IntN(min(len(left), 1+random.IntN(300)))
			b := left[:n]
			left = left[n:]
			came += n
			for len(b) > 0 && failed.code == 0 {
				rest, err := r.feed(b, testLimit, sink)
				if err != nil {
					failed = *err
				}
				b = rest
			}
			if p := r.part; p != nil && (cap(p.message) > 3*came+64 || cap(p.control) > 3*came+64 ||
				len(p.message) > testLimit || len(p.control) > wsMaxControl) {
				t.Fatalf("%d bytes came, held are %d of a message and %d of control", came, cap(p.message), cap(p.control))
			}
		}
		if !slices.Equal(sink.events, want) || failed != wantErr {
			t.Fatalf("cut: %q, %+v; whole: %q, %+v", sink.events, failed, want, wantErr)
		}
		if (r.part == nil) != (whole.part == nil) || r.ended != whole.ended {
			t.Fatalf("cut: %+v, whole: %+v", r, whole)
		}
	})
}

// FuzzReaderAgreesWithGorilla: what the reader finds in order, gorilla finds
// too; what the reader finds wrong, gorilla finds wrong at the same place, or
// is known to overlook.
func FuzzReaderAgreesWithGorilla(f *testing.F) {
	for _, rule := range wsRules() {
		f.Add([]byte(rule.in), false)
	}
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 1))
		script := make([]byte, 200)
		for i := range script {
			script[i] = byte(random.Uint32())
		}
		f.Add(script, true)
	}
	f.Fuzz(func(t *testing.T, in []byte, scripted bool) {
		if scripted {
			in = validStream(in)
		}
		agree(t, in)
	})
}

func TestReaderAgreesWithGorillaOnValidStreams(t *testing.T) {
	random := rand.New(rand.NewPCG(6455, 2))
	for range 2000 {
		script := make([]byte, random.IntN(300))
		for i := range script {
			script[i] = byte(random.Uint32())
		}
		in := validStream(script)
		if _, err, _ := read(t, [][]byte{in}, false); err.code != 0 {
			t.Fatalf("%+v in a valid stream: %q", err, in)
		}
		agree(t, in)
	}
}

// validStream writes a valid stream after a script: messages within the limit, in
// up to four fragments, with control between them, perhaps a closing, perhaps
// cut in the end.
func validStream(script []byte) []byte {
	var out []byte
	next := func() int {
		if len(script) == 0 {
			return 0
		}
		n := script[0]
		script = script[1:]
		return int(n)
	}
	payload := func(limit int) string {
		data := make([]byte, min(next()*(1+next()%4), limit))
		for i := range data {
			data[i] = byte('a' + (i+len(script))%26)
		}
		return string(data)
	}
	control := func() {
		switch next() % 4 {
		case 0:
			out = append(out, client(0x89, payload(125))...)
		case 1:
			out = append(out, client(0x8A, payload(125))...)
		}
	}
	ending := next()
	for len(script) > 0 {
		control()
		op := byte(1 + next()%2)
		for fragments := next() % 4; fragments > 0; fragments-- {
			out = append(out, client(op, payload(testLimit/4))...)
			op = 0
			control()
		}
		out = append(out, client(0x80|op, payload(testLimit/4))...)
	}
	switch ending % 4 {
	case 1:
		out = append(out, client(0x88, "\x03\xe8"+payload(123))...)
	case 2:
		out = out[:len(out)-len(out)%200]
	}
	return out
}

func agree(t *testing.T, in []byte) {
	t.Helper()
	want, failure := gorilla(t, in)
	got, err, r := read(t, [][]byte{in}, false)
	if len(got) > len(want) || !slices.Equal(got, want[:len(got)]) {
		t.Fatalf("got %q, gorilla %q: %v", got, want, failure)
	}
	cut := errors.Is(failure, io.EOF) || websocket.IsCloseError(failure, websocket.CloseAbnormalClosure) // gorilla's word for EOF
	switch {
	case err.code != 0:
		if (cut || len(want) > len(got)) && !overlooked(err) {
			t.Fatalf("%+v after %q, gorilla went on: %q: %v", err, got, want, failure)
		}
	case len(want) > len(got):
		t.Fatalf("got %q, gorilla %q: %v", got, want, failure)
	case !cut && !r.ended && (r.part == nil || r.part.headLen == 0): // gorilla judges headers before they are whole
		t.Fatalf("no error after %q, gorilla: %v", got, failure)
	}
}

// overlooked tells what gorilla is content with: it checks no text for UTF-8,
// and takes lengths that are not minimal, and half a close code.
func overlooked(err wsError) bool {
	return slices.Contains([]string{"text is not UTF-8", "length is not minimal", "close code is cut", "close code is not one"}, err.text)
}

// gorilla tells what gorilla/websocket's server reads from a stream, and with
// what error it stops.
func gorilla(t *testing.T, in []byte) (events []string, failure error) {
	t.Helper()
	c := upgraded(t, bytes.NewReader(in))
	hear := func(op wsOp) func(string) error {
		return func(data string) error {
			events = append(events, event(op, []byte(data)))
			return nil
		}
	}
	c.SetReadLimit(testLimit)
	c.SetPingHandler(hear(wsPing))
	c.SetPongHandler(hear(wsPong))
	c.SetCloseHandler(func(code int, reason string) error {
		var body []byte
		if code != websocket.CloseNoStatusReceived {
			body = append(binary.BigEndian.AppendUint16(nil, uint16(code)), reason...)
		}
		events = append(events, event(wsClosing, body))
		return nil
	})
	for {
		kind, data, err := c.ReadMessage()
		if err != nil {
			return events, err
		}
		events = append(events, event(wsOp(kind), data))
	}
}

// upgraded is gorilla's server end of a connection that brings what r has.
func upgraded(t testing.TB, r io.Reader) *websocket.Conn {
	t.Helper()
	request := &http.Request{Method: http.MethodGet, Header: http.Header{
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"AAAAAAAAAAAAAAAAAAAAAA=="},
	}}
	c, err := new(websocket.Upgrader).Upgrade(&oneWay{r: r}, request, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// oneWay is a hijacked connection that brings a stream, and takes anything.
type oneWay struct {
	net.Conn // nil: nothing else is called
	r        io.Reader
}

func (*oneWay) Header() http.Header              { return http.Header{} }
func (*oneWay) WriteHeader(int)                  {}
func (*oneWay) Write(b []byte) (int, error)      { return len(b), nil }
func (c *oneWay) Read(b []byte) (int, error)     { return c.r.Read(b) }
func (*oneWay) Close() error                     { return nil }
func (*oneWay) SetDeadline(time.Time) error      { return nil }
func (*oneWay) SetWriteDeadline(time.Time) error { return nil }
func (c *oneWay) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return c, bufio.NewReadWriter(bufio.NewReader(bytes.NewReader(nil)), bufio.NewWriter(io.Discard)), nil
}
