package schema_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/realtime-hub/hub/hub/internal/fault"
	"github.com/realtime-hub/hub/hub/schema"
)

func names(s *schema.Snapshot) []string {
	var out []string
	for _, c := range s.Channels() {
		out = append(out, c.Name())
	}
	return out
}

func holds(t *testing.T, r *schema.Registry, want ...string) {
	t.Helper()
	if got := names(r.Snapshot()); !reflect.DeepEqual(got, want) {
		t.Errorf("the channels are %q, not %q", got, want)
	}
}

// Where channels may be, and the paths that are given for it.
func TestChannelsAreLoadedFromWhereTheyAre(t *testing.T) {
	feed := head + declare("Feed", "a.feed")
	split := map[string]string{
		"t/v1/feed.proto": `syntax = "proto3"; package t.v1; import "hub/v1/channel.proto"; import "t/v1/part.proto";
			message Feed { option (hub.v1.channel) = { name: "a.feed" scope: { public: {} } }; Part part = 1; }`,
		"t/v1/part.proto": `syntax = "proto3"; package t.v1; message Part { string text = 1; }`,
	}
	for _, place := range []struct {
		name  string
		files map[string]string
		paths []string
	}{
		{"a directory", map[string]string{"t/v1/feed.proto": feed}, []string{"."}},
		{"files that import each other", split, []string{"."}},
		{"a single file below its package's directory", split, []string{"t/v1/feed.proto"}},
		{"a single file elsewhere", map[string]string{"x/feed.proto": feed}, []string{"x/feed.proto"}},
		{"a directory and a file of it", split, []string{".", "t/v1/feed.proto"}},
		{"the same directory twice", split, []string{".", "."}},
		{"two directories with an equal file", map[string]string{"1/t/v1/feed.proto": feed, "2/t/v1/feed.proto": feed}, []string{"1", "2"}},
		{"two directories, one importing from the other", map[string]string{"1/t/v1/feed.proto": split["t/v1/feed.proto"], "2/t/v1/part.proto": split["t/v1/part.proto"]}, []string{"1", "2"}},
		{"beside hidden directories and what npm brings", map[string]string{"t/v1/feed.proto": feed, ".git/x.proto": "no proto", "a/node_modules/y.proto": "no proto"}, []string{"."}},
		{"with the hub's own files in their place", map[string]string{
			"t/v1/feed.proto": feed, "hub/v1/channel.proto": "not even proto", "buf/validate/validate.proto": "nor this",
		}, []string{"."}},
		{"with copies for third parties", map[string]string{
			"t/v1/feed.proto": feed, "third_party/protovalidate/buf/validate/validate.proto": vendored(t, "third_party/protovalidate/buf/validate/validate.proto"),
			"vendor/hub/v1/channel.proto": vendored(t, "proto/hub/v1/channel.proto"), "vendor/google/protobuf/any.proto": "stale",
		}, []string{"."}},
	} {
		t.Run(place.name, func(t *testing.T) {
			t.Chdir(tree(t, place.files))
			r := schema.New(schema.Config{})
			if _, err := r.Load(t.Context(), place.paths...); err != nil {
				t.Fatal(err)
			}
			holds(t, r, "a.feed")
		})
	}
}

func vendored(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A set that was compiled elsewhere says the same as its sources.
func TestCompiledSetsAreLoaded(t *testing.T) {
	files := map[string]string{"t/v1/t.proto": head + declare("Feed", "a.feed")}
	for _, form := range []struct {
		name string
		set  *descriptorpb.FileDescriptorSet
		with map[string]string
	}{
		{"with all imports", compiled(t, files), nil},
		{"without the hub's files", own(t, declare("Feed", "a.feed")), nil},
		{"beside its sources", compiled(t, files), files},
	} {
		t.Run(form.name, func(t *testing.T) {
			dir := tree(t, map[string]string{"channels.binpb": string(bytesOf(t, form.set))})
			paths := []string{filepath.Join(dir, "channels.binpb")}
			if form.with != nil {
				paths = append(paths, tree(t, form.with))
			}
			r := schema.New(schema.Config{})
			if _, err := r.Load(t.Context(), paths...); err != nil {
				t.Fatal(err)
			}
			holds(t, r, "a.feed")
		})
	}
}

// Kubernetes mounts files through links, in a directory that is one too.
func TestLinkedFilesAreRead(t *testing.T) {
	dir := tree(t, map[string]string{"..data_1/feed.proto": head + declare("Feed", "a.feed")})
	for link, target := range map[string]string{"..data": "..data_1", "feed.proto": "..data/feed.proto", "circle": "."} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	mounted := filepath.Join(t.TempDir(), "mounted")
	if err := os.Symlink(dir, mounted); err != nil {
		t.Fatal(err)
	}
	r := schema.New(schema.Config{})
	if _, err := r.Load(t.Context(), mounted); err != nil {
		t.Fatal(err)
	}
	holds(t, r, "a.feed")
}

func TestPathsThatDoNotLoadSayWhatToDo(t *testing.T) {
	feed := head + declare("Feed", "a.feed")
	for _, row := range []struct {
		name  string
		files map[string]string
		paths []string
		want  string
	}{
		{"nothing there", nil, []string{"nowhere"}, `nowhere: there is no such file or directory; channels are a directory of .proto files, a .proto file or a compiled descriptor set`},
		{"an empty directory", map[string]string{"x/y.txt": ""}, []string{"x"}, `x: has no .proto file; declare a channel there, or name another directory`},
		{"no channel", map[string]string{"x.proto": `syntax = "proto3"; message X {}`}, []string{"."}, `.: no message declares a channel; give one the option (hub.v1.channel)`},
		{"text that is no set", map[string]string{"x.txt": "hello"}, []string{"x.txt"}, `x.txt: is neither a .proto file nor a binary FileDescriptorSet; make one with: buf build -o channels.binpb`},
		{"an empty file", map[string]string{"x": ""}, []string{"x"}, `x: is neither a .proto file nor a binary FileDescriptorSet; make one with: buf build -o channels.binpb`},
		{"a link to nowhere", map[string]string{"a.proto": feed}, []string{"."}, `broken.proto: cannot be read: no such file or directory`},
		{"an import that is not there", map[string]string{"p/a.proto": head + "import \"b/c.proto\";\n"}, []string{"p"}, `a.proto:5:8: import "b/c.proto" is not there; imports are looked for below p`},
		{"an import from outside", map[string]string{"p/a.proto": head + "import \"../c.proto\";\n", "c.proto": `syntax = "proto3";`}, []string{"p"}, `a.proto:5:8: import "../c.proto" is not there; imports are looked for below p`},
		// Of a larger circle the compiler names whichever file it began with.
		{"a circle", map[string]string{"a.proto": `syntax = "proto3"; import "a.proto";`}, []string{"."}, `a.proto:1:27: cycle found in imports: "a.proto" -> "a.proto"`},
		{"two files of one name", map[string]string{"1/a.proto": feed, "2/a.proto": feed + "\n"}, []string{"1", "2"}, `2/a.proto: differs from 1/a.proto, and both are imported as "a.proto"; keep one`},
		{"a message in two files", map[string]string{"a.proto": feed, "b.proto": `syntax = "proto3"; package t.v1; import "a.proto"; message Feed {}`}, []string{"."}, `b.proto:1:60: symbol "t.v1.Feed" already defined at a.proto:5:9`},
		{"each path and each file at once", map[string]string{"a.proto": "syntax = 1;", "b.proto": `syntax = "proto3"; message {}`}, []string{"nowhere", "."}, `a.proto:1:10: syntax error: unexpected int literal, expecting string literal
b.proto:1:28: syntax error: unexpected '{'
nowhere: there is no such file or directory; channels are a directory of .proto files, a .proto file or a compiled descriptor set`},
		{"an inbound message of another package", map[string]string{
			"a.proto": feed, "b.proto": `syntax = "proto3"; package u.v1; import "hub/v1/channel.proto"; message Say { option (hub.v1.inbound) = { channel: "a.feed" }; }`,
		}, []string{"."}, `b.proto:1: message u.v1.Say: option (hub.v1.inbound).channel: "a.feed" is declared in another proto package, by message t.v1.Feed (a.proto); who declares a channel says what it takes`},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := tree(t, row.files)
			t.Chdir(dir)
			if row.name == "a link to nowhere" {
				if err := os.Symlink("nowhere", "broken.proto"); err != nil {
					t.Fatal(err)
				}
			}
			_, err := schema.New(schema.Config{}).Load(t.Context(), row.paths...)
			if err == nil || err.Error() != row.want {
				t.Errorf("it says\n%v\nnot\n%s", err, row.want)
			}
		})
	}
}

func TestSetsThatDoNotFitAreRefused(t *testing.T) {
	one := compiled(t, map[string]string{"t/v1/t.proto": head + declare("Feed", "a.feed")})
	other := compiled(t, map[string]string{"t/v1/t.proto": head + declare("Feed", "a.food")})
	dir := tree(t, map[string]string{
		"1.binpb": string(bytesOf(t, one)), "2.binpb": string(bytesOf(t, other)), "p/t/v1/t.proto": head + declare("Feed", "a.feed"),
	})
	t.Chdir(dir)
	for want, paths := range map[string][]string{
		`2.binpb: has another "t/v1/t.proto" than 1.binpb; keep one`:                               {"1.binpb", "2.binpb"},
		`2.binpb: has another "t/v1/t.proto" than the sources; compile it again, or leave one out`: {"p", "2.binpb"},
	} {
		if _, err := schema.New(schema.Config{}).Load(t.Context(), paths...); err == nil || err.Error() != want {
			t.Errorf("it says %v, not %s", err, want)
		}
	}
}

// What was there stays, whatever is wrong with the next.
func TestAFailedLoadChangesNothing(t *testing.T) {
	r := loaded(t, schema.Config{}, declare("Feed", "a.feed"))
	before := r.Snapshot()
	for _, path := range []string{"nowhere", tree(t, map[string]string{"a.proto": head + "message A { option (hub.v1.channel) = {}; }" + declare("B", "b.b")})} {
		if _, err := r.Load(t.Context(), path); err == nil {
			t.Fatal("it is loaded")
		}
		if r.Snapshot() != before {
			t.Error("the snapshot is another")
		}
	}
}

func TestLoadWithoutPathsTakesAllAway(t *testing.T) {
	r := loaded(t, schema.Config{}, declare("Feed", "a.feed"))
	change, err := r.Load(t.Context())
	change.Before = nil
	if err != nil || !reflect.DeepEqual(change, schema.Change{Removed: []string{"a.feed"}}) {
		t.Errorf("%+v, %v", change, err)
	}
	holds(t, r)
}

func TestLoadEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := schema.New(schema.Config{}).Load(ctx, tree(t, map[string]string{"a.proto": head + declare("A", "a.b")}))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("it says %v", err)
	}
}

// A terminal and a trailer take some; the rest is counted.
func TestManyProblemsAreCut(t *testing.T) {
	var text strings.Builder
	for i := range 60 {
		text.WriteString(declare("A"+strconv.Itoa(i), "a"))
	}
	_, err := schema.New(schema.Config{}).Load(t.Context(), tree(t, map[string]string{"a.proto": head + text.String()}))
	found, ok := errors.AsType[*schema.Problems](err)
	if !ok || len(found.List) != 50 || found.More != 10 || !strings.HasSuffix(err.Error(), "\nand 10 more") {
		t.Fatalf("%v", err)
	}
	want := schema.Problem{
		File: "a.proto", Line: 5, Message: "t.v1.A0", Option: "option (hub.v1.channel).name",
		Text: `"a" is malformed: the name has one segment; at least 2 are needed, as "blog.feed"`,
	}
	if found.List[0] != want {
		t.Errorf("the first is %+v", found.List[0])
	}
	f := fault.Of(err)
	if len(f.Violations) != 50 || f.Violations[0] != (fault.Violation{Field: "a.proto:5: message t.v1.A0: option (hub.v1.channel).name", Message: want.Text}) {
		t.Errorf("the fault is %v", f.Violations)
	}
}
