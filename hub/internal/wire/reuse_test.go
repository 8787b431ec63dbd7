package wire_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/realtime-hub/hub/hub/internal/wire"
)

// A descriptor's number is free when its connection is closed, and the next
// connection has it. Every client says its own id in every message, and gets
// the same from its handler: nobody hears another's bytes.
func TestAReusedDescriptorIsNobodyElses(t *testing.T) {
	kinds(t, func(t *testing.T, cfg wire.Config) {
		cfg.CloseTimeout = time.Second
		w, _ := start(t, cfg)
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		conns, lasting, callers := 6000, 40, 12
		if testing.Short() || raced { // the race detector cannot see this one, and is slow
			conns = 800
		}
		d := &doorman{t: t, w: w}
		var serving sync.WaitGroup
		serving.Go(func() { d.serve(l) })

		stop := make(chan struct{})
		var long, short sync.WaitGroup
		for i := range lasting {
			long.Go(func() { d.stay(l, fmt.Sprint("long-", i), stop) })
		}
		var next atomic.Int64
		for range callers {
			short.Go(func() {
				for i := next.Add(1); int(i) <= conns; i = next.Add(1) {
					d.visit(l, fmt.Sprint("short-", i), int(i))
				}
			})
		}
		short.Wait()
		close(stop)
		long.Wait()
		l.Close()
		serving.Wait()
		eventually(t, "the end of all", func() bool { return d.open.Load() == 0 })
		if d.mixed.Load() > 0 {
			t.Errorf("%d messages came to another connection", d.mixed.Load())
		}
		if d.heard.Load() < int64(conns) {
			t.Errorf("only %d messages were heard", d.heard.Load())
		}
	})
}

// doorman opens a connection for whoever comes.
type doorman struct {
	t                  *testing.T
	w                  *wire.Wire
	open, mixed, heard atomic.Int64
}

func (d *doorman) serve(l net.Listener) {
	for {
		nc, err := l.Accept()
		if err != nil {
			return
		}
		g := &guest{d: d}
		d.open.Add(1)
		g.c = d.w.Open(g, false)
		g.c.Join("all")
		g.c.Attach(nc, nil)
	}
}

// guest is a handler that knows whose it is since the first message.
type guest struct {
	d  *doorman
	c  *wire.Conn
	id string // Message's only
}

func (g *guest) Malformed() {}

func (g *guest) Message(data []byte, _ bool) bool {
	id, what, _ := strings.Cut(string(data), "/")
	if g.id == "" {
		g.id = id
	}
	if g.id != id {
		g.d.mixed.Add(1)
	}
	g.d.heard.Add(1)
	g.c.Send(text(string(data)))
	switch what {
	case "end":
		g.c.End()
	case "abort":
		g.c.Abort(wire.ReasonGone)
		// The reader is not back before the number could be another's, and
		// then it reads again: much has come.
		<-time.After(2 * time.Millisecond)
	case "fail":
		g.c.Fail("as asked")
	}
	return true
}

func (g *guest) Closed(wire.Reason) { g.d.open.Add(-1) }

// visit is a short connection, which ends in one of many ways.
func (d *doorman) visit(l net.Listener, id string, i int) {
	p := d.call(l)
	if p == nil {
		return
	}
	defer p.nc.Close()
	say := func(what string) { _, _ = p.nc.Write(masked(opText, id+"/"+what)) }
	say("hello")
	switch i % 6 {
	case 0: // leaves without waiting, its message is on the way
	case 1:
		_ = p.nc.(*net.TCPConn).SetLinger(0) // a reset
	case 2:
		d.hears(p, id)
		say("end")
	case 3:
		d.hears(p, id)
		rest := bytes.Repeat(masked(opText, id+"/too late"+pattern(4<<10)), 32)
		_, _ = p.nc.Write(append(masked(opText, id+"/abort"), rest...))
	case 4:
		_, _ = p.nc.Write(masked(opClose, ""))
		d.hears(p, id)
	case 5:
		d.w.Broadcast("all", wire.Message{Frame: text(id + "/broadcast"), Slow: wire.SlowDrop})
		d.hears(p, id)
	}
}

// stay is a long connection.
func (d *doorman) stay(l net.Listener, id string, stop chan struct{}) {
	p := d.call(l)
	if p == nil {
		d.t.Error("a lasting connection did not come")
		return
	}
	defer p.nc.Close()
	for i := 0; ; i++ {
		if _, err := p.nc.Write(masked(opText, id+"/"+strconv.Itoa(i)+strings.Repeat(".", rand.IntN(100)))); err != nil {
			d.t.Errorf("%s: %v", id, err)
			return
		}
		if !d.hears(p, id) {
			d.t.Errorf("%s does not hear itself", id)
			return
		}
		select {
		case <-stop:
			return
		case <-time.After(time.Duration(rand.IntN(5)) * time.Millisecond):
		}
	}
}

func (d *doorman) call(l net.Listener) *peer {
	nc, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		if !errors.Is(err, syscall.ECONNRESET) {
			d.t.Error(err)
		}
		return nil
	}
	_ = nc.SetDeadline(time.Now().Add(patience))
	return newPeerOf(d.t, nc)
}

// hears reads until it hears what it said itself. Broadcasts say whose they
// are by their ending.
func (d *doorman) hears(p *peer, id string) bool {
	for {
		op, payload, err := p.frame()
		if err != nil || op != opText {
			if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
				d.t.Errorf("%s: %v", id, err)
			}
			return false
		}
		said, what, _ := strings.Cut(string(payload), "/")
		switch {
		case what == "broadcast":
		case said != id:
			d.mixed.Add(1)
		default:
			return true
		}
	}
}
