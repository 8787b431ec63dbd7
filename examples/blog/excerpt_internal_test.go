package blog

import (
	"strings"
	"testing"
)

func text(e excerpt) string {
	var out strings.Builder
	for _, s := range e.Spans {
		out.WriteString(s.Text)
	}
	return out.String()
}

func TestAnExcerptIsWhatTheSourceSays(t *testing.T) {
	for name, test := range map[string]struct {
		file, name, from, to string
	}{
		"a message":  {"proto/blog/v1/cursor_moved.proto", "CursorMoved", "// CursorMoved goes both ways", "\n  string session = 4 [(buf.validate.field).string.max_len = 64];\n}"},
		"a function": {"backend/cursor_moved.go", "onCursorMoved", "// onCursorMoved tells", "\n}"},
		"a method":   {"backend/viewers.go", "viewers.sayOne", "func (v *viewers) sayOne(", "\n  return err\n}"},
		"the page's": {"page/session.mjs", "ask", "// ask sends an event", "\n}"},
	} {
		got, err := excerpts("x", test.file, test.name)
		if err != nil || len(got) != 1 {
			t.Errorf("%s: %d excerpts, %v", name, len(got), err)
			continue
		}
		source, err := sources.ReadFile(test.file)
		if err != nil {
			t.Fatal(err)
		}
		shown := text(got[0])
		if !strings.HasPrefix(shown, test.from) || !strings.HasSuffix(shown, test.to) || !strings.Contains(strings.ReplaceAll(string(source), "\t", "  "), shown) {
			t.Errorf("%s: shown is\n%s", name, shown)
		}
	}
}

// The page does not come to be without one of its excerpts.
func TestWhatIsNotThereIsNotShown(t *testing.T) {
	for _, pair := range [][2]string{
		{"backend/publish.go", "Publish"}, // a method, not a function
		{"backend/nothing.go", "Publish"},
		{"proto/blog/v1/article_feed.proto", "Article"}, // a prefix alone
		{"page/session.mjs", "asks"},
	} {
		if _, err := excerpts("x", pair[0], pair[1]); err == nil || !strings.Contains(err.Error(), pair[1]) {
			t.Errorf("%v: %v", pair, err)
		}
	}
}

func TestPiecesOfOneFileStandTogether(t *testing.T) {
	const file = "backend/viewers.go"
	got, err := excerpts("x", file, "viewers.opened", "proto/blog/v1/article_viewers.proto", "ArticleViewers", file, "viewers.sayOne")
	if err != nil || len(got) != 2 || got[0].File != "viewers.go" || got[0].ID == got[1].ID {
		t.Fatalf("%v, %v", got, err)
	}
	if shown := text(got[0]); !strings.Contains(shown, ") opened(") || !strings.Contains(shown, "}\n\nfunc (v *viewers) sayOne(") {
		t.Errorf("shown is\n%s", shown)
	}
}
