package wire_test

import (
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/realtime-hub/hub/hub/internal/wire"
)

// drain is the other end of many sockets, and counts what it reads.
type drain struct {
	l     net.Listener
	bytes atomic.Int64
	want  atomic.Int64  // what received waits for
	came  chan struct{} // of one: it came
	wg    sync.WaitGroup
}

func newDrain(t testing.TB) *drain {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &drain{l: l, came: make(chan struct{}, 1)}
	t.Cleanup(d.wg.Wait)
	t.Cleanup(func() { l.Close() })
	return d
}

// socket is a socket whose other end is drained until it is closed.
func (d *drain) socket(t testing.TB) net.Conn {
	t.Helper()
	client, err := net.Dial("tcp", d.l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server, err := d.l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	buf := make([]byte, 4<<10)
	d.wg.Go(func() {
		for {
			n, err := client.Read(buf)
			if d.bytes.Add(int64(n)) >= d.want.Load() {
				select {
				case d.came <- struct{}{}:
				default:
				}
			}
			if err != nil {
				return
			}
		}
	})
	return server
}

// received waits for the n-th byte.
func (d *drain) received(t testing.TB, n int64) {
	t.Helper()
	d.want.Store(n)
	for d.bytes.Load() < n {
		<-d.came // a test's deadline is go test's
	}
}

func BenchmarkBroadcast(b *testing.B) {
	for _, goroutines := range []bool{false, true} {
		for _, outstanding := range []int{1, 32} {
			b.Run(fmt.Sprintf("members=1000/size=128/outstanding=%d/goroutines=%v", outstanding, goroutines), func(b *testing.B) {
				broadcasts(b, wire.Config{Goroutines: goroutines}, 1, 1000, outstanding)
			})
		}
	}
	for _, channels := range []int{100, 10_000} {
		b.Run(fmt.Sprintf("members=10/size=128/outstanding=32/channels=%d", channels), func(b *testing.B) {
			broadcasts(b, wire.Config{}, channels, 10, 32)
		})
	}
}

// broadcasts measures broadcasts to so many members of each channel, from the
// call to the last byte's arrival. 1,000 connections share the channels.
func broadcasts(b *testing.B, cfg wire.Config, channels, members, outstanding int) {
	b.Helper()
	const conns, size = 1000, 128
	w, _ := start(b, cfg)
	d := newDrain(b)
	all := make([]*wire.Conn, conns)
	for i := range all {
		all[i] = w.Open(newHand(), false)
		all[i].Attach(d.socket(b), nil)
	}
	names := make([]string, channels)
	for ch := range names {
		names[ch] = fmt.Sprint("channel.", ch)
		for m := range members {
			all[(ch*members+m)%conns].Join(names[ch])
		}
	}
	frames := make([]*wire.Frame, channels) // a frame is one channel's
	for i := range frames {
		frames[i] = text(pattern(size))
	}
	each := int64(members * (size + 4))
	b.SetBytes(each)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		w.Broadcast(names[i%channels], wire.Message{Frame: frames[i%channels]})
		d.received(b, int64(i+2-outstanding)*each)
	}
	d.received(b, int64(b.N)*each)
	b.StopTimer()
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*members), "ns/delivery")
}
