package docs_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// block is a fenced code block and what the text above it says of it.
type block struct {
	at       string // file and line, for people
	language string
	text     string
	file     string // the file that the block is; empty: none
	stays    bool   // its last command is left running
}

var (
	fileLine = regexp.MustCompile("(?:^|\\s)`([A-Za-z0-9_./-]+\\.[a-z]+)`:$")
	terminal = regexp.MustCompile(`\b[Ii]n a terminal of its own\b`)
)

// read is a document's blocks in order.
func read(t *testing.T, path string) []block {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(clone, path))
	if err != nil {
		t.Fatal(err)
	}
	blocks, err := parse(path, string(data))
	if err != nil {
		t.Fatal(err)
	}
	return blocks
}

func parse(path, document string) ([]block, error) {
	var blocks []block
	var above []string // the paragraph before the fence
	lines := strings.Split(document, "\n")
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		language, fence := strings.CutPrefix(line, "```")
		switch {
		case fence:
			b := block{at: fmt.Sprintf("%s:%d", path, i+1), language: language}
			end := slices.Index(lines[i+1:], "```")
			if end < 0 {
				return nil, fmt.Errorf("%s: the block does not end", b.at)
			}
			b.text = strings.Join(lines[i+1:i+1+end], "\n") + "\n"
			if n := len(above); n > 0 {
				if m := fileLine.FindStringSubmatch(above[n-1]); m != nil {
					b.file = m[1]
				}
				b.stays = terminal.MatchString(strings.Join(above, " "))
			}
			blocks = append(blocks, b)
			i += end + 1
			above = nil
		case strings.Contains(line, "```"), strings.HasPrefix(line, "~~~"):
			return nil, fmt.Errorf("%s:%d: a fence that is not at the line's beginning, or of ~", path, i+1)
		case strings.TrimSpace(line) == "":
			if i+1 < len(lines) && !strings.HasPrefix(lines[i+1], "```") {
				above = nil
			}
		default:
			above = append(above, line)
		}
	}
	return blocks, nil
}

// runs tells whether the block's commands are run.
func (b block) runs() bool { return b.file == "" && (b.language == "sh" || b.language == "console") }

func anyBlock(blocks []block, is func(block) bool) bool { return slices.ContainsFunc(blocks, is) }

// like tells whether got is as want says, where … is anything.
func like(want, got string) bool {
	parts := strings.Split(want, "…")
	for i, part := range parts {
		parts[i] = regexp.QuoteMeta(part)
	}
	return regexp.MustCompile("^(?s:" + strings.Join(parts, ".*") + ")$").MatchString(got)
}

// follows tells whether the lines of want come in got in this order, and how
// many lines of got were used up.
func follows(want, got []string) (used int, ok bool) {
	for _, w := range want {
		i := slices.IndexFunc(got[used:], func(g string) bool { return like(w, strings.TrimRight(g, " ")) })
		if i < 0 {
			return 0, false
		}
		used += i + 1
	}
	return used, true
}

func linesOf(text string) []string { return strings.Split(strings.TrimRight(text, "\n"), "\n") }

func TestBlocksAreFound(t *testing.T) {
	blocks, err := parse("x.md", "Save\n`a/b.mjs`:\n\n```js\none\n```\nIn a terminal of its own:\n```sh\ntwo\n```\n\nThree\n\n```\nthree\n```\n")
	want := []block{
		{at: "x.md:4", language: "js", text: "one\n", file: "a/b.mjs"},
		{at: "x.md:8", language: "sh", text: "two\n", stays: true},
		{at: "x.md:14", text: "three\n"},
	}
	if err != nil || !slices.Equal(blocks, want) {
		t.Errorf("%v, %v", blocks, err)
	}
	if _, err := parse("x.md", "```sh\nnever ends\n"); err == nil {
		t.Error("a block without an end is none")
	}
	if !like("a … c", "a b c") || like("a …", "b a") || like("a.c", "abc") {
		t.Error("… stands for something else than anything")
	}
}
