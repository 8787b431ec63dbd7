package docs_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// stage is where a document is followed: a clone of its own, ports of its own.
type stage struct {
	t       *testing.T
	root    string            // the clone: links to the real one, and what the document writes
	dir     string            // where the reader is
	ports   *strings.Replacer // the documents' addresses → real ones
	back    *strings.Replacer
	env     []string
	running []*program
}

// documented are the addresses that documents use. 3000 is a server of plain Socket.IO.
var documented = []string{"127.0.0.1:8080", "127.0.0.1:8081", "127.0.0.1:9090", "127.0.0.1:3000"}

func newStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{t: t, root: t.TempDir()}
	s.dir = s.root
	entries, err := os.ReadDir(clone)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		name := entry.Name()
		// The go command takes a module's root for real only with a go.mod of its own.
		if name == "go.mod" || name == "go.sum" {
			data, err := os.ReadFile(filepath.Join(clone, name))
			if err != nil {
				t.Fatal(err)
			}
			s.write(name, string(data))
		} else if name != ".git" && name[0] != '_' {
			if err := os.Symlink(filepath.Join(clone, name), filepath.Join(s.root, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	var there, back []string
	for _, address := range documented {
		free := "127.0.0.1:" + port(t)
		there, back = append(there, address, free), append(back, free, address)
	}
	s.ports, s.back = strings.NewReplacer(there...), strings.NewReplacer(back...)
	s.env = append(slices.DeleteFunc(os.Environ(), func(pair string) bool { return strings.HasPrefix(pair, "HUB_") }),
		"PATH="+filepath.Join(built, "bin")+":"+os.Getenv("PATH"),
		"CLONE="+clone, "STAGE="+s.root,
		"HUB_HTTP_ADDRESS="+s.address(8080), "HUB_GRPC_ADDRESS="+s.address(8081), "HUB_OPS_ADDRESS="+s.address(9090),
		"HUB_HUB="+s.address(8081), "HUB_DRAIN_WINDOW=0s", "PORT="+strings.TrimPrefix(s.address(3000), "127.0.0.1:"),
	)
	t.Cleanup(s.end)
	return s
}

func (s *stage) address(documented int) string {
	return s.ports.Replace(fmt.Sprintf("127.0.0.1:%d", documented))
}

var ports struct {
	mu   sync.Mutex
	next int // guarded by mu
}

// port is a free one below those that the kernel gives away, so that it stays
// free until a program takes it.
func port(t *testing.T) string {
	t.Helper()
	ports.mu.Lock()
	defer ports.mu.Unlock()
	if ports.next == 0 {
		ports.next = 20000 + os.Getpid()%1000*10
	}
	for range 1000 {
		ports.next++
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", ports.next))
		if err == nil {
			_ = l.Close()
			return fmt.Sprint(ports.next)
		}
	}
	t.Fatal("there is no free port")
	return ""
}

// write saves a file of the document's.
func (s *stage) write(name, text string) {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// bash makes a command of a script. Where the reader is afterwards is in the
// file that its last line names.
func (s *stage) bash(ctx context.Context, flags, script string) (cmd *exec.Cmd, after string) {
	after = filepath.Join(s.t.TempDir(), "pwd")
	cmd = exec.CommandContext(ctx, "bash", flags, "trap 'pwd >\""+after+"\"' EXIT\n"+s.ports.Replace(script))
	cmd.Args = []string{"bash", flags, "-o", "pipefail", "-c", cmd.Args[2]}
	cmd.Dir, cmd.Env = s.dir, s.env
	// A group, which gets Ctrl-C as a terminal sends it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	return cmd, after
}

// sh runs a script and is what it prints, with the documents' addresses.
func (s *stage) sh(flags, script string) (string, error) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	cmd, after := s.bash(ctx, flags, script)
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		err = fmt.Errorf("it does not end within %s; should it have a terminal of its own?", patience)
	}
	if pwd, failed := os.ReadFile(after); failed == nil {
		s.dir = strings.TrimSpace(string(pwd))
	}
	return s.back.Replace(string(out)), err
}

// program is one that was left running.
type program struct {
	command string // its last line
	cmd     *exec.Cmd
	ended   chan struct{} // closed when it has
	err     error         // after ended

	mu   sync.Mutex
	out  bytes.Buffer // guarded by mu
	used int          // guarded by mu; the lines that output blocks have spoken of
	news chan struct{}
}

// Write takes what the program prints.
func (p *program) Write(data []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.news)
	p.news = make(chan struct{})
	return p.out.Write(data)
}

// start leaves a script running. The one that was started by the same command
// before is stopped first.
func (s *stage) start(script string) {
	s.t.Helper()
	lines := linesOf(script)
	command := strings.TrimPrefix(lines[len(lines)-1], "exec ")
	s.stopLike(command)
	cmd, _ := s.bash(context.WithoutCancel(s.t.Context()), "-eu", script)
	p := &program{command: command, cmd: cmd, ended: make(chan struct{}), news: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p, p
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() {
		p.err = cmd.Wait()
		close(p.ended)
	}()
	s.running = append(s.running, p)
	if isServe(command) {
		s.await(p, "http://"+s.address(8080)+"/readyz")
	}
	if command == "make demo" {
		s.await(p, "http://"+s.address(8080)+"/")
	}
}

func isServe(command string) bool {
	return strings.HasPrefix(command, "hub serve") || strings.HasPrefix(command, "go run ./cmd/hub serve")
}

// await asks until the program answers.
func (s *stage) await(p *program, url string) {
	s.t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for tick := time.NewTicker(20 * time.Millisecond); ; {
		if res, err := http.Get(url); err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				tick.Stop()
				return
			}
		}
		select {
		case <-tick.C:
		case <-p.ended:
			s.t.Fatalf("%s has ended: %v\n%s", p.command, p.err, p.text())
		case <-deadline.C:
			s.t.Fatalf("%s does not answer at %s\n%s", p.command, url, p.text())
		}
	}
}

func (p *program) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

// prints tells whether the program has printed the lines since the last time,
// and what to wait for otherwise.
func (s *stage) prints(p *program, want []string) (bool, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	got := linesOf(s.back.Replace(p.out.String()))
	if used, ok := follows(want, got[min(p.used, len(got)):]); ok {
		p.used += used
		return true, nil
	}
	return false, p.news
}

// expect waits until one of the programs that run has printed the lines.
func (s *stage) expect(b block) {
	s.t.Helper()
	want := linesOf(b.text)
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	for {
		woken := make(chan struct{}, len(s.running))
		round, done := context.WithCancel(ctx)
		for _, p := range s.running {
			ok, news := s.prints(p, want)
			if ok {
				done()
				return
			}
			go func() {
				select {
				case <-news:
				case <-round.Done():
				}
				woken <- struct{}{}
			}()
		}
		if len(s.running) > 0 {
			<-woken
		}
		done()
		if ctx.Err() != nil || len(s.running) == 0 {
			s.t.Fatalf("%s: nobody prints this:\n%s\n%s", b.at, b.text, s.heard())
		}
	}
}

// heard is what the programs have printed, for people.
func (s *stage) heard() string {
	var out strings.Builder
	for _, p := range s.running {
		fmt.Fprintf(&out, "--- %s\n%s\n", p.command, s.back.Replace(p.text()))
	}
	return out.String()
}

// stopLike stops the programs that the command's first two words started.
func (s *stage) stopLike(command string) {
	s.running = slices.DeleteFunc(s.running, func(p *program) bool {
		same := name(p.command) == name(command)
		if same {
			s.stop(p)
		}
		return same
	})
}

func name(command string) string {
	words := strings.Fields(command)
	return strings.Join(words[:min(2, len(words))], " ")
}

// stop presses Ctrl-C. A program that has ended before has failed.
func (s *stage) stop(p *program) {
	select {
	case <-p.ended:
		s.t.Errorf("%s has ended by itself: %v\n%s", p.command, p.err, p.text())
		return
	default:
	}
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGINT)
	select {
	case <-p.ended:
	case <-time.After(20 * time.Second):
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		<-p.ended
		s.t.Errorf("%s does not end at Ctrl-C\n%s", p.command, p.text())
	}
	if text := p.text(); strings.Contains(text, "DATA RACE") || strings.Contains(text, "panic:") {
		s.t.Errorf("%s:\n%s", p.command, text)
	}
}

// end stops what runs, the latest first: clients before their hub.
func (s *stage) end() {
	for _, p := range slices.Backward(s.running) {
		s.stop(p)
	}
	s.running = nil
}
