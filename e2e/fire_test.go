//go:build linux

package e2e_test

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/realtime-hub/hub/hub/server"
)

// Workers are killed, and stopped and let go on, at random under load: every
// message has one answer, what a client was told ok for was handled, and what
// is at most once was handled no more than that.
func TestWorkersUnderFire(t *testing.T) {
	b := newBattle(t, 4)
	end := time.Now().Add(long(6*time.Second, time.Minute))
	for time.Now().Before(end) {
		<-time.After(time.Duration(50+rand.IntN(100)) * time.Millisecond) // the pace of the fire
		switch living := b.living(); {
		case len(living) < 2 || len(living) < 6 && rand.IntN(3) == 0:
			b.hire(t)
		case rand.IntN(2) == 0:
			living[rand.IntN(len(living))].kill()
		default:
			living[rand.IntN(len(living))].halt(time.Duration(100+rand.IntN(3000)) * time.Millisecond)
		}
	}
	b.hire(t)
	b.cease(t)
	if b.kills == 0 || b.halts == 0 {
		t.Error("nobody was killed, or nobody was stopped")
	}
	sum := b.sums(t)
	t.Logf("%d workers, %d killed, %d stopped", len(b.workers), b.kills, b.halts)
	if sum.orphaned > 0 {
		t.Errorf("%d messages have no answer, though their sessions lived", sum.orphaned)
	}
	if sum.dead*200 > sum.ok { // five workers in a row may die of chance, but not often
		t.Errorf("%d of %d failed for good", sum.dead, sum.ok)
	}
	if sum.dead > 0 {
		if letters := b.hub.metric(t, `hub_dead_letters_total{reason="HANDLER_TIMEOUT"}`); int(letters) != sum.dead {
			t.Errorf("%v dead letters, of %d failures", letters, sum.dead)
		}
	}
}

// Every worker goes with a drain, after its successor has come: nobody notices.
func TestARollingRestartOfWorkersIsNotNoticed(t *testing.T) {
	b := newBattle(t, 3)
	for range long(2, 10) {
		for _, old := range b.living() {
			b.hire(t)
			b.attached(t, len(b.living()))
			b.handled(t, 100)
			old.discharge(t)
		}
	}
	b.cease(t)
	sum := b.sums(t)
	if len(sum.failed) > 0 || sum.orphaned > 0 || sum.lost > 0 {
		t.Errorf("%v failed, %d have no answer, %d at most once were lost", sum.failed, sum.orphaned, sum.lost)
	}
}

// The hub goes with a drain, and another takes its place; workers and sessions
// come back by themselves. Nothing that a client was told ok for is lost; the
// rest is told, or ends with its connection.
func TestARestartOfTheHubLosesNothing(t *testing.T) {
	b := newBattle(t, 3)
	for range long(2, 10) {
		b.handled(t, 200)
		if err := b.hub.stop(); err != nil {
			t.Error(err)
		}
		b.hub = launch(t, b.binary, b.at, "HUB_DRAIN_WINDOW=500ms")
		b.handled(t, 200)
	}
	b.cease(t)
	sum := b.sums(t)
	for reason := range sum.failed {
		if reason != "DRAINING" && reason != "NO_WORKER" {
			t.Errorf("%d failed with %s", sum.failed[reason], reason)
		}
	}
}

// battle is a hub of its own process, workers of theirs, and sessions.
type battle struct {
	binary  string
	at      server.Addresses
	hub     *child
	folder  string
	workers []*recruit
	senders []*sender
	stop    chan struct{}
	sending sync.WaitGroup

	kills, halts int
}

func newBattle(t *testing.T, workers int) *battle {
	t.Helper()
	if os.Getenv("HUB_DOOR") == "library" {
		t.Skip("the hub is a process of its own, with its own door")
	}
	b := &battle{binary: buildHub(t), folder: t.TempDir(), stop: make(chan struct{})}
	b.at = server.Addresses{HTTP: free(t), GRPC: free(t), Ops: free(t)}
	b.hub = launch(t, b.binary, b.at, "HUB_DRAIN_WINDOW=500ms")
	for range workers {
		b.hire(t)
	}
	b.attached(t, workers)
	for i := range 20 {
		s := &sender{
			url:  "ws://" + b.at.HTTP + "/socket.io/?EIO=4&transport=websocket",
			name: "s" + strconv.Itoa(i), window: 16, pace: 10 * time.Millisecond,
		}
		b.senders = append(b.senders, s)
		b.sending.Go(func() {
			if err := s.run(b.stop); err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(func() { b.cease(t) })
	return b
}

// free is a port that nobody listens on: a hub that is restarted keeps its own.
func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// recruit is a worker's process.
type recruit struct {
	b       *battle
	process *os.Process
	book    string
	gone    chan struct{} // closed when it has ended
	err     error         // how; after gone
}

func (b *battle) hire(t *testing.T) {
	t.Helper()
	r := &recruit{b: b, book: filepath.Join(b.folder, strconv.Itoa(len(b.workers))), gone: make(chan struct{})}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), soldierOf+"="+b.at.GRPC, soldierBook+"="+r.book, "GORACE=atexit_sleep_ms=0")
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // not to outlive a test that is killed
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r.process = cmd.Process
	go func() {
		defer close(r.gone)
		r.err = cmd.Wait()
	}()
	t.Cleanup(func() {
		r.kill()
		<-r.gone
	})
	b.workers = append(b.workers, r)
}

// attached waits until the hub has as many workers.
func (b *battle) attached(t *testing.T, workers int) {
	t.Helper()
	for begin := time.Now(); int(b.hub.metric(t, "hub_workers")) != workers; {
		if time.Since(begin) > patience {
			t.Fatalf("the hub has %v workers, not %d", b.hub.metric(t, "hub_workers"), workers)
		}
		<-time.After(10 * time.Millisecond)
	}
}

func (b *battle) living() (all []*recruit) {
	for _, r := range b.workers {
		select {
		case <-r.gone:
		default:
			all = append(all, r)
		}
	}
	return all
}

func (r *recruit) kill() {
	if r.process.Kill() == nil {
		r.b.kills++
	}
	<-r.gone
}

// halt stops the process, and lets it go on after a while.
func (r *recruit) halt(a time.Duration) {
	if r.process.Signal(syscall.SIGSTOP) == nil {
		r.b.halts++
	}
	time.AfterFunc(a, func() { _ = r.process.Signal(syscall.SIGCONT) })
}

// discharge lets it drain.
func (r *recruit) discharge(t *testing.T) {
	t.Helper()
	_ = r.process.Signal(syscall.SIGTERM)
	select {
	case <-r.gone:
		// One that has only begun to start knows of no signals yet.
		if r.err != nil && r.err.Error() != "signal: "+syscall.SIGTERM.String() {
			t.Errorf("a worker ends with %v", r.err)
		}
	case <-time.After(patience):
		t.Error("a worker does not drain")
	}
}

// handled waits until as many messages more were answered with ok.
func (b *battle) handled(t *testing.T, more int) {
	t.Helper()
	oks := func() (n int) {
		for _, s := range b.senders {
			s.mu.Lock()
			for _, e := range s.emits {
				if e.answers > 0 && e.reason == "" {
					n++
				}
			}
			s.mu.Unlock()
		}
		return n
	}
	begin, late := oks(), time.Now().Add(2*patience)
	for oks() < begin+more {
		if time.Now().After(late) {
			t.Fatalf("of %d messages %d were handled", more, oks()-begin)
		}
		<-time.After(10 * time.Millisecond)
	}
}

// cease has the sessions send nothing more, and waits for their answers.
func (b *battle) cease(t *testing.T) {
	t.Helper()
	select {
	case <-b.stop:
	default:
		close(b.stop)
	}
	b.sending.Wait()
}

// sum is what became of the messages.
type sum struct {
	ok, flashes, lost, again, orphaned int
	dead                               int // at least once, and failed for good
	failed                             map[string]int
}

// sums holds what senders were told against what workers wrote down.
func (b *battle) sums(t *testing.T) sum {
	t.Helper()
	for _, r := range b.living() {
		r.discharge(t)
	}
	first, times := b.books(t)
	all := sum{failed: make(map[string]int)}
	for _, s := range b.senders {
		before := make(map[string]int64) // by session and channel
		for _, e := range s.emits {
			at, handled := first[e.id]
			queue := e.id[:strings.LastIndexByte(e.id, '/')]
			switch {
			case e.answers > 1:
				t.Errorf("%s has %d answers", e.id, e.answers)
			case e.answers == 0 && !e.orphaned:
				t.Errorf("%s has no answer", e.id)
			case e.once && times[e.id] > 1:
				t.Errorf("%s is at most once, and was handled %d times", e.id, times[e.id])
			case e.answers == 1 && e.reason == "" && !e.once && !handled:
				t.Errorf("%s was told ok, and nobody has handled it", e.id)
			case e.answers == 1 && e.reason == "" && !e.once && at < before[queue]:
				t.Errorf("%s was handled before the one that was sent before it", e.id)
			}
			switch {
			case e.orphaned:
				all.orphaned++
			case e.reason != "":
				all.failed[e.reason]++
				if !e.once && e.reason == "HANDLER_TIMEOUT" {
					all.dead++
				}
			case e.once:
				all.flashes++
				if !handled {
					all.lost++
				}
			default:
				all.ok++
				all.again += times[e.id] - 1
				before[queue] = at
			}
		}
	}
	t.Logf("%d ok at least once, handled %d times more; %d ok at most once, of which died with their worker %d; failed %v; ended with their session %d",
		all.ok, all.again, all.flashes, all.lost, all.failed, all.orphaned)
	if all.ok < 100 || all.flashes < 50 {
		t.Error("that is too few to prove anything")
	}
	return all
}

// books are the workers': when each message was handled first, and how often.
func (b *battle) books(t *testing.T) (first map[string]int64, times map[string]int) {
	t.Helper()
	first, times = make(map[string]int64), make(map[string]int)
	for _, r := range b.workers {
		text, err := os.ReadFile(r.book)
		if err != nil && !os.IsNotExist(err) { // killed before it began
			t.Fatal(err)
		}
		flashed := make(map[string]int)
		for line := range strings.Lines(string(text)) {
			var at int64
			var id string
			if _, err := fmt.Sscan(line, &at, &id); err != nil {
				t.Fatalf("a worker wrote %q", line)
			}
			if times[id]++; times[id] == 1 || at < first[id] {
				first[id] = at
			}
			// What is at most once is handed over in order; so a worker has it.
			parts := strings.Split(id, "/")
			n, _ := strconv.Atoi(parts[2])
			if key := parts[0]; parts[1] == "flash" {
				if last, some := flashed[key]; some && n <= last {
					t.Errorf("%s was handed to a worker after number %d", id, last)
				}
				flashed[key] = n
			}
		}
	}
	return first, times
}
