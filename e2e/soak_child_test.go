//go:build linux

package e2e_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/server"
)

// child is the hub as its users run it, without -race: a process of its own,
// so that its memory and its descriptors are its own too.
type child struct {
	testHub

	process *os.Process
	stop    func() error // as SIGTERM does, and waits
}

// spawn builds the hub and runs it until the test ends.
func spawn(t *testing.T, environment ...string) *child {
	t.Helper()
	return launch(t, buildHub(t), server.Addresses{HTTP: "127.0.0.1:0", GRPC: "127.0.0.1:0", Ops: "127.0.0.1:0"}, environment...)
}

func buildHub(t *testing.T) (binary string) {
	t.Helper()
	binary = filepath.Join(t.TempDir(), "hub")
	if out, err := exec.Command("go", "build", "-o", binary, "../cmd/hub").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return binary
}

// launch runs the hub until it is stopped, at the latest by the test's end.
func launch(t *testing.T, binary string, at server.Addresses, environment ...string) *child {
	t.Helper()
	hub := exec.Command(binary, "serve", "--channels", "testdata", "--http", at.HTTP, "--grpc", at.GRPC, "--ops", at.Ops)
	hub.Env = append([]string{"HUB_DRAIN_WINDOW=0s", "PATH=" + os.Getenv("PATH")}, environment...)
	said, err := hub.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := hub.Start(); err != nil {
		t.Fatal(err)
	}
	c := &child{process: hub.Process}
	lines, ended := make(chan string, 100), make(chan error, 1) // lines: those before it is ready, and warnings
	go func() {
		defer close(lines)
		for in := bufio.NewScanner(said); in.Scan(); {
			select {
			case lines <- in.Text():
			default: // whoever says so much is ready
			}
		}
		ended <- hub.Wait()
	}()
	c.stop = sync.OnceValue(func() error {
		_ = hub.Process.Signal(syscall.SIGTERM)
		select {
		case err := <-ended:
			if err != nil {
				return fmt.Errorf("the hub ends with %w", err)
			}
			return nil
		case <-time.After(3 * patience):
			_ = hub.Process.Kill()
			return errors.New("the hub does not end")
		}
	})
	t.Cleanup(func() {
		if err := c.stop(); err != nil {
			t.Error(err)
		}
		for line := range lines {
			t.Log(line)
		}
	})
	for _, at := range []struct {
		who string
		to  *string
	}{{"browsers", &c.addresses.HTTP}, {"backends", &c.addresses.GRPC}, {"operators", &c.addresses.Ops}} {
		*at.to, err = told(lines, at.who)
		if err != nil {
			t.Fatal(err)
		}
	}
	conn, err := grpc.NewClient(c.addresses.GRPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	c.backend = hubv1.NewBroadcastServiceClient(conn)
	return c
}

// told is where the hub says that someone connects to.
func told(lines <-chan string, who string) (string, error) {
	late := time.After(patience)
	for {
		select {
		case line, more := <-lines:
			if !more {
				return "", errors.New("the hub has ended")
			}
			if _, address, found := strings.Cut(line, who+` connect to" address=`); found {
				return strings.TrimSuffix(strings.TrimPrefix(address, "http://"), "/metrics"), nil
			}
		case <-late:
			return "", fmt.Errorf("the hub does not say where %s connect to", who)
		}
	}
}

// resident is the process's memory as the kernel sees it, in KiB.
func (c *child) resident(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/" + strconv.Itoa(c.process.Pid) + "/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	size, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	kib, err := strconv.Atoi(size)
	if err != nil {
		t.Fatalf("VmRSS is %.40q", rest)
	}
	return kib
}
