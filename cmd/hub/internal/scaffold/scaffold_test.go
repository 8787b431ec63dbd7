package scaffold_test

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/realtime-hub/hub/cmd/hub/internal/scaffold"
)

// shop is a repository that begins, as hub init leaves it.
type shop struct {
	scaffold.Project

	t testing.TB
}

func newShop(t testing.TB) *shop {
	t.Helper()
	s := &shop{t: t, Project: scaffold.Project{Root: t.TempDir(), Features: []string{"internal/features/*"}}}
	s.write("go.mod", "module example.com/shop\n\ngo 1.26.0\n")
	if _, err := scaffold.Init(s.Root); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *shop) write(name, text string) {
	s.t.Helper()
	path := filepath.Join(s.Root, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
		s.t.Fatal(err)
	}
}

func (s *shop) read(name string) string {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.Root, name))
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}

// replace edits a file as a person would.
func (s *shop) replace(name, old, by string) {
	s.t.Helper()
	text := s.read(name)
	if !strings.Contains(text, old) {
		s.t.Fatalf("%s has no %q:\n%s", name, old, text)
	}
	s.write(name, strings.Replace(text, old, by, 1))
}

// all are the files with their content.
func (s *shop) all() map[string]string {
	s.t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(s.Root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			name, _ := filepath.Rel(s.Root, path)
			files[name] = s.read(name)
		}
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return files
}

func (s *shop) channel(feature, name, scope string) (*scaffold.Report, error) {
	s.t.Helper()
	parsed, err := scaffold.ParseScope(scope)
	if err != nil {
		s.t.Fatal(err)
	}
	return scaffold.NewChannel(s.t.Context(), s.Project, scaffold.Addition{Feature: feature, Name: name, Scope: parsed})
}

func (s *shop) handler(feature, name, message string) (*scaffold.Report, error) {
	return scaffold.NewHandler(s.t.Context(), s.Project, scaffold.Addition{Feature: feature, Name: name, Message: message})
}

// must is for what only prepares the test.
func (s *shop) must(r *scaffold.Report, err error) *scaffold.Report {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

// is compares the outcomes, as "created buf.yaml".
func is(t testing.TB, r *scaffold.Report, want ...string) {
	t.Helper()
	var got []string
	for _, f := range r.Files {
		got = append(got, string(f.Outcome)+" "+f.Path)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// nothing fails where a file was not as it should be already.
func nothing(t testing.TB, r *scaffold.Report) {
	t.Helper()
	for _, f := range r.Files {
		if f.Outcome != scaffold.Unchanged {
			t.Errorf("%s: %s", f.Path, f.Outcome)
		}
	}
}

func TestInitLeavesWhatIsThere(t *testing.T) {
	s := newShop(t)
	s.write("buf.yaml", "version: v2\n")
	before := s.all()
	r := s.must(scaffold.Init(s.Root))
	if !maps.Equal(before, s.all()) {
		t.Error("a file was changed")
	}
	is(t, r, "kept, it differs buf.yaml", "nothing to do buf.gen.yaml", "nothing to do hub.yaml", "nothing to do third_party/hub/README.md",
		"nothing to do third_party/hub/hub/v1/channel.proto", "nothing to do third_party/hub/buf/validate/validate.proto",
		"nothing to do third_party/hub/buf/validate/LICENSE", "nothing to do proto/.gitkeep", "nothing to do internal/features/.gitkeep")
	if f := r.Files[0]; string(f.Have) != "version: v2\n" || !strings.Contains(string(f.Want), "third_party/hub") {
		t.Errorf("it is not told apart: %q, %q", f.Have, f.Want)
	}
}

func TestInitSaysWhatComesFirst(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "shop")
	r, err := scaffold.Init(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"go mod init example.com/NAME", "go get github.com/realtime-hub/hub",
		"go get -tool google.golang.org/protobuf/cmd/protoc-gen-go", "hub new channel FEATURE NAME SCOPE",
	}
	if !slices.Equal(r.Steps, want) {
		t.Errorf("to do: %q", r.Steps)
	}
}

func TestEverythingTwiceDoublesNothing(t *testing.T) {
	s := newShop(t)
	calls := []func() (*scaffold.Report, error){
		func() (*scaffold.Report, error) { return s.channel("blog", "article-feed", "public") },
		func() (*scaffold.Report, error) { return s.channel("blog", "inbox", "user-scoped") },
		func() (*scaffold.Report, error) { return s.channel("blog", "board", "role:editor,admin") },
		func() (*scaffold.Report, error) { return s.handler("blog", "article-feed", "ArticleViewed") },
		func() (*scaffold.Report, error) { return s.handler("blog", "inbox", "") },
		func() (*scaffold.Report, error) { return scaffold.Init(s.Root) },
	}
	for _, call := range calls {
		s.must(call())
	}
	before := s.all()
	for _, call := range calls {
		nothing(t, s.must(call()))
	}
	after := s.all()
	for name, text := range before {
		if after[name] != text {
			t.Errorf("%s was\n%s\nand is\n%s", name, text, after[name])
		}
	}
	if len(after) != len(before) {
		t.Errorf("%d files, then %d", len(before), len(after))
	}
}

func TestAChannelIsWrittenAsTheContractSays(t *testing.T) {
	s := newShop(t)
	r := s.must(s.channel("blog", "article-feed", "public"))
	is(t, r, "created proto/blog/v1/article_feed.proto", "created internal/features/blog/channels.go", "created internal/features/blog/symbols.go",
		"created internal/features/blog/bind_production.go", "created internal/features/blog/bind_development.go",
		"created internal/features/blog/feature_test.go", "created internal/features/blog/article_feed_contract_test.go", "changed hub.yaml")
	for name, part := range map[string]string{
		"proto/blog/v1/article_feed.proto":   "message ArticleFeed {\n  option (hub.v1.channel) = {\n    name: \"blog.article.feed\"\n    scope: {\n      public: {}\n",
		"internal/features/blog/channels.go": "\tArticleFeed = blogv1.ArticleFeedChannel\n\t// hub:channels\n",
		"hub.yaml":                           "\nchannels: [\"./proto\"]\n",
	} {
		if text := s.read(name); !strings.Contains(text, part) {
			t.Errorf("%s has no %q:\n%s", name, part, text)
		}
	}
	if want := "hub check && go vet ./internal/features/blog && go test ./internal/features/blog"; r.Verify != want {
		t.Errorf("verify: %s", r.Verify)
	}
}

func TestAHandlerIsPrivateAndInBothBinders(t *testing.T) {
	s := newShop(t)
	s.must(s.channel("blog", "article-feed", "public"))
	r := s.must(s.handler("blog", "article-feed", "ArticleViewed"))
	is(t, r, "created proto/blog/v1/article_viewed.proto", "created internal/features/blog/article_viewed.go",
		"created internal/features/blog/article_viewed_internal_test.go", "changed internal/features/blog/symbols.go",
		"changed internal/features/blog/bind_production.go", "changed internal/features/blog/bind_development.go")
	const registration = "\t\thub.Handle(blogv1.ArticleFeedInbound, onArticleViewed(b)),\n\t\t// hub:handlers\n"
	for name, parts := range map[string][]string{
		"proto/blog/v1/article_viewed.proto":         {`option (hub.v1.inbound) = {channel: "blog.article.feed"};`},
		"internal/features/blog/article_viewed.go":   {"func onArticleViewed(b hub.Broadcaster) hub.Handler[*blogv1.ArticleViewed] {"},
		"internal/features/blog/symbols.go":          {"OnArticleViewed = \"blog.onArticleViewed\"\n"},
		"internal/features/blog/bind_production.go":  {registration, "\tblogv1 \"example.com/shop/gen/blog/v1\"\n"},
		"internal/features/blog/bind_development.go": {registration, "\tblogv1 \"example.com/shop/gen/blog/v1\"\n"},
	} {
		for _, part := range parts {
			if text := s.read(name); strings.Count(text, part) != 1 {
				t.Errorf("%s does not have once %q:\n%s", name, part, text)
			}
		}
	}
}

// What people made of the files stays: the handler goes into a file that they
// have written in, and what they named otherwise is found.
func TestWhatPeopleWroteStays(t *testing.T) {
	s := newShop(t)
	s.must(s.channel("chat", "room", "authenticated"))
	const own = "\t\thub.OnAttach(nil), // mine\n"
	s.replace("internal/features/chat/bind_production.go", "(\n\t// hub:handlers", "(\n"+own+"\t// hub:handlers")
	s.replace("internal/features/chat/bind_production.go", "import hub ", "import (\n\troomv1 \"example.com/shop/gen/chat/v1\"\n\thub ")
	s.replace("internal/features/chat/bind_production.go", "/sdk/go\"\n", "/sdk/go\"\n)\n\nvar _ *roomv1.Room\n")
	s.replace("proto/chat/v1/room.proto", "  // TODO", "  // Mine.\n  string author = 2;\n  // TODO")
	s.must(s.handler("chat", "room", ""))
	text := s.read("internal/features/chat/bind_production.go")
	if !strings.Contains(text, own+"\t\thub.Handle(roomv1.RoomInbound, onRoom(b)),\n\t\t// hub:handlers\n") {
		t.Errorf("the binder:\n%s", text)
	}
	if text := s.read("proto/chat/v1/room.proto"); !strings.Contains(text, "  };\n  option (hub.v1.inbound) = {};\n\n  // Mine.\n") {
		t.Errorf("the proto:\n%s", text)
	}
	s.replace("internal/features/chat/room.go", "TODO", "Done")
	r := s.must(s.handler("chat", "room", ""))
	if f := r.Files[0]; f.Outcome != scaffold.Kept || !strings.Contains(s.read("internal/features/chat/room.go"), "Done") {
		t.Errorf("%s: %s", f.Path, f.Outcome)
	}
}

func TestOtherPathsOfHubYamlAreNotTouched(t *testing.T) {
	s := newShop(t)
	s.write("hub.yaml", "features: [\"internal/features/*\"]\n")
	r := s.must(s.channel("blog", "article-feed", "public"))
	if s.read("hub.yaml") != "features: [\"internal/features/*\"]\n" {
		t.Error("hub.yaml was changed")
	}
	if last := r.Steps[len(r.Steps)-1]; !strings.Contains(last, `"./proto"`) {
		t.Errorf("to do: %s", last)
	}
}
