package scaffold

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// The files of a feature that commands add to.
const (
	channelsFile    = "channels.go"
	symbolsFile     = "symbols.go"
	productionFile  = "bind_production.go"
	developmentFile = "bind_development.go"
)

// anchor is a comment line above which a command adds lines.
type anchor struct {
	file, line string
	// indent is how far in it stands: gofmt moves a comment that is alone.
	indent string
	// where tells a person who has to put it back.
	where string
}

var anchors = []anchor{
	{channelsFile, "// hub:channels", "\t", "as the last line of var ( … )"},
	{symbolsFile, "// hub:symbols", "\t", "as the last line of const ( … )"},
	{productionFile, "// hub:handlers", "\t\t", "as the last line of reg.Register( … )"},
	{developmentFile, "// hub:handlers", "\t\t", "as the last line of reg.Register( … )"},
}

func anchorOf(file string) anchor {
	return anchors[slices.IndexFunc(anchors, func(a anchor) bool { return a.file == file })]
}

// find is the anchor's line in a source, from 0.
func (a anchor) find(source []byte) (int, error) {
	found := -1
	for i, line := range bytes.Split(source, []byte("\n")) {
		if string(bytes.TrimSpace(line)) != a.line {
			continue
		}
		if found >= 0 {
			return 0, fmt.Errorf("the anchor `%s` is there twice, in lines %d and %d; keep one, %s", a.line, found+1, i+1, a.where)
		}
		found = i
	}
	if found < 0 {
		return 0, fmt.Errorf("the anchor is missing; put the line `%s` back, %s", a.line, a.where)
	}
	return found, nil
}

// insert adds a line, or several, above the anchor.
func (a anchor) insert(source []byte, line string) ([]byte, error) {
	at, err := a.find(source)
	if err != nil {
		return nil, err
	}
	lines := strings.Split(string(source), "\n")
	lines[at] = a.indent + a.line
	added := strings.Split(a.indent+strings.ReplaceAll(line, "\n", "\n"+a.indent), "\n")
	return []byte(strings.Join(slices.Insert(lines, at, added...), "\n")), nil
}

// Guard holds the folders that the globs match to what `hub new` needs: each is
// a line with the file, the anchor and what to put back. Folders without Go are
// none of its business.
func Guard(globs []string) (mistakes []string, err error) {
	dirs, err := featureDirs(globs)
	if err != nil {
		return nil, err
	}
	for _, dir := range dirs {
		found, err := guardFeature(dir)
		if err != nil {
			return nil, err
		}
		mistakes = append(mistakes, found...)
	}
	return mistakes, nil
}

// featureDirs are the folders that the globs match, each once.
func featureDirs(globs []string) ([]string, error) {
	var dirs []string
	for _, glob := range globs {
		found, err := filepath.Glob(glob)
		if err != nil {
			return nil, fmt.Errorf("features: %q is no pattern of folders; write it as internal/features/*", glob)
		}
		for _, dir := range found {
			if info, err := os.Stat(dir); err == nil && info.IsDir() && !slices.Contains(dirs, dir) {
				dirs = append(dirs, dir)
			}
		}
	}
	return dirs, nil
}

func guardFeature(dir string) (mistakes []string, err error) {
	sources, err := filepath.Glob(filepath.Join(literal(dir), "*.go"))
	if err != nil || len(sources) == 0 {
		return nil, err
	}
	missing := 0
	for _, a := range anchors {
		file := filepath.Join(dir, a.file)
		source, err := os.ReadFile(file) //nolint:gosec // below the folders that the user's own hub.yaml names
		switch {
		case errors.Is(err, fs.ErrNotExist):
			missing++
			mistakes = append(mistakes, file+": the file is missing; `hub new` adds to its line `"+a.line+"`, "+a.where)
		case err != nil:
			return nil, fmt.Errorf("features: %w", err)
		default:
			if _, wrong := a.find(source); wrong != nil {
				mistakes = append(mistakes, fmt.Sprintf("%s: %v", file, wrong))
			}
		}
	}
	if missing == len(anchors) {
		return []string{fmt.Sprintf("%s: not a feature: it has Go, but none of %s; move it away from the features",
			dir, fileList())}, nil
	}
	return mistakes, nil
}

func fileList() string {
	names := make([]string, len(anchors))
	for i, a := range anchors {
		names[i] = a.file
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + path.Base(names[len(names)-1])
}

// literal is a path as a pattern that matches it alone.
func literal(dir string) string {
	return strings.NewReplacer(`*`, `\*`, `?`, `\?`, `[`, `\[`, `\`, `\\`).Replace(dir)
}
