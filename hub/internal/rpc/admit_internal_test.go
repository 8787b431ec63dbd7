package rpc

import (
	"bytes"
	"io"
	"net"
	"strings"
	"testing"
)

// Whatever a connection starts with, its server reads exactly that.
func FuzzPreface(f *testing.F) {
	for _, s := range []string{"", "P", "PRI", "PRI ", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "POST / HTTP/1.1\r\n", "PRIX", "\x16\x03\x01\x00"} {
		f.Add([]byte(s))
	}
	m, err := newMetrics(nil)
	if err != nil {
		f.Fatal(err)
	}
	s := &Server{metrics: m}
	f.Fuzz(func(t *testing.T, sent []byte) {
		here, there := net.Pipe()
		go func() {
			_, _ = here.Write(sent) // the other end may have closed
			if len(sent) < len(preface) {
				_ = here.Close()
			}
		}()
		outcome, c, _ := s.identify(t.Context(), there)
		defer func() { _, _ = here.Close(), there.Close() }()
		want := servedHTTP
		switch {
		case len(sent) < len(preface):
			want = failedPreface
		case strings.HasPrefix(string(sent), preface):
			want = servedGRPC
		}
		if outcome != want {
			t.Fatalf("%q is %s", sent, outcome)
		}
		if c == nil {
			return
		}
		read := make([]byte, len(sent))
		if _, err := io.ReadFull(c, read); err != nil || !bytes.Equal(read, sent) {
			t.Errorf("read %q, %v of %q", read, err, sent)
		}
		_ = c.Close()
		if len(s.open.set) != 0 {
			t.Error("a closed connection is remembered")
		}
	})
}
