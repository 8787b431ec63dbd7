package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/realtime-hub/hub/hub/server"
)

// A call is one run of the command in a test.
type call struct {
	stdin       string
	environment []string
	open        openFront
}

// result is what came of it.
type result struct {
	code           int
	stdout, stderr string
}

func (c call) run(ctx context.Context, args ...string) result {
	var stdout, stderr bytes.Buffer
	code := run(ctx, args, process{
		stdin: strings.NewReader(c.stdin), stdout: &stdout, stderr: &stderr,
		environment: c.environment, open: c.open,
	})
	return result{code: code, stdout: stdout.String(), stderr: stderr.String()}
}

// want compares; a stderr that begins with ~ is a part of it.
func (r result) want(t *testing.T, code int, stdout, stderr string) {
	t.Helper()
	if r.code != code {
		t.Errorf("exit code %d, want %d", r.code, code)
	}
	if r.stdout != stdout {
		t.Errorf("stdout:\n%s\nwant:\n%s", r.stdout, stdout)
	}
	if part, some := strings.CutPrefix(stderr, "~"); some && strings.Contains(r.stderr, part) {
		return
	}
	if r.stderr != stderr {
		t.Errorf("stderr:\n%s\nwant:\n%s", r.stderr, stderr)
	}
}

// inFiles runs the rest of the test in a new directory with the files.
func inFiles(t *testing.T, files map[string]string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, content := range files {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// accept opens a hub that is content with everything and keeps what it was told.
func accept(told *server.Config) openFront {
	return func(cfg server.Config) (front, error) {
		*told = cfg
		return nil, nil
	}
}

func TestWrongCallsExitWithTwo(t *testing.T) {
	for _, c := range []struct {
		args   []string
		stderr string
	}{
		{[]string{"srve"}, "hub: unknown command \"srve\" for \"hub\"\n\nDid you mean this?\n\tserve\nSee: hub --help\n"},
		{[]string{"serve", "--prot"}, "hub: unknown flag: --prot\nSee: hub serve --help\n"},
		{[]string{"serve", "now"}, "hub: serve takes no arguments; there is \"now\"\nSee: hub serve --help\n"},
		{[]string{"broadcast", "a.b"}, "hub: broadcast needs a channel and its message as JSON, two arguments; there is 1\nSee: hub broadcast --help\n"},
		{[]string{"broadcast", "a.b", "@"}, "hub: @ needs the name of a file, as @article.json\nSee: hub broadcast --help\n"},
		{[]string{"channels", "x"}, "hub: channels takes no arguments; there is \"x\"\nSee: hub channels --help\n"},
		{[]string{"sessions", "x"}, "hub: sessions takes no arguments; there is \"x\"\nSee: hub sessions --help\n"},
		{[]string{"stats", "x"}, "hub: stats takes no arguments; there is \"x\"\nSee: hub stats --help\n"},
		{[]string{"version", "x"}, "hub: version takes no arguments; there is \"x\"\nSee: hub version --help\n"},
		{[]string{"check", "x"}, "hub: check takes no arguments; there is \"x\"\nSee: hub check --help\n"},
		{[]string{"token", "x", "--user", "ann"}, "hub: token takes no arguments; there is \"x\"\nSee: hub token --help\n"},
		{[]string{"disconnect", "x", "--user", "ann"}, "hub: disconnect takes no arguments; there is \"x\"\nSee: hub disconnect --help\n"},
		{[]string{"disconnect"}, "hub: at least one of the flags in the group [session user role] is required\nSee: hub disconnect --help\n"},
		{[]string{"disconnect", "--user", "a", "--role", "b"}, "~none of the others can be"},
		{[]string{"unsubscribe", "--user", "a"}, "hub: unsubscribe needs a channel, one argument, as blog.article.feed; there are 0\nSee: hub unsubscribe --help\n"},
		{[]string{"unsubscribe", "a.b"}, "~hub: at least one of the flags"},
		{[]string{"tail"}, "hub: tail needs a channel, one argument, as blog.article.feed; there are 0\nSee: hub tail --help\n"},
		{[]string{"tail", "a.b", "c.d"}, "hub: tail needs a channel, one argument, as blog.article.feed; there are 2\nSee: hub tail --help\n"},
		{[]string{"tail", "a.b", "--count", "-1"}, "~hub: invalid argument \"-1\" for \"--count\" flag"},
		{[]string{"explain"}, "hub: explain needs a channel, one argument, as blog.article.feed; there are 0\nSee: hub explain --help\n"},
		{[]string{"explain", "a.b", "--role", "editor"}, "hub: --role and --attribute say what a user has; say who with --user\nSee: hub explain --help\n"},
		{[]string{"explain", "a.b", "--user", "ann", "--attribute", "=x"}, "hub: --attribute \"=x\" is not NAME=VALUE, as tenant=acme\nSee: hub explain --help\n"},
		{[]string{"serve", "--watch"}, "hub: --watch has nothing to watch; name channels with --channels\nSee: hub serve --help\n"},
		{[]string{"channels", "--hub", "hub"}, "hub: address \"hub\" has no port; it is host:port, as hub:8081\nSee: hub channels --help\n"},
		{[]string{"channels", "--insecure", "--ca-file", "x"}, "~hub: "},
	} {
		call{}.run(t.Context(), c.args...).want(t, exitUsage, "", c.stderr)
	}
}

func TestEveryCommandHasAnExample(t *testing.T) {
	help := call{}.run(t.Context())
	if help.code != exitOK || help.stderr != "" {
		t.Fatalf("%+v", help)
	}
	listed := regexp.MustCompile(`(?m)^ {2}(\w+) +[A-Z]`).FindAllStringSubmatch(help.stdout, -1)
	if len(listed) < 13 {
		t.Errorf("the help lists %d commands:\n%s", len(listed), help.stdout)
	}
	for _, match := range listed {
		command := match[1]
		if command == "help" { // cobra's
			continue
		}
		own := call{}.run(t.Context(), command, "--help")
		if own.code != exitOK || !regexp.MustCompile(`Examples:\n  .*hub `+command).MatchString(own.stdout) {
			t.Errorf("%s: %+v", command, own)
		}
	}
	for _, args := range remoteCommands {
		if own := (call{}).run(t.Context(), args[0], "--help"); !strings.Contains(own.stdout, "HUB_TOKEN") {
			t.Errorf("%s does not tell of HUB_TOKEN", args[0])
		}
	}
}

func TestVersionSaysWhichBuild(t *testing.T) {
	text := call{}.run(t.Context(), "version")
	if text.code != exitOK || !strings.HasPrefix(text.stdout, "hub ") || !strings.Contains(text.stdout, "\ncommit ") {
		t.Errorf("%+v", text)
	}
	var b build
	if err := json.Unmarshal([]byte(call{}.run(t.Context(), "version", "--json").stdout), &b); err != nil || b.Go == "" || b.Version == "" {
		t.Errorf("%+v, %v", b, err)
	}
}

func TestTextOfOthersCannotSteerTheTerminal(t *testing.T) {
	if got, want := printable("a\x1b[2Jb\r\n\tc é\u202e"), "a\uFFFD[2Jb\uFFFD\n\tc é\uFFFD"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
