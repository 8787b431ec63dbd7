// Package e2e holds the hub to its promises from outside: the real JavaScript
// clients on one side, gRPC on the other, a real hub between them. Nothing here
// looks into the hub; what these tests cannot see, no user can.
//
// `make test` runs them, `make e2e LONG=1` adds the long runs. Every wait is
// bounded by patience and says what came instead. That something does not come
// is proved by what comes after it (see hub.silence), never by waiting.
package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/realtime-hub/hub/hub/server"
)

// patience is how long a test waits for what must come.
const patience = 10 * time.Second

// door is the Engine.IO server that these tests' hubs have. `make test` runs
// them a second time with HUB_DOOR=library: what two servers agree on that share
// no line of Engine.IO is the protocol, and where they differ one of them is
// wrong, or a test asks for more than a promise. It is read while tests run: what
// is read before, go test does not see, and would answer for one door with the
// other's cached result.
func door() server.Door {
	return map[string]server.Door{"": server.DoorOwn, "own": server.DoorOwn, "library": server.DoorLibrary}[os.Getenv("HUB_DOOR")]
}

// knownLeak is the one that is not the hub's: the library's door starts a
// ticker for an upgrade that has just been given up, once in some thousand
// times, and nobody stops it any more. See TestALinkThatEndsInItsProbeLeavesNothing.
var knownLeak = goleak.IgnoreTopFunction("github.com/zishang520/socket.io/v3/pkg/utils.SetInterval.func1")

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if hub := os.Getenv(soldierOf); hub != "" {
		return serveUnderFire(hub, os.Getenv(soldierBook))
	}
	if missing := missing(); missing != "" {
		if os.Getenv("CI") == "true" || os.Getenv("HUB_E2E") == "required" {
			fmt.Fprintln(os.Stderr, "e2e:", missing)
			return 1
		}
		fmt.Println("e2e: skipped:", missing)
		return 0
	}
	var err error
	if js, err = startDriver(patience, "node", "driver/driver.mjs"); err != nil {
		fmt.Fprintln(os.Stderr, "e2e: the driver does not start:", err)
		return 1
	}
	code := m.Run()
	for _, end := range []func() error{js.stop, chromium.end, python.end, common.end} {
		if err := end(); err != nil && code == 0 {
			fmt.Fprintln(os.Stderr, "e2e:", err)
			code = 1
		}
	}
	if err := goleak.Find(knownLeak); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, "e2e: goroutines are left:", err)
		code = 1
	}
	return code
}

// missing says what the tests cannot do without, and how to get it.
func missing() string {
	if _, err := exec.LookPath("node"); err != nil {
		return "node is not installed; the clients are JavaScript"
	}
	if _, err := os.Stat("node_modules"); err != nil {
		return "the clients are not installed; run `make test`"
	}
	return ""
}

// mode is a client and how it connects.
type mode struct {
	version    string
	name       string
	transports []string // nil: the client's default, polling and an upgrade
}

func modes() []mode {
	versions := []string{"4.8", "4.0"}
	if door() == server.DoorLibrary { // which alone carries 2.5; 4.0 says on the wire what 4.8 says
		versions = []string{"4.8", old}
	}
	var all []mode
	for _, version := range versions {
		all = append(all,
			mode{version: version, name: "websocket", transports: []string{"websocket"}},
			mode{version: version, name: "polling", transports: []string{"polling"}},
			mode{version: version, name: "upgrade"},
		)
	}
	return all
}

// old is socket.io-client 2, of Engine.IO 3.
const old = "2.5"

// modern is the mode of tests that are not about transports.
var modern = mode{version: "4.8", name: "websocket", transports: []string{"websocket"}}

// each runs a test for every client and transport.
func each(t *testing.T, test func(t *testing.T, m mode)) {
	t.Helper()
	for _, m := range modes() {
		t.Run(m.version+"/"+m.name, func(t *testing.T) { test(t, m) })
	}
}
