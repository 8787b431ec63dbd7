package e2e_test

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// demo is `hub demo`, a process of its own, in an empty directory.
type demo struct {
	t         *testing.T
	binary    string
	args      []string // --http and --grpc, and what the test adds
	url, grpc string
	cmd       *exec.Cmd
}

// demoSays is the one line that it prints.
var demoSays = regexp.MustCompile(`^The demo is at (http://(\S+)) \(backends connect to (\S+)\)\.`)

func startDemo(t *testing.T, binary string, args ...string) *demo {
	t.Helper()
	d := &demo{t: t, binary: binary, args: append([]string{"--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0"}, args...)}
	d.start()
	t.Cleanup(func() {
		if err := d.stop(); err != nil {
			t.Errorf("the demo ends with %v", err)
		}
	})
	return d
}

// start runs it, and returns when it says where it is.
func (d *demo) start() {
	d.t.Helper()
	d.cmd = exec.Command(d.binary, append([]string{"demo"}, d.args...)...)
	d.cmd.Dir = d.t.TempDir()
	out, err := d.cmd.StderrPipe()
	if err != nil {
		d.t.Fatal(err)
	}
	if err := d.cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	slow := time.AfterFunc(patience, func() { _ = d.cmd.Process.Kill() })
	lines := bufio.NewReader(out)
	line, err := lines.ReadString('\n')
	said := demoSays.FindStringSubmatch(line)
	if !slow.Stop() || said == nil {
		rest, _ := io.ReadAll(lines)
		d.t.Fatalf("the demo does not start: %s%s %v", line, rest, err)
	}
	d.url, d.grpc = said[1], said[3]
	d.args[1], d.args[3] = said[2], said[3] // the same ports, should it start again
	go func() { _, _ = io.Copy(os.Stderr, lines) }()
}

// stop is Ctrl-C.
func (d *demo) stop() error {
	slow := time.AfterFunc(patience, func() { _ = d.cmd.Process.Kill() })
	defer slow.Stop()
	_ = d.cmd.Process.Signal(syscall.SIGINT)
	return d.cmd.Wait()
}

// kill ends it as a power failure would: nobody is told.
func (d *demo) kill() {
	_ = d.cmd.Process.Kill()
	_ = d.cmd.Wait()
}

// tab is one that a person uses, by driver/demo.mjs. What goes wrong ends the test.
type tab struct {
	t    *testing.T
	d    *driver
	name string
}

type look struct {
	width          int
	scheme, motion string
}

// opens is a tab whose page is live. It closes with the test, and whatever its
// console complained of fails it.
func (d *demo) opens(browser *driver, name string, l look) *tab {
	d.t.Helper()
	if l.width == 0 {
		l.width = 1280
	}
	b := &tab{t: d.t, d: browser, name: d.t.Name() + name}
	d.t.Cleanup(func() {
		if !d.t.Failed() {
			b.close()
		}
		_, _ = browser.call("close", b.name, nil, patience)
	})
	b.call("open", object{"url": d.url, "width": l.width, "scheme": l.scheme, "motion": l.motion})
	b.live()
	return b
}

// close closes it, once, as a person closes a tab: the page is told nothing.
func (b *tab) close() {
	b.t.Helper()
	b.clean()
	b.call("close", nil)
}

func (b *tab) call(op string, more map[string]any) json.RawMessage {
	b.t.Helper()
	result, err := b.d.call(op, b.name, more, 3*patience)
	if err != nil {
		text, _ := b.d.call("text", b.name, object{"selector": "body"}, patience)
		path := filepath.Join(artefacts(b.t), "failed-"+strings.NewReplacer("/", "-", " ", "-").Replace(b.name)+".png")
		_, _ = b.d.call("shoot", b.name, object{"path": path}, patience)
		b.t.Fatalf("%s: %s %v: %v\nthe page (%s) says %s", b.name, op, more, err, path, text)
	}
	return result
}

// see waits until it shows, with the text in it; empty is any.
func (b *tab) see(selector, text string) {
	b.t.Helper()
	b.call("see", object{"selector": selector, "text": text})
}

func (b *tab) gone(selector string) { b.t.Helper(); b.call("gone", object{"selector": selector}) }

func (b *tab) click(selector string) { b.t.Helper(); b.call("click", object{"selector": selector}) }

func (b *tab) fill(selector, text string) {
	b.t.Helper()
	b.call("fill", object{"selector": selector, "text": text})
}

func (b *tab) hover(selector string, x, y int) {
	b.t.Helper()
	b.call("hover", object{"selector": selector, "x": x, "y": y})
}

// reach goes there by Tab alone.
func (b *tab) reach(selector string) { b.t.Helper(); b.call("reach", object{"selector": selector}) }

func (b *tab) press(keys string) { b.t.Helper(); b.call("press", object{"keys": keys}) }

func (b *tab) text(selector string) string {
	b.t.Helper()
	return b.string("text", object{"selector": selector})
}

func (b *tab) string(op string, more map[string]any) string {
	b.t.Helper()
	var text string
	if err := json.Unmarshal(b.call(op, more), &text); err != nil {
		b.t.Fatal(err)
	}
	return text
}

// texts are those of all that the selector finds, in the page's order.
func (b *tab) texts(selector string) []string {
	b.t.Helper()
	return b.list("texts", object{"selector": selector})
}

func (b *tab) list(op string, more map[string]any) []string {
	b.t.Helper()
	var list []string
	if err := json.Unmarshal(b.call(op, more), &list); err != nil {
		b.t.Fatal(err)
	}
	return list
}

// lines are an answer that is a list of them, but for those that may be.
func (b *tab) lines(op string, may ...string) []string {
	b.t.Helper()
	lines := b.list(op, nil)
	return slices.DeleteFunc(lines, func(line string) bool {
		return slices.ContainsFunc(may, func(part string) bool { return strings.Contains(line, part) })
	})
}

// clean is that the console had nothing to complain of, but for what may be.
func (b *tab) clean(may ...string) {
	b.t.Helper()
	for _, line := range b.lines("trouble", may...) {
		b.t.Errorf("%s: the console: %s", b.name, line)
	}
}

func (b *tab) live() { b.t.Helper(); b.see("#state[data-state=live]", "Live") }

// signIn makes the tab somebody's, as its visitor does, and waits until the hub knows.
func (b *tab) signIn(name string) {
	b.t.Helper()
	b.click("#people label:has-text('" + name + "')")
	b.see("#session", "of "+name)
	b.live()
}

// artefacts is where pictures are kept: HUB_ARTEFACTS, else e2e/artefacts.
func artefacts(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("HUB_ARTEFACTS")
	if dir == "" {
		dir = "artefacts"
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}
