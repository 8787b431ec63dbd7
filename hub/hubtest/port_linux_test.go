package hubtest_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/realtime-hub/hub/hub/hubtest"
	hub "github.com/realtime-hub/hub/sdk/go"
)

// ports are those that this process has bound, as the kernel says.
func ports(t *testing.T) map[string]bool {
	t.Helper()
	own := map[string]bool{} // inodes of sockets
	for _, fd := range descriptors(t) {
		if inode, ok := strings.CutPrefix(fd, "socket:["); ok {
			own[strings.TrimSuffix(inode, "]")] = true
		}
	}
	bound := map[string]bool{}
	for _, table := range []string{"tcp", "tcp6", "udp", "udp6"} {
		text, err := os.ReadFile("/proc/net/" + table)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			// "sl local_address rem_address st … uid timeout inode"
			const local, inode = 1, 9
			fields := strings.Fields(line)
			if len(fields) <= inode || !own[fields[inode]] {
				continue
			}
			_, hex, _ := strings.Cut(fields[local], ":")
			port, err := strconv.ParseUint(hex, 16, 16)
			if err != nil {
				t.Fatalf("%s: %q: %v", table, line, err)
			}
			bound[fmt.Sprint(port)] = true
		}
	}
	return bound
}

// descriptors are what this process has open.
func descriptors(t *testing.T) []string {
	t.Helper()
	const dir = "/proc/self/fd"
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, entry := range list {
		// What has gone since is the directory's own.
		if to, err := os.Readlink(filepath.Join(dir, entry.Name())); err == nil {
			out = append(out, to)
		}
	}
	return out
}

// hears has a browser hear a broadcast.
func hears(t *testing.T, h *hubtest.Hub) {
	t.Helper()
	b := h.Browser(t, hubtest.As("user_1"))
	b.Subscribe(feed.Name())
	if _, err := hub.Broadcast(t.Context(), h.Client(t), feed, article("Hello")); err != nil {
		t.Error(err)
		return
	}
	hubtest.Receive(b, feed)
}

func TestNoPortIsBoundUntilOneIsAskedFor(t *testing.T) {
	before := len(ports(t))
	t.Run("", func(t *testing.T) {
		h := hubtest.Start(t, blog)
		hears(t, h)
		if bound := ports(t); len(bound) != before {
			t.Errorf("ports %v are bound", bound)
		}
		for i, address := range []func() string{h.URL, h.GRPC} {
			_, port, err := net.SplitHostPort(strings.TrimPrefix(address(), "http://"))
			if err != nil {
				t.Fatal(err)
			}
			if bound := ports(t); len(bound) != before+i+1 || !bound[port] {
				t.Errorf("ports %v are bound, and %s was asked for", bound, port)
			}
		}
	})
	if bound := ports(t); len(bound) != before {
		t.Errorf("ports %v are bound after the hub's end", bound)
	}
}

func TestAHundredHubsSideBySideLeaveNothingOpen(t *testing.T) {
	many := func(n int) func(*testing.T) {
		return func(t *testing.T) {
			for range n {
				t.Run("", func(t *testing.T) {
					t.Parallel()
					h := hubtest.Start(t) // compiling channels would be most of the work
					_, said := h.Browser(t).Emit("hub:subscribe", feed.Name())
					_, memory := hub.Broadcast(t.Context(), h.Client(t), feed, article("Hello"))
					_, port := hub.Broadcast(t.Context(), dialed(t, h.GRPC()), feed, article("Hello"))
					for _, err := range []error{said, memory, port} {
						if refused, ok := errors.AsType[*hub.Error](err); !ok || refused.Reason != "CHANNEL_UNKNOWN" {
							t.Errorf("it says %v", err)
						}
					}
				})
			}
		}
	}
	t.Run("what a process opens once", many(1))
	before := descriptors(t)
	t.Run("a hundred", many(100))
	if after := descriptors(t); len(after) > len(before) {
		t.Errorf("%d descriptors were open, now %d: %v", len(before), len(after), after)
	}
}
