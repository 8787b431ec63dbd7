package scaffold_test

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/realtime-hub/hub/cmd/hub/internal/scaffold"
)

func TestScopes(t *testing.T) {
	for _, good := range []string{"public", "authenticated", "handler", "role:editor", "role:editor,admin", "user-scoped:account"} {
		if s, err := scaffold.ParseScope(good); err != nil || s.String() != good {
			t.Errorf("%s: %v, %v", good, s, err)
		}
	}
	if s, err := scaffold.ParseScope("user-scoped"); err != nil || s.Param != "user_id" {
		t.Errorf("%v, %v", s, err)
	}
	for _, bad := range []string{"role", "", "private", "public:x"} {
		if _, err := scaffold.ParseScope(bad); err == nil || !strings.Contains(err.Error(), scaffold.Scopes) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for _, bad := range []string{"role:", "role:a,,b", "role:a,a", "role:" + strings.Repeat("x", 129)} {
		if _, err := scaffold.ParseScope(bad); err == nil {
			t.Errorf("%q passes", bad)
		}
	}
}

// Each refusal says what to do, and writes nothing.
func TestRefusals(t *testing.T) {
	const feed = "proto/blog/v1/article_feed.proto"
	feature := func(file string) string { return "internal/features/blog/" + file }
	remove := func(name string) func(*shop) {
		return func(s *shop) { _ = os.Remove(filepath.Join(s.Root, name)) }
	}
	for name, c := range map[string]struct {
		prepare func(s *shop)
		command []string // channel FEATURE NAME SCOPE, or handler FEATURE NAME MESSAGE
		want    string
	}{
		"no go.mod":            {remove("go.mod"), []string{"channel", "shop", "cart", "public"}, "go mod init"},
		"a feature's grammar":  {nil, []string{"channel", "Blog", "cart", "public"}, `"Blog" is no name of a feature`},
		"a reserved feature":   {nil, []string{"channel", "hub", "cart", "public"}, "reserved for the hub's own events"},
		"a word of Go":         {nil, []string{"channel", "func", "cart", "public"}, "a meaning of its own in Go"},
		"a path":               {nil, []string{"channel", "../x", "cart", "public"}, "is no name of a feature"},
		"a channel's grammar":  {nil, []string{"channel", "blog", "Cart", "public"}, `"Cart" is no name of a channel`},
		"an empty segment":     {nil, []string{"channel", "blog", "a--b", "public"}, "is no name of a channel"},
		"a param's grammar":    {nil, []string{"channel", "blog", "cart", "user-scoped:User"}, "which a hub refuses: segment 3"},
		"a role that steers":   {nil, []string{"channel", "blog", "cart", "role:a\x1b[2J"}, "a character that cannot be printed"},
		"another scope":        {nil, []string{"channel", "blog", "article-feed", "authenticated"}, "is there already, with scope public; change it in " + feed},
		"another's name":       {declare, []string{"channel", "blog", "cart", "public"}, "the channel blog.cart is declared already, by other.v1.Cart"},
		"a name of Go's":       {nil, []string{"channel", "blog", "config", "public"}, "bind_production.go declares Config already"},
		"the same shape":       {declare, []string{"channel", "blog", "basket", "user-scoped"}, "a hub would not take the new channel:\nblog/v1/basket.proto:"},
		"a broken proto":       {func(s *shop) { s.write("proto/blog/v1/x.proto", "nonsense") }, []string{"channel", "blog", "cart", "public"}, "mend them first"},
		"no features":          {func(s *shop) { s.Features = nil }, []string{"channel", "shop", "cart", "public"}, `features: ["internal/features/*"]`},
		"a feature elsewhere":  {func(s *shop) { s.Features = []string{"x/blog"} }, []string{"channel", "shop", "cart", "public"}, "ends with /*"},
		"no feature's folder":  {func(s *shop) { s.write("internal/features/shop/x.go", "package shop\n") }, []string{"channel", "shop", "cart", "public"}, "not a feature"},
		"a missing file":       {remove(feature("symbols.go")), []string{"channel", "blog", "cart", "public"}, feature("symbols.go") + ": the file is missing"},
		"no channel":           {nil, []string{"handler", "blog", "cart", ""}, "the feature has blog.article.feed (ArticleFeed)"},
		"a message's grammar":  {nil, []string{"handler", "blog", "article-feed", "a b"}, "is no name of a message"},
		"a second message":     {handled, []string{"handler", "blog", "article-feed", "ArticleRead"}, "browsers send ArticleViewed on blog.article.feed already"},
		"a message of another": {nil, []string{"handler", "blog", "article-feed", "Inbox"}, "is there already, and declares none for the channel"},
		"a missing anchor": {
			func(s *shop) { s.replace(feature("bind_development.go"), "// hub:handlers", "") },
			[]string{"handler", "blog", "article-feed", ""},
			feature("bind_development.go") + ": the anchor is missing; put the line `// hub:handlers` back, as the last line of reg.Register( … )",
		},
		"an anchor twice": {
			func(s *shop) {
				s.replace(feature("channels.go"), "// hub:channels", "// hub:channels\n\t// hub:channels")
			},
			[]string{"channel", "blog", "cart", "public"},
			"the anchor `// hub:channels` is there twice",
		},
		"a handler's name": {
			func(s *shop) { s.write(feature("x.go"), "package blog\n\nfunc onArticleFeed() {}\n") },
			[]string{"handler", "blog", "article-feed", ""},
			"x.go declares onArticleFeed already",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t)
			s.must(s.channel("blog", "article-feed", "public"))
			s.must(s.channel("blog", "inbox", "user-scoped"))
			if c.prepare != nil {
				c.prepare(s)
			}
			before := s.all()
			var err error
			if c.command[0] == "channel" {
				_, err = s.channel(c.command[1], c.command[2], c.command[3])
			} else {
				_, err = s.handler(c.command[1], c.command[2], c.command[3])
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v\nwant %s", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), filepath.Dir(s.Root)) {
				t.Errorf("it speaks of a folder that nobody knows: %v", err)
			}
			if !maps.Equal(before, s.all()) {
				t.Error("something was written")
			}
		})
	}
}

func declare(s *shop) {
	s.write("proto/other/v1/cart.proto", `syntax = "proto3";
package other.v1;
import "hub/v1/channel.proto";
message Cart { option (hub.v1.channel) = { name: "blog.cart" scope: { public: {} } }; }
message Basket { option (hub.v1.channel) = { name: "blog.basket.{id}" scope: { public: {} } }; }
`)
}

func handled(s *shop) { s.must(s.handler("blog", "article-feed", "ArticleViewed")) }

func TestTheGuardNamesFileAnchorAndLine(t *testing.T) {
	s := newShop(t)
	s.must(s.channel("blog", "article-feed", "public"))
	globs := []string{s.Root + "/internal/features/*"}
	guard := func() string {
		t.Helper()
		found, err := scaffold.Guard(globs)
		if err != nil {
			t.Fatal(err)
		}
		return strings.ReplaceAll(strings.Join(found, "\n"), s.Root+"/", "")
	}
	s.write("internal/features/notes/README.md", "no Go")
	if got := guard(); got != "" {
		t.Errorf("a whole feature: %s", got)
	}
	for _, a := range []struct{ file, anchor string }{
		{"channels.go", "// hub:channels"},
		{"symbols.go", "// hub:symbols"},
		{"bind_production.go", "// hub:handlers"},
		{"bind_development.go", "// hub:handlers"},
	} {
		name := "internal/features/blog/" + a.file
		whole := s.read(name)
		s.replace(name, a.anchor, "// gone")
		want := name + ": the anchor is missing; put the line `" + a.anchor + "` back, as the last line of "
		if got := guard(); !strings.HasPrefix(got, want) || strings.Contains(got, "\n") {
			t.Errorf("got %s\nwant %s", got, want)
		}
		_ = os.Remove(filepath.Join(s.Root, name))
		if got := guard(); !strings.HasPrefix(got, name+": the file is missing; ") {
			t.Errorf("without %s: %s", a.file, got)
		}
		s.write(name, whole)
	}
	if _, err := scaffold.Guard([]string{"[x"}); err == nil {
		t.Error("no pattern passes")
	}
}
