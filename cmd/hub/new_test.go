package main

import (
	"os"
	"strings"
	"testing"
)

const goMod = "module example.com/shop\n\ngo 1.26.0\n"

// ok is a call that has to succeed.
func ok(t *testing.T, args ...string) result {
	t.Helper()
	r := call{}.run(t.Context(), args...)
	if r.code != exitOK {
		t.Fatalf("%v: exit code %d\n%s", args, r.code, r.stderr)
	}
	return r
}

func TestInitWritesWhatServeAndCheckTake(t *testing.T) {
	inFiles(t, map[string]string{"go.mod": goMod})
	r := ok(t, "init")
	if !strings.HasPrefix(r.stdout, "created          buf.yaml\n") || !strings.Contains(r.stdout, "\nThen see whether all is well:\n  hub check\n") {
		t.Errorf("stdout:\n%s", r.stdout)
	}
	ok(t, "check")
	ok(t, "new", "channel", "blog", "article-feed", "public")
	ok(t, "new", "handler", "blog", "article-feed", "--message", "article-viewed")
	if r := ok(t, "check"); !strings.HasSuffix(r.stdout, "  blog.article.feed  public\n") || r.stderr != "" {
		t.Errorf("check says:\n%s%s", r.stdout, r.stderr)
	}
}

func TestInitShowsHowAKeptFileDiffers(t *testing.T) {
	inFiles(t, map[string]string{"shop/buf.yaml": "version: v1\x1b[2J\n"})
	r := ok(t, "init", "--diff", "shop")
	for _, part := range []string{"kept, it differs buf.yaml\n", "-version: v1\uFFFD[2J\n", "+version: v2\n", "\n  cd shop\n", "go mod init example.com/NAME"} {
		if !strings.Contains(r.stdout, part) {
			t.Errorf("no %q in\n%s", part, r.stdout)
		}
	}
	if r := ok(t, "init", "shop"); strings.Contains(r.stdout, "version: v1") {
		t.Errorf("without being asked:\n%s", r.stdout)
	}
}

func TestNewSaysWhatIsWrong(t *testing.T) {
	inFiles(t, map[string]string{"go.mod": goMod, "empty/x": "", "wrong/hub.yaml": "nonsense: 1\n", "file": ""})
	ok(t, "init")
	for _, c := range []struct {
		dir    string
		args   []string
		code   int
		stderr string
	}{
		{"empty", []string{"new", "channel", "blog", "feed", "public"}, exitFailed, "~hub init"},
		{"wrong", []string{"new", "channel", "blog", "feed", "public"}, exitFailed, "~hub.yaml:1:1: nonsense: "},
		{".", []string{"new"}, exitUsage, "~new needs what to make: channel or handler"},
		{".", []string{"new", "room"}, exitUsage, "~new makes a channel or a handler, no \"room\""},
		{".", []string{"new", "channel", "blog", "feed"}, exitUsage, "~channel needs a feature, a name and a scope; there are 2"},
		{".", []string{"new", "channel", "blog", "feed", "role"}, exitUsage, "~role:NAME[,NAME…], user-scoped[:PARAM]"},
		{".", []string{"new", "channel", "Blog", "feed", "public"}, exitFailed, "~\"Blog\" is no name of a feature"},
		{".", []string{"new", "handler", "blog", "feed"}, exitFailed, "~hub new channel blog feed SCOPE"},
		{".", []string{"init", "a", "b"}, exitUsage, "~init takes one folder; there are 2"},
		{".", []string{"init", ""}, exitUsage, "~init needs a folder"},
		{".", []string{"init", "file"}, exitFailed, "~file is a file; hub init needs a folder"},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			t.Chdir(c.dir)
			r := call{}.run(t.Context(), c.args...)
			r.want(t, c.code, "", c.stderr)
		})
	}
}

func TestCheckGuardsTheAnchors(t *testing.T) {
	inFiles(t, map[string]string{"go.mod": goMod})
	ok(t, "init")
	ok(t, "new", "channel", "blog", "article-feed", "public")
	const file = "internal/features/blog/symbols.go"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(strings.Replace(string(text), "// hub:symbols", "", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	call{}.run(t.Context(), "check").want(t, exitFailed, "",
		"hub: 1 mistake:\n"+file+": the anchor is missing; put the line `// hub:symbols` back, as the last line of const ( … )\n")
	t.Chdir("internal") // features are where hub.yaml is
	call{}.run(t.Context(), "check", "--config", "../hub.yaml").want(t, exitFailed, "", "~../"+file+": the anchor is missing")
}

func TestNewCompletesFeaturesAndScopes(t *testing.T) {
	inFiles(t, map[string]string{"go.mod": goMod})
	ok(t, "init")
	ok(t, "new", "channel", "blog", "article-feed", "public")
	for line, want := range map[string]string{
		"new channel ":                  "blog\n:4\n",
		"new handler b":                 "blog\n:4\n",
		"new channel blog feed ":        "public\nauthenticated\nrole:\nuser-scoped\nhandler\n:6\n",
		"new channel blog feed ro":      "role:\n:6\n",
		"new channel blog feed us":      "user-scoped\n:4\n",
		"new handler blog feed ":        ":4\n",
		"new channel blog ":             ":4\n",
		"new handler blog x --message ": ":4\n",
	} {
		args := append([]string{"__complete"}, strings.Split(line, " ")...)
		if r := (call{}).run(t.Context(), args...); r.stdout != want {
			t.Errorf("%q: %q, want %q", line, r.stdout, want)
		}
	}
	t.Chdir(t.TempDir()) // no hub.yaml is no completion
	if r := (call{}).run(t.Context(), "__complete", "new", "channel", ""); r.stdout != ":4\n" {
		t.Errorf("%q", r.stdout)
	}
}
