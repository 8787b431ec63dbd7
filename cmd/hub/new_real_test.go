package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// From an empty folder to tests that pass, by the commands that a user types:
// the command itself, buf, and go, in a module outside of the tree.
func TestFromNothingToATestedChannel(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute) // buf may have to be built, which takes 85 s
	defer cancel()
	clone, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	bin, shop := t.TempDir(), t.TempDir()
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	run := func(dir string, args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(ctx, args[0], args[1:]...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOPROXY=off", "GOFLAGS=-mod=mod -buildvcs=false", "GOWORK=off")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	run(".", "go", "build", "-race", "-o", filepath.Join(bin, "hub"), ".")
	tool := exec.CommandContext(ctx, "go", "tool", "-modfile=tools/go.mod", "-n", "buf")
	tool.Dir = clone
	buf, err := tool.Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(strings.TrimSpace(string(buf)), filepath.Join(bin, "buf")); err != nil {
		t.Fatal(err)
	}
	sums, err := os.ReadFile(filepath.Join(clone, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}

	run(shop, "go", "mod", "init", "example.com/shop")
	run(shop, "go", "mod", "edit", "-replace=github.com/realtime-hub/hub="+clone)
	if err := os.WriteFile(filepath.Join(shop, "go.sum"), sums, 0o600); err != nil {
		t.Fatal(err)
	}
	protobuf := strings.TrimSpace(run(clone, "go", "list", "-m", "-f", "{{.Version}}", "google.golang.org/protobuf"))
	run(shop, "hub", "init")
	run(shop, "go", "get", "github.com/realtime-hub/hub")
	run(shop, "go", "get", "-tool", "google.golang.org/protobuf/cmd/protoc-gen-go@"+protobuf) // without a version it would ask the proxy
	run(shop, "hub", "new", "channel", "chat", "room", "public")
	run(shop, "hub", "new", "handler", "chat", "room")
	run(shop, "hub", "new", "channel", "blog", "inbox", "user-scoped")
	run(shop, "hub", "new", "channel", "blog", "article-feed", "role:editor,admin")
	run(shop, "hub", "new", "handler", "blog", "article-feed", "--message", "ArticleViewed")
	run(shop, "buf", "lint")
	if out := run(shop, "buf", "format", "--diff", "proto"); out != "" {
		t.Errorf("buf would format:\n%s", out)
	}
	run(shop, "buf", "generate")
	run(shop, "hub", "check")
	if out := run(shop, "go", "test", "-race", "-vet=all", "./..."); strings.Count(out, "ok  \texample.com/shop/internal/features/") != 2 {
		t.Errorf("go test says:\n%s", out)
	}
	// What was generated changes nothing of what is written.
	if out := run(shop, "hub", "new", "handler", "chat", "room"); strings.Count(out, "nothing to do") != 5 || strings.Contains(out, "go get") {
		t.Errorf("a second time:\n%s", out)
	}
}
