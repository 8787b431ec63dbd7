package peer

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/realtime-hub/hub/bench/internal/affinity"
	"github.com/realtime-hub/hub/bench/internal/control"
)

// readyTime is how long a server may take until clients may connect.
const readyTime = 20 * time.Second

// A process is a child that ends with this process, and of whose output the
// last is kept, to say why it ended.
type process struct {
	cmd   *exec.Cmd
	tail  tail
	done  chan struct{} // closed when it has ended
	err   error         // how; read after done
	ended func() bool   // whether done is closed
}

// launch starts a command on a core. lines gets its standard output (errors:
// its standard error) line by line, until it returns false.
func launch(cmd *exec.Cmd, core int, errors bool, lines func(line []byte) bool) (*process, error) {
	p := &process{cmd: cmd, done: make(chan struct{})}
	p.ended = func() bool {
		select {
		case <-p.done:
			return true
		default:
			return false
		}
	}
	in, out := io.Pipe()
	both := io.MultiWriter(&p.tail, out)
	cmd.Stdout, cmd.Stderr = both, &p.tail
	if errors {
		cmd.Stdout, cmd.Stderr = &p.tail, both
	}
	// The kernel ends it if this process is killed, when nobody else can.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	if err := affinity.Start(cmd, core); err != nil {
		return nil, err
	}
	go func() {
		scanner := bufio.NewScanner(in)
		for wanted := true; scanner.Scan(); {
			wanted = wanted && lines(scanner.Bytes())
		}
		_, _ = io.Copy(io.Discard, in)
	}()
	go func() {
		p.err = cmd.Wait()
		_ = out.Close()
		close(p.done)
	}()
	return p, nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// await waits until ready is closed.
func (p *process) await(ctx context.Context, ready <-chan struct{}) error {
	timer := time.NewTimer(readyTime)
	defer timer.Stop()
	var err error
	select {
	case <-ready:
		return nil
	case <-p.done:
		return fmt.Errorf("it ended at once: %w\n%s", p.err, p.tail.String())
	case <-timer.C:
		err = fmt.Errorf("not ready after %s\n%s", readyTime, p.tail.String())
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	_ = p.stop()
	return err
}

// stop kills it: nothing of what a server does at its end is measured.
func (p *process) stop() error {
	if p.ended() {
		return fmt.Errorf("the server ended before it was told to: %w\n%s", p.err, p.tail.String())
	}
	_ = p.cmd.Process.Kill()
	<-p.done
	return nil
}

// command is how a server is started that prints control.Ready and takes
// orders on a control connection.
func command(name string, args ...string) func(context.Context, Workshop, Options) (*Peer, error) {
	return func(ctx context.Context, w Workshop, o Options) (*Peer, error) {
		cmd := exec.CommandContext(ctx, w.program(name), args...) //nolint:gosec // the peer's own program
		cmd.Dir = w.Bench
		var at control.Ready
		ready := make(chan struct{})
		process, err := launch(cmd, o.Core, false, func(line []byte) bool {
			if json.Unmarshal(line, &at) != nil || at.Control == "" {
				return true
			}
			close(ready)
			return false
		})
		if err != nil {
			return nil, err
		}
		if err := process.await(ctx, ready); err != nil {
			return nil, err
		}
		orders, err := control.Dial(ctx, at.Control)
		if err != nil {
			_ = process.stop()
			return nil, err
		}
		return &Peer{
			Clients: at.Clients, Broadcast: orders.Broadcast, process: process,
			goroutines: func(context.Context) (int, bool, error) { return orders.Goroutines() },
			heap:       func(context.Context) (int, error) { return orders.Heap() },
			keep:       func(_ context.Context, k control.Keeping) (control.Position, error) { return orders.Keep(k) },
			// Not closed: it would end the server before stop asks whether it still runs.
			end: func() {},
		}, nil
	}
}

// A tail is the last of an output.
type tail struct {
	mu  sync.Mutex
	buf []byte // guarded by mu
}

const tailBytes = 4 << 10

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, b...)
	if len(t.buf) > 2*tailBytes {
		t.buf = bytes.Clone(t.buf[len(t.buf)-tailBytes:])
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.buf[max(len(t.buf)-tailBytes, 0):]))
}
