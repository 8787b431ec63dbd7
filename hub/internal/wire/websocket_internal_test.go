package wire

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
	"unsafe"
)

const testLimit = 1000

// heard is a sink that keeps what it was given. Some ask to stop every time.
type heard struct {
	events []string
	stops  bool
}

func (h *heard) frame(op wsOp, data []byte) bool {
	h.events = append(h.events, event(op, data))
	_ = append(data, 0xFF) // must not reach the next frame
	return !h.stops
}

func event(op wsOp, data []byte) string {
	names := map[wsOp]string{wsText: "text", wsBinary: "binary", wsClosing: "closing", wsPing: "ping", wsPong: "pong"}
	return names[op] + " " + string(data)
}

// counting is a sink that keeps nothing.
type counting struct{ frames, bytes int }

func (c *counting) frame(_ wsOp, data []byte) bool {
	c.frames++
	c.bytes += len(data)
	return true
}

// asciiKey masks ASCII with ASCII, so that the same buffer can be fed again
// after it was unmasked in place.
const asciiKey = "\x01\x02\x03\x04"

// client is a client's frame, built without the code under test.
func client(first byte, payload string) string {
	length := string([]byte{0x80 | byte(len(payload))})
	switch n := len(payload); {
	case n > 0xFFFF:
		length = string([]byte{0x80 | 127, 0, 0, 0, 0, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
	case n > 125:
		length = string([]byte{0x80 | 126, byte(n >> 8), byte(n)})
	}
	key := []byte{0x37, 0xFA, 0x21, 0x3D}
	masked := []byte(payload)
	for i := range masked {
		masked[i] ^= key[i%4]
	}
	return string([]byte{first}) + length + string(key) + string(masked)
}

func many(n int) string { return strings.Repeat("m", n) }

const zeroKey = "\x00\x00\x00\x00"

type wsRule struct {
	name string
	in   string
	want []string
	code uint16 // 0: no error
	open bool   // ends within a message or a frame
}

func wsRules() []wsRule {
	rules := []wsRule{
		{name: "the example of RFC 6455 §5.7", in: "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", want: []string{"text Hello"}},
		{name: "nothing", in: ""},
		{name: "an empty text", in: client(0x81, ""), want: []string{"text "}},
		{name: "binary is any bytes", in: client(0x82, "\xff\xfe\x00"), want: []string{"binary \xff\xfe\x00"}},
		{name: "messages in a row", in: client(0x81, "a") + client(0x82, "bc") + client(0x81, "d"), want: []string{"text a", "binary bc", "text d"}},
		{name: "length of one byte", in: client(0x81, many(125)), want: []string{"text " + many(125)}},
		{name: "length of two bytes", in: client(0x81, many(126)), want: []string{"text " + many(126)}},
		{name: "as much as the limit", in: client(0x81, many(testLimit)), want: []string{"text " + many(testLimit)}},
		{name: "ping", in: client(0x89, "are you there"), want: []string{"ping are you there"}},
		{name: "pong", in: client(0x8A, "\xff"), want: []string{"pong \xff"}},
		{name: "the longest ping", in: client(0x89, many(125)), want: []string{"ping " + many(125)}},
		{name: "header cut", in: "\x81", open: true},
		{name: "length cut", in: "\x81\xfe\x01", open: true},
		{name: "key cut", in: "\x81\x85\x37\xfa\x21", open: true},
		{name: "payload cut", in: client(0x81, "a") + "\x81\x85\x37\xfa\x21\x3d\x7f", want: []string{"text a"}, open: true},

		{name: "fragments", in: client(0x01, "Hel") + client(0x00, "l") + client(0x80, "o"), want: []string{"text Hello"}},
		{name: "empty fragments", in: client(0x02, "") + client(0x00, "") + client(0x80, ""), want: []string{"binary "}},
		{name: "fragments cut", in: client(0x01, "Hel") + client(0x00, "l"), open: true},
		{name: "a fragmented message and another", in: client(0x01, "a") + client(0x80, "b") + client(0x82, "c"), want: []string{"text ab", "binary c"}},
		{
			name: "control between fragments", in: client(0x01, "Hel") + client(0x89, "1") + client(0x00, "l") + client(0x8A, "") + client(0x80, "o"),
			want: []string{"ping 1", "pong ", "text Hello"},
		},
		{
			name: "two pings between fragments", in: client(0x01, "a") + client(0x89, "1") + client(0x89, "2") + client(0x80, "b"),
			want: []string{"ping 1", "ping 2", "text ab"},
		},
		{name: "closing between fragments", in: client(0x01, "Hel") + client(0x88, ""), want: []string{"closing "}},
		{name: "a character in two fragments", in: client(0x01, "\xce") + client(0x80, "\xba"), want: []string{"text κ"}},
		{name: "fragments as much as the limit", in: client(0x02, many(600)) + client(0x80, many(400)), want: []string{"binary " + many(1000)}},

		{name: "not masked", in: "\x81\x05Hello", code: 1002},
		{name: "not masked, empty", in: client(0x81, "a") + "\x81\x00", want: []string{"text a"}, code: 1002},
		{name: "continuation of nothing", in: client(0x80, "a"), code: 1002},
		{name: "continuation of a whole message", in: client(0x81, "a") + client(0x00, "b"), want: []string{"text a"}, code: 1002},
		{name: "text within a message", in: client(0x01, "a") + client(0x81, "b"), code: 1002},
		{name: "binary within an empty message", in: client(0x01, "") + client(0x02, ""), code: 1002},
		{name: "a fragmented ping", in: client(0x09, "a"), code: 1002},
		{name: "a fragmented closing", in: client(0x08, ""), code: 1002},
		{name: "a long ping", in: client(0x89, many(126)), code: 1002},
		{name: "a long ping, announced in eight bytes", in: "\x89\xff\x00\x00\x00\x00\x00\x01\x00\x00" + zeroKey, code: 1002},
		{name: "two bytes of length for 125", in: "\x82\xfe\x00\x7d" + zeroKey + many(125), code: 1002},
		{name: "eight bytes of length for 65535", in: "\x82\xff\x00\x00\x00\x00\x00\x00\xff\xff" + zeroKey, code: 1002},
		{name: "eight bytes of length for 0", in: "\x82\xff\x00\x00\x00\x00\x00\x00\x00\x00" + zeroKey, code: 1002},
		{name: "length with its top bit", in: "\x82\xff\x80\x00\x00\x00\x00\x00\x00\x01" + zeroKey, code: 1002},

		{name: "more than the limit", in: client(0x81, many(testLimit+1)), code: 1009},
		{name: "much more than the limit", in: "\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff" + zeroKey, code: 1009},
		{name: "fragments beyond the limit", in: client(0x02, many(600)) + client(0x89, "") + client(0x00, many(401)), want: []string{"ping "}, code: 1009},
		{name: "a first fragment beyond the limit", in: client(0x02, many(testLimit+1)), code: 1009},
		{
			name: "control counts towards no limit", in: client(0x02, many(testLimit)) + client(0x89, "1") + client(0x80, ""),
			want: []string{"ping 1", "binary " + many(testLimit)},
		},

		{name: "text that is not UTF-8", in: client(0x81, "a\xffb"), code: 1007},
		{name: "text that ends within a character", in: client(0x81, "\xce"), code: 1007},
		{name: "fragments that are not UTF-8", in: client(0x01, "\xce") + client(0x80, "a"), code: 1007},
		{name: "a surrogate", in: client(0x81, "\xed\xa0\x80"), code: 1007},

		{name: "closing without a code", in: client(0x88, ""), want: []string{"closing "}},
		{name: "closing with a reason", in: client(0x88, "\x03\xe8bye κ"), want: []string{"closing \x03\xe8bye κ"}},
		{name: "what follows a closing is not read", in: client(0x88, "") + client(0x81, "a") + "\xff\xff\xff", want: []string{"closing "}},
		{name: "closing with half a code", in: client(0x88, "\x03"), code: 1002},
		{name: "closing with a reason that is not UTF-8", in: client(0x88, "\x03\xe8\xff"), code: 1007},
	}
	for bits := range byte(7) {
		first := (bits+1)<<4 | 0x81
		rules = append(rules, wsRule{name: fmt.Sprintf("first byte %#x", first), in: client(first, "a"), code: 1002})
	}
	for _, op := range []byte{3, 4, 5, 6, 7, 0xB, 0xC, 0xD, 0xE, 0xF} {
		rules = append(rules, wsRule{name: fmt.Sprintf("opcode %#x", op), in: client(0x80|op, "a"), code: 1002})
	}
	for code, valid := range map[int]bool{
		0: false, 999: false, 1000: true, 1003: true, 1004: false, 1005: false, 1006: false, 1007: true, 1011: true,
		1012: true, 1013: true, 1014: false, 1015: false, 1016: false, 2999: false, 3000: true, 4999: true, 5000: false, 65535: false,
	} {
		body := string([]byte{byte(code >> 8), byte(code)})
		rule := wsRule{name: fmt.Sprint("close code ", code), in: client(0x88, body), code: 1002}
		if valid {
			rule.want, rule.code = []string{"closing " + body}, 0
		}
		rules = append(rules, rule)
	}
	return rules
}

// read feeds the pieces to a new reader. A piece is fed from memory that is
// its own and is overwritten after, as a read loop's buffer is.
func read(t testing.TB, pieces [][]byte, stops bool) ([]string, wsError, *wsReader) {
	t.Helper()
	r, sink := new(wsReader), &heard{stops: stops}
	for _, piece := range pieces {
		buffer := bytes.Clone(piece)
		for b := buffer; len(b) > 0; {
			before := len(sink.events)
			rest, err := r.feed(b, testLimit, sink)
			switch {
			case err != nil && (r.part != nil || len(rest) > 0):
				t.Fatal("an error left something behind")
			case err != nil:
				return sink.events, *err, r
			case len(rest) > 0 && (!stops || len(sink.events) != before+1 || len(rest) >= len(b)):
				t.Fatalf("%d bytes are left", len(rest))
			}
			b = rest
		}
		for i := range buffer {
			buffer[i] = 0xEE
		}
	}
	return sink.events, wsError{}, r
}

// cuts are ways to cut b: not, everywhere, at every single place, and at random.
func cuts(b []byte) [][][]byte {
	all := [][][]byte{{b}, slices.Collect(slices.Chunk(b, 1)), slices.Collect(slices.Chunk(b, 7))}
	for i := 1; i < len(b); i++ {
		all = append(all, [][]byte{b[:i], b[i:]})
	}
	random := rand.New(rand.NewPCG(6455, uint64(len(b))))
	for range 50 {
		var pieces [][]byte
		for left := b; len(left) > 0; {
			n := 1 + random.IntN(min(len(left), 1+random.IntN(40)))
			pieces, left = append(pieces, left[:n]), left[n:]
		}
		all = append(all, pieces)
	}
	return all
}

func TestEveryRuleHoldsHoweverTheBytesAreCut(t *testing.T) {
	for _, rule := range wsRules() {
		t.Run(rule.name, func(t *testing.T) {
			for _, pieces := range cuts([]byte(rule.in)) {
				for _, stops := range []bool{false, true} {
					got, err, r := read(t, pieces, stops)
					if !slices.Equal(got, rule.want) || err.code != rule.code {
						t.Fatalf("got %.200q, %+v; want %.200q, %d (%d pieces, first of %d bytes)",
							got, err, rule.want, rule.code, len(pieces), len(pieces[0]))
					}
					if (r.part != nil) != rule.open {
						t.Fatalf("holds %+v", r.part)
					}
				}
			}
		})
	}
}

func TestALengthOfEightBytesIsReadHoweverItIsCut(t *testing.T) {
	in, want := []byte(client(0x82, many(70_000))), many(70_000)
	for _, size := range []int{1, 13, 14, 15, 4096, len(in)} {
		var r wsReader
		sink := new(heard)
		for piece := range slices.Chunk(bytes.Clone(in), size) {
			if _, err := r.feed(piece, 1<<20, sink); err != nil {
				t.Fatal(err.text)
			}
		}
		if len(sink.events) != 1 || sink.events[0] != "binary "+want {
			t.Errorf("pieces of %d: got %d events", size, len(sink.events))
		}
	}
}

func TestAWholeFrameIsNotCopied(t *testing.T) {
	b := []byte(client(0x81, "a") + client(0x82, many(300)))
	var at []*byte
	sink := sinkFunc(func(_ wsOp, data []byte) { at = append(at, unsafe.SliceData(data)) })
	if _, err := new(wsReader).feed(b, testLimit, sink); err != nil {
		t.Fatal(err.text)
	}
	if len(at) != 2 || at[0] != &b[6] || at[1] != &b[7+8] {
		t.Error("data is not where it came")
	}
}

type sinkFunc func(op wsOp, data []byte)

func (f sinkFunc) frame(op wsOp, data []byte) bool { f(op, data); return true }

func TestAReaderThatEndedReadsNothing(t *testing.T) {
	for _, first := range []string{client(0x88, ""), client(0x80, "")} {
		var r wsReader
		sink := &heard{stops: true}
		if rest, _ := r.feed([]byte(first+client(0x81, "a")), testLimit, sink); len(rest) > 0 {
			t.Errorf("%q is left behind %q", rest, first)
		}
		before := len(sink.events)
		rest, err := r.feed([]byte(client(0x81, "a")), testLimit, sink)
		if len(rest) > 0 || err != nil || len(sink.events) != before {
			t.Errorf("after %q: rest %q, error %v, events %q", first, rest, err, sink.events)
		}
	}
}

func TestAReaderIsSmall(t *testing.T) {
	if size := unsafe.Sizeof(wsReader{}); size > 64 {
		t.Errorf("%d bytes at rest", size)
	}
	if size := unsafe.Sizeof(wsPart{}); size > 160 {
		t.Errorf("%d bytes for a frame that is cut", size)
	}
}

func TestBuffersGrowWithWhatArrivedOnly(t *testing.T) {
	const announced = 1 << 20
	var r wsReader
	sink := new(heard)
	feed := func(b []byte) {
		if _, err := r.feed(b, announced, sink); err != nil {
			t.Fatal(err.text)
		}
	}
	feed([]byte("\x82\xff\x00\x00\x00\x00\x00\x10\x00\x00" + zeroKey))
	if r.part.message != nil {
		t.Fatalf("%d bytes are held for none that came", cap(r.part.message))
	}
	for came := 1000; came < announced; came += 1000 {
		feed(make([]byte, 1000))
		if held := cap(r.part.message); held > 3*came {
			t.Fatalf("%d bytes are held for %d that came", held, came)
		}
	}
}

func TestServerHeaders(t *testing.T) {
	for n, want := range map[int]string{
		0: "\x81\x00", 125: "\x81\x7d", 126: "\x81\x7e\x00\x7e", 65535: "\x81\x7e\xff\xff",
		65536: "\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00",
	} {
		if got := appendHeader([]byte("before "), wsText, n); string(got) != "before "+want {
			t.Errorf("%d bytes: header %q, want %q", n, got, want)
		}
	}
}

func TestCloseFramesFit(t *testing.T) {
	if got := closeFrame(1001, "bye"); string(got) != "\x88\x05\x03\xe9bye" {
		t.Errorf("got %q", got)
	}
	for _, reason := range []string{many(123), many(124), many(122) + "κ", many(121) + "κκ", strings.Repeat("😀", 100)} {
		got := closeFrame(1001, reason)
		said := string(got[4:])
		if len(got) != 2+int(got[1]) || got[1] > 125 || !utf8.ValidString(said) || !strings.HasPrefix(reason, said) || len(said) < min(len(reason), 120) {
			t.Errorf("reason of %d bytes: got %q", len(reason), got)
		}
	}
}

func TestUnmaskIsByteByByte(t *testing.T) {
	for offset := range 8 {
		for n := range 70 {
			got := bytes.Repeat([]byte{0x5A}, offset+n+8)
			unmask(got[offset:offset+n], 0x04030201)
			for i, b := range got {
				want := byte(0x5A)
				if i >= offset && i < offset+n {
					want ^= byte((i-offset)%4 + 1)
				}
				if b != want {
					t.Fatalf("offset %d, %d bytes: byte %d is %#x, want %#x", offset, n, i, b, want)
				}
			}
		}
	}
}

func BenchmarkReader(b *testing.B) {
	const size, batch = 128, 32
	message := "\x81\xfe\x00\x80" + asciiKey + many(size)
	stream := []byte(strings.Repeat(message, batch))
	b.Run("size=128/frames=whole", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(size)
		b.RunParallel(func(pb *testing.PB) {
			var r wsReader
			sink, mine := new(counting), bytes.Clone(stream)
			for n := 0; pb.Next(); n++ {
				if n%batch == 0 {
					_, _ = r.feed(mine, testLimit, sink)
				}
			}
		})
	})
	b.Run("size=128/frames=cut", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(size)
		b.RunParallel(func(pb *testing.PB) {
			var r wsReader
			sink, mine := new(counting), []byte(message)
			for pb.Next() {
				_, _ = r.feed(mine[:70], testLimit, sink)
				_, _ = r.feed(mine[70:], testLimit, sink)
			}
		})
	})
	b.Run("size=128/frames=gorilla", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(size)
		b.RunParallel(func(pb *testing.PB) {
			c := upgraded(b, &endless{stream: stream})
			for pb.Next() {
				if _, _, err := c.ReadMessage(); err != nil {
					b.Error(err)
					return
				}
			}
		})
	})
}

func BenchmarkUnmask(b *testing.B) {
	for _, size := range []int{16, 128, 4096} {
		b.Run(fmt.Sprintf("size=%d", size), func(b *testing.B) {
			data := make([]byte, size)
			b.SetBytes(int64(size))
			for b.Loop() {
				unmask(data, 0x04030201)
			}
		})
	}
}

// endless is a stream that starts again.
type endless struct {
	stream []byte
	at     int
}

func (e *endless) Read(b []byte) (int, error) {
	n := copy(b, e.stream[e.at:])
	e.at = (e.at + n) % len(e.stream)
	return n, nil
}
