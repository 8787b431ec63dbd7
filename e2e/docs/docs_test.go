// Package docs_test is a reader who believes the documentation: it follows
// README.md, docs/*.md and docs/guide/*.md from top to bottom, and docs/errors
// beside them, with the real command, the real clients and a real hub.
//
// What becomes of a code block is said by its language:
//
//	sh       run by bash -euo pipefail. In a block that is introduced by "in a terminal of its own"
//	         the last command is left running, until the document ends or the same command is
//	         started again (then it gets Ctrl-C, and has to end well)
//	console  lines with "$ " are run, what they print is compared with the lines below them
//	output   is printed, line by line in this order, by one of the programs that were left running
//	proto    a whole file, or declarations that are put into one: `hub check` takes it
//	yaml     a configuration: `hub check` takes it, with made-up files and secrets where it names some
//	go       statements or declarations, compiled within this module
//	json     parses; in docs/errors it is what the request above it is answered
//	text     a picture. It is neither run nor checked
//
// Any other language, and none, fails the test. A block under a line that ends
// with a file's name and a colon (`listen.mjs`:) is that file, and has to be
// used by a command below; only so can there be js and python.
// "…" in what is printed stands for anything, a line of its own for any lines.
//
// What the reader does otherwise than is written (stage_test.go, standins_test.go):
// the documents' addresses (127.0.0.1:8080 and so on) become free ones, so that
// tests run beside each other; the clone is a folder of links to the real one;
// hub is built once, so that `go install ./cmd/hub` does nothing and
// `go run ./cmd/hub` is hub; what go builds has the race detector; a module of
// the document's own stands on the real clone, and takes the versions of that;
// buf is that of tools/go.mod; a hub drains at once; `npm install` links what e2e
// has installed; `apt-get install` looks whether it is there; `make demo` is
// opened once and stopped, `make test` only asked what it would do. A page that is
// to be opened is, in Chromium (visit_test.go).
package docs_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// patience is how long a reader waits for what must come. A Go program has to
// be built first.
const patience = time.Minute

// clone is the repository's root, and built the folder of what was built of it.
var clone, built string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if missing := missing(); missing != "" {
		if os.Getenv("CI") == "true" || os.Getenv("HUB_E2E") == "required" {
			fmt.Fprintln(os.Stderr, "docs:", missing)
			return 1
		}
		fmt.Println("docs: skipped:", missing)
		return 0
	}
	if err := build(); err != nil {
		fmt.Fprintln(os.Stderr, "docs:", err)
		return 1
	}
	defer os.RemoveAll(built)
	return m.Run()
}

func missing() string {
	for _, name := range []string{"node", "bash", "make"} {
		if _, err := exec.LookPath(name); err != nil {
			return name + " is not installed"
		}
	}
	if _, err := os.Stat("../node_modules"); err != nil {
		return "the clients are not installed; run `make test`"
	}
	return ""
}

// build makes the hub and the stand-ins once. With the race detector: the
// packages are built for the other tests already, and a race ends the hub.
func build() error {
	var err error
	if clone, err = filepath.Abs("../.."); err != nil {
		return err
	}
	if err := lookAtSources(); err != nil {
		return err
	}
	if built, err = os.MkdirTemp("", "hub-docs-"); err != nil {
		return err
	}
	cmd := exec.Command("go", "build", "-race", "-o", filepath.Join(built, "bin", "hub"), "./cmd/hub")
	cmd.Dir = clone
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w\n%s", cmd, err, out)
	}
	buf := exec.Command("go", "tool", "-modfile=tools/go.mod", "-n", "buf") // builds it, which may take longer than a reader's patience
	buf.Dir = clone
	if out, err := buf.CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w\n%s", buf, err, out)
	}
	return errors.Join(standIns(filepath.Join(built, "bin"))...)
}

// lookAtSources has go test know what the hub is made of: what go build reads is
// hidden from it, and it would repeat a pass from its cache.
func lookAtSources() error {
	return filepath.WalkDir(clone, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == "node_modules" || entry.Name() == ".git"):
			return filepath.SkipDir
		case slices.Contains([]string{".go", ".mod", ".proto", ".html", ".js", ".mjs", ".tmpl"}, filepath.Ext(path)):
			_, err = os.Stat(path)
		}
		return err
	})
}

// documents are the pages that are followed; pages of docs/errors are in
// errors_test.go.
func documents(t *testing.T) []string {
	t.Helper()
	found := []string{"README.md"}
	for _, pattern := range []string{"docs/*.md", "docs/guide/*.md"} {
		paths, err := filepath.Glob(filepath.Join(clone, pattern))
		if err != nil || len(paths) == 0 {
			t.Fatalf("%s matches nothing: %v", pattern, err)
		}
		for _, path := range paths {
			found = append(found, strings.TrimPrefix(path, clone+"/"))
		}
	}
	return found
}

func TestDocumentsDoWhatTheySay(t *testing.T) {
	t.Parallel()
	for _, path := range documents(t) {
		t.Run(strings.ReplaceAll(path, "/", "-"), func(t *testing.T) {
			t.Parallel()
			blocks := read(t, path)
			needs(t, blocks)
			s := newStage(t)
			follow(t, s, blocks)
			if visit := visits[path]; visit != nil {
				visit(t, s)
			}
		})
	}
}

// needs skips a document that needs a client which is not installed, unless
// HUB_CLIENTS=required; `make test` says so.
func needs(t *testing.T, blocks []block) {
	t.Helper()
	commands := map[string]string{"curl": "curl ", "python3": "python3 "}
	out, err := exec.Command("../clients").Output()
	if err != nil {
		t.Fatal(err)
	}
	for absent := range strings.FieldsSeq(string(out)) {
		family, _, _ := strings.Cut(absent, "-") // python3-socketio, python3-aiohttp
		for name, command := range commands {
			used := func(b block) bool { return b.runs() && strings.Contains(b.text, command) }
			if name == family && anyBlock(blocks, used) {
				without(t, absent)
			}
		}
	}
}

// without ends a test for want of a client.
func without(t *testing.T, absent string) {
	t.Helper()
	message := fmt.Sprintf("not installed: %s; on Debian: apt-get install --no-install-recommends %s", absent, absent)
	if os.Getenv("HUB_CLIENTS") == "required" {
		t.Fatal(message)
	}
	t.Skip(message)
}
