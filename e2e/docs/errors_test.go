package docs_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
)

// The pages of docs/errors: each reason has one, which says what the code says,
// and whose example is the answer of a real hub where it has a request. Their
// js blocks are given to ask.mjs, as docs/errors/README.md describes.
func TestErrorPages(t *testing.T) { //nolint:tparallel // its pages are of one reader, at one hub
	t.Parallel()
	index := "docs/errors/README.md"
	lab := read(t, index)
	needs(t, append(slices.Clone(lab), block{language: "sh", text: "curl "}))
	s := newStage(t)
	follow(t, s, lab)
	table := rows(t, index)
	for _, reason := range reasons() {
		t.Run(reason, func(t *testing.T) {
			page := "docs/errors/" + reason + ".md"
			hasParts(t, page, table[reason])
			blocks := read(t, page)
			for _, b := range blocks {
				agrees(t, b, reason, table[reason])
			}
			if asked, want := ask(t, s, blocks), !slices.Contains(unasked, reason); asked != want {
				t.Errorf("%s has an answer of a real hub: %t, not %t", page, asked, want)
			}
		})
	}
}

// unasked are the reasons that no request here can bring about.
var unasked = []string{"DRAINING", "ENGINE_UNAVAILABLE", "INTERNAL", "NOT_IMPLEMENTED"}

func reasons() []string {
	values := hubv1.Reason(0).Descriptor().Values()
	var names []string
	for i := 1; i < values.Len(); i++ {
		names = append(names, strings.TrimPrefix(string(values.Get(i).Name()), "REASON_"))
	}
	return names
}

// row is what the table, which is made of the code, says of a reason.
type row struct{ code, again string }

var rowLine = regexp.MustCompile("(?m)^\\| \\[`([A-Z_]+)`\\]\\(([A-Z_]+)\\.md\\) \\| `([A-Z_]+)` \\| (yes|no) \\|")

func rows(t *testing.T, path string) map[string]row {
	t.Helper()
	found := map[string]row{}
	for _, m := range rowLine.FindAllStringSubmatch(page(t, path), -1) {
		found[m[1]] = row{m[3], m[4]}
	}
	return found
}

func page(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(clone, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func hasParts(t *testing.T, path string, want row) {
	t.Helper()
	text := page(t, path)
	for _, part := range []string{
		"| code | try again | who sees it |\n|---|---|---|\n| `" + want.code + "` | " + want.again + " | ", "\n## Cause\n- ", "\n## Cure\n- ",
	} {
		if !strings.Contains(text, part) {
			t.Errorf("%s lacks %q", path, part)
		}
	}
}

// agrees looks whether an example says what the table says, be it real or not.
func agrees(t *testing.T, b block, reason string, want row) {
	t.Helper()
	if b.language != "json" {
		return
	}
	var e struct {
		Code, Reason string
		Retryable    *bool
		Error        *struct {
			Code, Reason string
			Retryable    *bool
		}
		Details []struct{ Debug struct{ Reason string } }
	}
	if err := json.Unmarshal([]byte(b.text), &e); err != nil {
		t.Fatalf("%s: %v", b.at, err)
	}
	if e.Error != nil {
		e.Code, e.Reason, e.Retryable = e.Error.Code, e.Error.Reason, e.Error.Retryable
	}
	if len(e.Details) > 0 {
		e.Reason = e.Details[0].Debug.Reason
	}
	again := e.Retryable != nil && *e.Retryable == (want.again == "yes") || len(e.Details) > 0
	if !strings.EqualFold(e.Code, want.code) || e.Reason != reason || !again {
		t.Errorf("%s says %s, %s and not what the code says: %+v", b.at, e.Code, e.Reason, want)
	}
}

// ask sends the page's requests and compares their answers.
func ask(t *testing.T, s *stage, blocks []block) (asked bool) {
	t.Helper()
	var answer string
	for _, b := range blocks {
		var err error
		switch b.language {
		case "js":
			s.write("_lab/question.js", b.text)
			answer, err = s.sh("-eu", "node _lab/ask.mjs <_lab/question.js")
		case "sh":
			answer, err = s.sh("-eu", b.text)
		case "json":
			if answer != "" {
				alike(t, b, answer)
				asked = true
			}
			answer = ""
		default:
			t.Errorf("%s: a block of language %q: pages of errors have js, sh and json", b.at, b.language)
		}
		if err != nil {
			t.Errorf("%s: %v\n%s%s\n%s", b.at, err, b.text, answer, s.heard())
		}
	}
	if answer != "" {
		t.Error("a request without its answer")
	}
	return asked
}

func alike(t *testing.T, b block, got string) {
	t.Helper()
	var want, is any
	if err := json.Unmarshal([]byte(b.text), &want); err != nil {
		t.Fatalf("%s: %v", b.at, err)
	}
	if err := json.Unmarshal([]byte(got), &is); err != nil || !equal(want, is) {
		t.Errorf("%s: the hub answers\n%s\nnot\n%s%v", b.at, got, b.text, err)
	}
}

// equal compares JSON, where … in a text is anything.
func equal(want, got any) bool {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok || len(g) != len(w) {
			return false
		}
		for key := range w {
			if !equal(w[key], g[key]) {
				return false
			}
		}
		return true
	case []any:
		g, ok := got.([]any)
		return ok && slices.EqualFunc(w, g, equal)
	case string:
		g, ok := got.(string)
		return ok && like(w, g)
	}
	return reflect.DeepEqual(want, got)
}
