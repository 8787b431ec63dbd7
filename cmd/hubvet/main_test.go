package main_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// As its users run it: by go vet, on the example, and on the example with
// an exported handler beside it.
func TestGoVetRunsIt(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	tool := filepath.Join(t.TempDir(), "hubvet")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", tool, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	vet := func(args ...string) (string, error) {
		args = append([]string{"vet", "-vettool=" + tool}, args...)
		cmd := exec.CommandContext(ctx, "go", args...)
		cmd.Dir = "../.."
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := vet("./examples/...", "./sdk/go/..."); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	bad := filepath.Join(t.TempDir(), "bad.go")
	overlay := filepath.Join(t.TempDir(), "overlay.json")
	for name, text := range map[string]string{
		bad: `package backend

import (
	blogv1 "github.com/realtime-hub/hub/examples/blog/gen/blog/v1"
	hub "github.com/realtime-hub/hub/sdk/go"
)

func OnViewed() hub.Handler[*blogv1.ArticleViewed] { return nil }
`,
		overlay: `{"Replace":{"` + root + "/examples/blog/backend/bad.go" + `":"` + bad + `"}}`,
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := vet("-overlay", overlay, "./examples/blog/backend"); err == nil || !strings.Contains(out, "OnViewed makes a handler and is exported") {
		t.Errorf("%v\n%s", err, out)
	}
}
