package docs_test

import (
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var metricName = regexp.MustCompile(`\bhub_[a-z_]+[a-z]\b`)

// The table of metrics has every metric that the hub's code names, and no
// other; a running hub shows none that is not in it.
func TestEveryMetricIsDocumented(t *testing.T) {
	t.Parallel()
	text := page(t, "docs/operations.md")
	_, table, _ := strings.Cut(text, "| metric | what it counts |\n")
	table, _, _ = strings.Cut(table, "\n\n")
	documented := metricName.FindAllString(table, -1)
	slices.Sort(documented)

	named := metricsOfTheSource(t)
	slices.Sort(named)
	if !slices.Equal(documented, named) {
		t.Errorf("docs/operations.md has the metrics\n%v\nthe code has\n%v", documented, named)
	}

	s := newStage(t)
	s.start("hub serve")
	res, err := http.Get("http://" + s.address(9090) + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var shown strings.Builder
	if err := res.Write(&shown); err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (hub_[a-z_]+) `).FindAllStringSubmatch(shown.String(), -1) {
		found++
		if !slices.Contains(documented, m[1]) {
			t.Errorf("/metrics has %s, docs/operations.md has not", m[1])
		}
	}
	if found < 10 {
		t.Errorf("/metrics shows %d metrics of the hub's", found)
	}
}

var nameInSource = regexp.MustCompile(`"(hub_[a-z_]+)"`)

// metricsOfTheSource are the names in the rooms' metrics.go, and in server.go.
func metricsOfTheSource(t *testing.T) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(filepath.Join(clone, "hub"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Name() != "metrics.go" && !strings.HasSuffix(path, "server/server.go") {
			return err
		}
		source, err := os.ReadFile(path)
		for _, m := range nameInSource.FindAllStringSubmatch(string(source), -1) {
			names = append(names, m[1])
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// hub check takes every variable of docs/configuration.md for one of its own:
// it says so of those that it does not know.
func TestEveryVariableIsHeeded(t *testing.T) {
	t.Parallel()
	found := regexp.MustCompile("`(HUB_[A-Z_]+)` \\|").FindAllStringSubmatch(page(t, "docs/configuration.md"), -1)
	if len(found) < 20 {
		t.Fatalf("docs/configuration.md has %d variables", len(found))
	}
	s := newStage(t)
	script := "unset ${!HUB_@}\n"
	for _, m := range found {
		script += "export " + m[1] + "=''\n" // empty is as if it were not there, but it is looked for
	}
	out, err := s.sh("-eu", script+"hub check --channels examples/blog/proto")
	if err != nil || strings.Contains(out, "misspelt") {
		t.Errorf("%v\n%s", err, out)
	}
	out, err = s.sh("-eu", "export HUB_LIMITS_MAX_IDSS=1\nhub check --channels examples/blog/proto")
	if err != nil || !strings.Contains(out, "misspelt") {
		t.Errorf("a variable that is none passes: %v\n%s", err, out)
	}
}

var (
	link = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	code = regexp.MustCompile("(?s)\n```.*?\n```\n|`[^`\n]+`")
)

// Links within the repository lead to files and headings that are there.
func TestLinksLeadSomewhere(t *testing.T) {
	t.Parallel()
	pages := everyMarkdown(t)
	for _, from := range pages {
		for _, m := range link.FindAllStringSubmatch(code.ReplaceAllString(page(t, from), ""), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			file, heading, _ := strings.Cut(m[1], "#")
			to := filepath.Join(filepath.Dir(from), file)
			if file == "" {
				to = from
			}
			if _, err := os.Stat(filepath.Join(clone, to)); err != nil {
				t.Errorf("%s links to %s: %v", from, m[1], err)
			} else if heading != "" && !slices.Contains(headings(page(t, to)), heading) {
				t.Errorf("%s links to %s, which has no such heading", from, m[1])
			}
		}
	}
}

// everyMarkdown is the repository's own; of npm's packages it has none.
func everyMarkdown(t *testing.T) []string {
	t.Helper()
	var pages []string
	err := filepath.WalkDir(clone, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == "node_modules" || entry.Name() == "third_party" || entry.Name() == ".git"):
			return filepath.SkipDir
		case filepath.Ext(path) == ".md":
			pages = append(pages, strings.TrimPrefix(path, clone+"/"))
		}
		return nil
	})
	if err != nil || len(pages) < 50 {
		t.Fatalf("%d pages: %v", len(pages), err)
	}
	return pages
}

// headings are a page's, as links name them.
func headings(text string) []string {
	var names []string
	for _, m := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(text, -1) {
		name := strings.ReplaceAll(strings.ToLower(m[1]), " ", "-")
		names = append(names, regexp.MustCompile(`[^a-z0-9_-]`).ReplaceAllString(name, ""))
	}
	return names
}
