package plugin_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/realtime-hub/hub/cmd/hub/internal/plugin"
)

// taste is what the linter says of names and comments that are protoc-gen-go's:
// Outer_Inner, and a package without a comment.
var taste = regexp.MustCompile(`(don't use underscores in Go names|package comment)`)

// Linters pass over generated code, if they are told to. This is it without its
// first line, in a module of its own: a package that comes and goes in this one
// would be another test's.
func TestGoPassesTheLinter(t *testing.T) {
	if os.Getenv("CI") != "true" && os.Getenv("HUB_E2E") != "required" {
		t.Skip("golangci-lint may take minutes to build; HUB_E2E=required, which make test sets, runs it")
	}
	root, err := filepath.Abs(repository)
	if err != nil {
		t.Fatal(err)
	}
	p := &project{dir: t.TempDir()}
	r := request(t, protos(t), "paths=source_relative")
	files, wrong := generate(t, r, plugin.Go)
	if wrong != "" {
		t.Fatal(wrong)
	}
	const module = "example.com/generated"
	here := strings.NewReplacer("github.com/realtime-hub/hub/cmd/hub/internal/plugin/testdata/gen", module)
	for name, text := range files {
		_, text, _ = strings.Cut(text, "\n\n")
		p.add(t, ".", map[string]string{strings.TrimSuffix(name, ".pb.go") + ".go": here.Replace(text)})
	}
	for name, text := range messages(t, r) {
		p.add(t, ".", map[string]string{name: here.Replace(text)})
	}
	mod := strings.Replace(readFile(t, repository+"/go.mod"), "module github.com/realtime-hub/hub", "module "+module, 1)
	p.add(t, ".", map[string]string{
		"go.mod": mod + "\nrequire github.com/realtime-hub/hub v0.0.0\nreplace github.com/realtime-hub/hub => " + root + "\n",
		"go.sum": readFile(t, repository+"/go.sum"),
	})
	linter := strings.TrimSpace(run(t, root, false, "go", "tool", "-modfile=tools/golangci/go.mod", "-n", "golangci-lint"))
	out := run(t, p.dir, true, linter, "run", "--allow-parallel-runners", "--config", root+"/.golangci.yml", "--disable", "gomoddirectives", // the replace above
		"--output.text.print-issued-lines=false", "--show-stats=false", "./...")
	for line := range strings.Lines(out) {
		if !strings.HasPrefix(line, "level=warning") && !taste.MatchString(line) {
			t.Errorf("%s", line)
		}
	}
	if !strings.Contains(out, "don't use underscores") {
		t.Errorf("the linter did not look: %s", out)
	}
}
