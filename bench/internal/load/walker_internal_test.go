package load

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"strings"
	"testing"
)

// frame is one as servers send it.
func frame(first byte, payload string) []byte {
	out := []byte{first}
	switch n := len(payload); {
	case n < 126:
		out = append(out, byte(n))
	case n < 1<<16:
		out = binary.BigEndian.AppendUint16(append(out, 126), uint16(n))
	default:
		out = binary.BigEndian.AppendUint64(append(out, 127), uint64(n))
	}
	return append(out, payload...)
}

func TestDeliveriesAreCountedHoweverTheStreamIsCut(t *testing.T) {
	var stream []byte
	var bytesSent, deliveries int
	var shorts []string
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		switch n := random.IntN(5); n {
		case 0:
			stream = append(stream, frame(finalText, "2")...)
			shorts = append(shorts, "2")
		case 1:
			stream = append(stream, frame(finalPing, "are you there")...) // no message
		default:
			size := deliveryBytes + random.IntN(100)
			if random.IntN(50) == 0 {
				size = 1<<16 + random.IntN(10)
			}
			stream = append(stream, frame(finalText, strings.Repeat("x", size))...)
			bytesSent += size
			deliveries++
		}
	}
	for _, largest := range []int{1, 2, 3, 7, 64, 500, 1 << 20} {
		var w walker
		var found seen
		var heard []string
		for rest := stream; len(rest) > 0; {
			n := min(1+random.IntN(largest), len(rest))
			got, err := w.walk(rest[:n], deliveryBytes, func(m []byte) error { heard = append(heard, string(m)); return nil })
			if err != nil {
				t.Fatal(err)
			}
			found.deliveries += got.deliveries
			found.bytes += got.bytes
			rest = rest[n:]
		}
		if found.deliveries != deliveries || found.bytes != bytesSent {
			t.Errorf("in pieces of up to %d bytes: %+v, not %d deliveries of %d bytes", largest, found, deliveries, bytesSent)
		}
		if strings.Join(heard, " ") != strings.Join(shorts, " ") {
			t.Errorf("in pieces of up to %d bytes the short messages are %q", largest, heard)
		}
		if len(w.rest) != 0 {
			t.Errorf("in pieces of up to %d bytes %d are left", largest, len(w.rest))
		}
	}
}

func TestLinesOfAFrameAreMessages(t *testing.T) {
	long := strings.Repeat("x", 100)
	w := walker{lines: true}
	var heard []string
	short := func(m []byte) error { heard = append(heard, string(m)); return nil }
	found, err := w.walk(frame(finalText, long+"\n{}\n"+long+"\n"), deliveryBytes, short)
	if err != nil {
		t.Fatal(err)
	}
	if found.deliveries != 2 || len(heard) != 1 || heard[0] != "{}" {
		t.Errorf("%+v and %q, not two deliveries and a ping", found, heard)
	}
	w = walker{} // elsewhere a line feed is the message's own
	if found, err = w.walk(frame(finalText, long+"\n"+long), deliveryBytes, short); err != nil || found.deliveries != 1 {
		t.Errorf("%+v, %v, not one delivery", found, err)
	}
}

func TestWhatMakesNoSenseIsAnError(t *testing.T) {
	for name, stream := range map[string][]byte{
		"a close":         frame(finalClose, "\x03\xe8bye"),
		"a fragment":      frame(0x01, "part"),
		"a compressed":    frame(0xC1, "what"),
		"no frame at all": []byte(strings.Repeat("HTTP/1.1 400 Bad Request\r\n", 5)),
	} {
		w := walker{}
		if found, err := w.walk(stream, deliveryBytes, func([]byte) error { return nil }); err == nil {
			t.Errorf("%s is taken for %+v", name, found)
		}
	}
	w := walker{}
	huge := append([]byte{finalText, 127}, bytes.Repeat([]byte{1}, 8)...)
	if _, err := w.walk(huge, deliveryBytes, nil); err != nil {
		t.Fatal(err) // it is only a header so far
	}
	if _, err := w.walk([]byte("x"), deliveryBytes, nil); err == nil {
		t.Error("a frame of a terabyte is waited for")
	}
}

func TestAClientsFrameIsMaskedAndWhole(t *testing.T) {
	for _, size := range []int{0, 1, 125, 126, 1000} {
		message := strings.Repeat("m", size)
		out := clientFrame(message)
		header := 2
		if size >= 126 {
			header = 4
		}
		if out[0] != finalText || out[1]&0x80 == 0 || len(out) != header+4+size {
			t.Fatalf("%d bytes make a frame of %d that begins with %x", size, len(out), out[:2])
		}
		mask, payload := out[header:header+4], out[header+4:]
		for i := range payload {
			payload[i] ^= mask[i%4]
		}
		if string(payload) != message {
			t.Errorf("%d bytes are not what was said", size)
		}
	}
}

// The generator must not be what is measured: several million a second on one core.
func BenchmarkWalk(b *testing.B) {
	for name, pieces := range map[string]int{"one a read": 1, "32 a read": 32} {
		b.Run(name, func(b *testing.B) {
			read := bytes.Repeat(frame(finalText, strings.Repeat("x", 128)), pieces)
			var w walker
			total := 0
			for b.Loop() {
				found, err := w.walk(read, deliveryBytes, nil)
				if err != nil {
					b.Fatal(err)
				}
				total += found.deliveries
			}
			b.ReportMetric(float64(total)/b.Elapsed().Seconds()/1e6, "M_deliveries/s")
		})
	}
}
