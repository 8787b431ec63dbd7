package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/realtime-hub/hub/hub/server"
)

// fakeFront is a hub without doors: it runs until told, and reloads from a
// script.
type fakeFront struct {
	ready    chan struct{}
	runs     func(ctx context.Context) error
	reloaded chan server.Config // one for each Reload
	changes  string
	refuse   error
}

func (f *fakeFront) Run(ctx context.Context) error { return f.runs(ctx) }
func (f *fakeFront) Ready() <-chan struct{}        { return f.ready }
func (f *fakeFront) Addresses() server.Addresses {
	return server.Addresses{HTTP: "127.0.0.1:80", GRPC: "127.0.0.1:81"}
}

func (f *fakeFront) Channels() int { return 0 }

func (f *fakeFront) Reload(_ context.Context, cfg server.Config) (string, error) {
	f.reloaded <- cfg
	return f.changes, f.refuse
}

// watched is standard error that a test can wait for.
type watched struct {
	mu     sync.Mutex
	more   sync.Cond
	buffer bytes.Buffer
}

func watch() *watched {
	w := &watched{}
	w.more.L = &w.mu
	return w
}

func (w *watched) Write(data []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.more.Broadcast()
	return w.buffer.Write(data)
}

// until returns when text has been written. What never comes fails the test
// with all that did.
func (w *watched) until(t *testing.T, text string) {
	t.Helper()
	late := false // guarded by mu
	timer := time.AfterFunc(20*time.Second, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		late = true
		w.more.Broadcast()
	})
	defer timer.Stop()
	w.mu.Lock()
	defer w.mu.Unlock()
	for !strings.Contains(w.buffer.String(), text) {
		if late {
			t.Fatalf("%q was not said, but:\n%s", text, &w.buffer)
		}
		w.more.Wait()
	}
}

// lines is what was written, without times.
func (w *watched) lines() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return regexp.MustCompile(`(?m)^time=\S+ `).ReplaceAllString(w.buffer.String(), "")
}

func TestSignalDrainsAndExitsWithZero(t *testing.T) {
	inFiles(t, map[string]string{"hub.yaml": "ops: { address: \"off\" }\n"})
	ctx, stop := context.WithCancel(t.Context())
	f := &fakeFront{ready: make(chan struct{}), runs: func(ctx context.Context) error {
		<-ctx.Done()
		return nil // drained
	}}
	close(f.ready)
	stderr := watch()
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, []string{"serve"}, process{stderr: stderr, open: func(server.Config) (front, error) { return f, nil }})
	}()
	stderr.until(t, "channels are declared")
	stop()
	if got := <-code; got != exitOK {
		t.Errorf("exit code %d", got)
	}
	const want = `level=INFO msg=configuration file=hub.yaml
level=INFO msg="browsers connect to" address=http://127.0.0.1:80
level=INFO msg="backends connect to" address=127.0.0.1:81
level=INFO msg="channels are declared" number=0
`
	if got := stderr.lines(); got != want {
		t.Errorf("said:\n%s\nwant:\n%s", got, want)
	}
}

func TestHangupReadsEverythingAgain(t *testing.T) {
	inFiles(t, map[string]string{"hub.yaml": "log: { level: ERROR }\n"})
	ctx, stop := context.WithCancel(t.Context())
	running := make(chan struct{})
	f := &fakeFront{reloaded: make(chan server.Config, 1), changes: "channel added: a.b\nchannel removed: c.d", runs: func(ctx context.Context) error {
		close(running)
		<-ctx.Done()
		return nil
	}}
	stderr := watch()
	hangup := make(chan os.Signal)
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, []string{"serve"}, process{stderr: stderr, hangup: hangup, open: func(server.Config) (front, error) { return f, nil }})
	}()

	write := func(content string) {
		if err := os.WriteFile("hub.yaml", []byte(content), 0o600); err != nil {
			t.Error(err)
		}
	}
	<-running
	write("limits: { max_ids: many }\nops: { address: nowhere }\n")
	hangup <- syscall.SIGHUP
	stderr.until(t, "ops.address")
	write("limits: { max_ids: 7 }\n")
	hangup <- syscall.SIGHUP
	if cfg := <-f.reloaded; cfg.Limits.MaxIDs != 7 {
		t.Errorf("reloaded with %d", cfg.Limits.MaxIDs)
	}
	stderr.until(t, "c.d")
	stop()
	if got := <-code; got != exitOK {
		t.Errorf("exit code %d", got)
	}
	said := stderr.lines()
	for _, want := range []string{
		`level=ERROR msg="not reloaded, the old state stays" error="hub.yaml:1:20: limits.max_ids: `,
		`level=ERROR msg="not reloaded, the old state stays" error="hub.yaml:2:17: ops.address: `,
		`level=INFO msg=reloaded change="channel added: a.b"`, // the level was reloaded, too
		`level=INFO msg=reloaded change="channel removed: c.d"`,
	} {
		if !strings.Contains(said, want) {
			t.Errorf("said:\n%s\nwithout %s", said, want)
		}
	}
}

func TestHubThatCannotRunExitsWithOne(t *testing.T) {
	inFiles(t, nil)
	refuse := func(server.Config) (front, error) { return nil, errors.New("grpc.address: needs TLS") }
	call{open: refuse}.run(t.Context(), "serve").want(t, exitFailed, "", "hub: 1 mistake:\ngrpc.address: needs TLS\n")

	fails := func(server.Config) (front, error) {
		return &fakeFront{runs: func(context.Context) error { return errors.New("http.address: in use") }}, nil
	}
	call{open: fails}.run(t.Context(), "serve").want(t, exitFailed, "", "~hub: http.address: in use\n")
}

func TestSecondSignalExitsAtOnce(t *testing.T) {
	signals := make(chan os.Signal)
	ctx, cancel := context.WithCancel(t.Context())
	code := make(chan int, 1)
	go heed(signals, cancel, func(c int) { code <- c })
	signals <- syscall.SIGINT
	<-ctx.Done()
	select {
	case c := <-code:
		t.Fatalf("exited with %d at the first", c)
	default:
	}
	signals <- syscall.SIGTERM
	if c := <-code; c != exitInterrupted {
		t.Errorf("exit code %d", c)
	}
}

func TestCheckTellsWhatServeWouldRefuse(t *testing.T) {
	inFiles(t, nil)
	refuse := func(server.Config) (front, error) { return nil, errors.New("grpc.address: needs TLS") }
	call{open: refuse}.run(t.Context(), "check", "--grpc", "0.0.0.0:8081").want(t, exitFailed, "", "hub: 1 mistake:\n--grpc: grpc.address: needs TLS\n")

	call{open: accept(new(server.Config))}.run(t.Context(), "check", "--ops", "off").want(t, exitOK, `configuration  no file: flags, HUB_… variables and defaults
browsers       127.0.0.1:8080
backends       127.0.0.1:8081, no credentials: whoever reaches it may do everything
operators      off
channels       none from --channels; backends may register theirs
`, "")
}
