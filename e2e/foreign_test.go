package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// boot is how long a program may take until it answers: a browser on a machine
// that does many other things needs seconds.
const boot = time.Minute

// Clients that nobody here wrote and npm does not bring. Where they are not
// installed their tests are skipped, unless HUB_CLIENTS=required.
var (
	chromium = foreign{
		packages: []string{"chromium"},
		program:  []string{"node", "driver/browser.mjs"},
	}
	python = foreign{
		packages: []string{"python3-socketio", "python3-websocket", "python3-aiohttp", "python3-requests"},
		program:  []string{"/usr/bin/python3", "driver/client.py"},
	}
)

// foreign is a driver that the first test which needs it starts.
type foreign struct {
	packages []string // Debian's
	program  []string

	once    sync.Once
	missing string // how to get what is not installed
	driver  *driver
	err     error
}

func (f *foreign) get(t *testing.T) *driver {
	t.Helper()
	f.once.Do(f.start)
	if f.missing != "" && os.Getenv("HUB_CLIENTS") != "required" {
		t.Skip(f.missing)
	}
	if f.missing != "" {
		t.Fatal(f.missing)
	}
	if f.err != nil {
		t.Fatalf("%v does not start: %v", f.program, f.err)
	}
	return f.driver
}

func (f *foreign) start() {
	out, err := exec.Command("./clients").Output()
	if err != nil {
		f.err = fmt.Errorf("clients: %w", err)
		return
	}
	missing := slices.DeleteFunc(strings.Fields(string(out)), func(name string) bool { return !slices.Contains(f.packages, name) })
	if len(missing) > 0 {
		names := strings.Join(missing, " ")
		f.missing = fmt.Sprintf("not installed: %s; on Debian: apt-get install --no-install-recommends %s", names, names)
		return
	}
	f.driver, f.err = startDriver(boot, f.program...)
}

// end ends the program, if a test needed it.
func (f *foreign) end() error {
	if f.driver == nil {
		return nil
	}
	return f.driver.stop()
}
