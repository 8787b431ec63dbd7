package plugin_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// run is a command's output, in a folder; it fails the test where the command does, unless
// that is what it is for.
func run(t testing.TB, dir string, may bool, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil && (!may || ctx.Err() != nil) {
		t.Errorf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

func TestGoCompilesAndPassesVet(t *testing.T) {
	run(t, ".", false, "go", "vet", "./testdata/gen/...", "./testdata/snippets/good")
}

// What the brief is judged by: a wrong payload type and a missing param do not
// compile, nor do their relatives.
func TestMisuseOfGoDoesNotCompile(t *testing.T) {
	const file = "testdata/snippets/bad/bad.go"
	out := run(t, ".", true, "go", "build", "-gcflags=-e", "./testdata/snippets/bad")
	got := refusedLines(out, regexp.MustCompile(`bad\.go:(\d+):`))
	want := markedLines(t, file, "// refused")
	if len(want) < 10 || !slices.Equal(got, want) {
		t.Errorf("lines %v of %s do not compile, not %v\n%s", got, file, want, out)
	}
}

// refusedLines are the lines that a compiler complains of, each once.
func refusedLines(out string, place *regexp.Regexp) []string {
	var lines []string
	for _, match := range place.FindAllStringSubmatch(out, -1) {
		if !slices.Contains(lines, match[1]) {
			lines = append(lines, match[1])
		}
	}
	return lines
}

func markedLines(t testing.TB, file, mark string) []string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for i, line := range bytes.Split(text, []byte("\n")) {
		if bytes.HasSuffix(line, []byte(mark)) {
			lines = append(lines, fmt.Sprint(i+1))
		}
	}
	return lines
}
