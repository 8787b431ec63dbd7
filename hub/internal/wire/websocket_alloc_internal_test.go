//go:build !race

package wire

import "testing"

func TestAllocsOfWholeFrames(t *testing.T) {
	b := []byte("\x81\xfe\x00\x80" + asciiKey + many(128) + "\x89\x81" + asciiKey + "p" + "\x82\x80" + asciiKey)
	var r wsReader
	sink := new(counting)
	if n := testing.AllocsPerRun(100, func() {
		if rest, err := r.feed(b, testLimit, sink); err != nil || len(rest) > 0 {
			t.Fatal(err, rest)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
	if sink.frames != 3*101 { // AllocsPerRun warms up once
		t.Errorf("%d frames", sink.frames)
	}
}

// What was announced costs the note that something has begun, and no buffer.
func TestAllocsOfAnAnnouncement(t *testing.T) {
	header := []byte("\x82\xff\x00\x00\x00\x00\x00\x10\x00\x00" + asciiKey) // 1 MiB
	for name, limit := range map[string]int{"within the limit": 1 << 20, "beyond the limit": 1<<20 - 1} {
		var r wsReader
		sink := new(counting)
		if n := testing.AllocsPerRun(100, func() {
			r = wsReader{}
			_, _ = r.feed(header, limit, sink)
		}); n > 1 {
			t.Errorf("%s: %v allocations", name, n)
		}
		if p := r.part; p != nil && (p.message != nil || p.control != nil) {
			t.Errorf("%s: a buffer for nothing", name)
		}
	}
}

func TestAllocsOfACutFrame(t *testing.T) {
	b := []byte("\x81\xfe\x00\x80" + asciiKey + many(128))
	var r wsReader
	sink := new(counting)
	for cut := 1; cut < len(b); cut++ {
		if n := testing.AllocsPerRun(10, func() {
			_, _ = r.feed(b[:cut], testLimit, sink)
			_, _ = r.feed(b[cut:], testLimit, sink)
		}); n > 3 { // the part, its buffer, and the buffer grown once
			t.Errorf("cut at %d: %v allocations", cut, n)
		}
	}
}
