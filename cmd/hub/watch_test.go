package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/fsnotify/fsnotify"
)

func write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// declares is feedProto for another channel and package.
func declares(channel string) string {
	return strings.ReplaceAll(feedProto, "blog.article.feed", channel)
}

func TestWatchedChannelsAreReadAgain(t *testing.T) {
	const file = "proto/blog/v1/feed.proto"
	inFiles(t, map[string]string{file: feedProto})
	h := startHub(t, nil, "--channels", "proto", "--watch")

	write(t, file, declares("blog.article.two"))
	h.stderr.until(t, "channel added: blog.article.two")
	h.stderr.until(t, "channel removed: blog.article.feed")

	// A broken file keeps the last good channels, and each mistake has its place.
	write(t, file, "syntax = \"proto3\";\npackage blog.v1;\nmessage Broken { string a = ; }\n")
	h.stderr.until(t, "not reloaded, the old state stays")
	h.stderr.until(t, "blog/v1/feed.proto:3:")
	call{}.run(t.Context(), "broadcast", "blog.article.two", `{"title":"Hello"}`, "--hub", h.grpc, "--id", "1").want(t, exitOK, "1\n", "")

	// As editors save: the new file takes the place of the old.
	write(t, "proto/blog/v1/.feed.proto.swp", declares("blog.article.three"))
	must(t, os.Rename("proto/blog/v1/.feed.proto.swp", file))
	h.stderr.until(t, "channel added: blog.article.three")

	// A new directory in a new directory.
	write(t, "proto/chat/v1/chat.proto", strings.ReplaceAll(declares("chat.room.said"), "package blog.v1", "package chat.v1"))
	h.stderr.until(t, "channel added: chat.room.said")
	write(t, "proto/chat/v1/chat.proto", strings.ReplaceAll(declares("chat.room.told"), "package blog.v1", "package chat.v1"))
	h.stderr.until(t, "channel added: chat.room.told")

	// A directory that goes.
	must(t, os.RemoveAll("proto/chat"))
	h.stderr.until(t, "channel removed: chat.room.told")

	// All of it goes, as when another branch is checked out, and comes back.
	must(t, os.Rename("proto", "away"))
	h.stderr.until(t, "there is no such file or directory")
	call{}.run(t.Context(), "broadcast", "blog.article.three", `{"title":"Hello"}`, "--hub", h.grpc, "--id", "1").want(t, exitOK, "1\n", "")
	write(t, file, declares("blog.article.four"))
	h.stderr.until(t, "channel added: blog.article.four")
	write(t, file, declares("blog.article.five"))
	h.stderr.until(t, "channel added: blog.article.five")

	if code := h.stop(); code != exitOK {
		t.Errorf("exit code %d, said:\n%s", code, h.stderr.lines())
	}
}

func TestWatchLooksAtChannelsOnly(t *testing.T) {
	const config = "channels: [ proto ]\nlog: { level: DEBUG }\n"
	inFiles(t, map[string]string{"hub.yaml": config, "proto/blog/v1/feed.proto": feedProto, "other/blog/v1/feed.proto": declares("blog.article.other")})
	h := startHub(t, nil, "--watch")

	write(t, "hub.yaml", config+"limits: { max_ids: 7 }\n") // is SIGHUP's
	write(t, "proto/blog/v1/feed.proto", declares("blog.article.two"))
	h.stderr.until(t, "channel removed: blog.article.feed")
	if said := h.stderr.lines(); strings.Contains(said, "needs a restart") || strings.Contains(said, "nothing changed") {
		t.Errorf("said:\n%s", said)
	}

	// SIGHUP reads the configuration, and from then on what it names is watched.
	write(t, "hub.yaml", strings.Replace(config, "proto", "other", 1))
	h.hangup <- syscall.SIGHUP
	h.stderr.until(t, "channel added: blog.article.other")
	write(t, "other/blog/v1/feed.proto", declares("blog.article.last"))
	h.stderr.until(t, "channel added: blog.article.last")
}

func TestWatchTellsChannelsFromWhatIsBeside(t *testing.T) {
	inFiles(t, map[string]string{
		"proto/blog/v1/feed.proto": feedProto, "proto/blog/v1/README.md": "x", "proto/blog/v1/.feed.proto.swp": "x",
		"proto/.git/HEAD": "x", "proto/node_modules/x.proto": "x", "proto/new/x": "x", "hub.yaml": "x", "set.binpb": "x", "other.binpb": "x",
	})
	w, err := watchChannels(t.Context(), newLog(watch(), nil), []string{"proto", "set.binpb"})
	must(t, err)
	defer w.close()
	for _, c := range []struct {
		name string
		op   fsnotify.Op
		want bool
	}{
		{"proto/blog/v1/feed.proto", fsnotify.Write, true},
		{"proto/blog/v1/feed.proto", fsnotify.Chmod, false},
		{"proto/blog/v1/gone.proto", fsnotify.Remove, true},
		{"proto/blog/v1", fsnotify.Rename, true},
		{"proto/new", fsnotify.Create, true},
		{"proto", fsnotify.Remove, true},
		{"set.binpb", fsnotify.Write, true},
		{"other.binpb", fsnotify.Write, false},
		{"hub.yaml", fsnotify.Write, false},
		{"proto/blog/v1/README.md", fsnotify.Write, false},
		{"proto/blog/v1/.feed.proto.swp", fsnotify.Create, false},
		{"proto/.git", fsnotify.Create, false},
		{"proto/.git/HEAD", fsnotify.Write, false},
		{"proto/node_modules/x.proto", fsnotify.Write, false},
	} {
		event := fsnotify.Event{Name: absolute([]string{c.name})[0], Op: c.op}
		if got := w.concerns(event); got != c.want {
			t.Errorf("%v: %v, want %v", event, got, c.want)
		}
	}
}

// Kubernetes replaces all files of a mount by one link.
func TestWatchSeesAMountThatIsReplaced(t *testing.T) {
	inFiles(t, map[string]string{"proto/..1/feed.proto": feedProto, "proto/..2/feed.proto": declares("blog.article.two")})
	must(t, os.Symlink("..1", "proto/..data"))
	must(t, os.Symlink("..data/feed.proto", "proto/feed.proto"))
	h := startHub(t, nil, "--channels", "proto", "--watch")
	must(t, os.Symlink("..2", "proto/..data_tmp"))
	must(t, os.Rename("proto/..data_tmp", "proto/..data"))
	h.stderr.until(t, "channel added: blog.article.two")
}

func TestWatchedSingleFileIsReadAgain(t *testing.T) {
	inFiles(t, map[string]string{"feed.proto": feedProto})
	h := startHub(t, nil, "--channels", "feed.proto", "--watch")
	must(t, os.Remove("feed.proto"))
	h.stderr.until(t, "not reloaded, the old state stays")
	write(t, "feed.proto", declares("blog.article.two"))
	h.stderr.until(t, "channel added: blog.article.two")
}

func TestWithoutWatchFilesAreLeftAlone(t *testing.T) {
	inFiles(t, map[string]string{"proto/blog/v1/feed.proto": feedProto})
	h := startHub(t, nil, "--channels", "proto")
	write(t, "proto/blog/v1/feed.proto", declares("blog.article.two"))
	if code := h.stop(); code != exitOK || strings.Contains(h.stderr.lines(), "blog.article.two") {
		t.Errorf("exit code %d, said:\n%s", code, h.stderr.lines())
	}
}
