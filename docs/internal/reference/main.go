// Command reference makes the parts of the documentation that are said
// elsewhere already: docs/configuration.md and docs/reference, of the protos with
// their comments and rules, and the table in docs/errors/README.md, of
// hub.v1.Reason and of what a reason settles in hub/internal/fault. `make
// generate` runs it in the repository's root, `make check` compares. It fails
// where a comment is missing, and where docs/errors lacks a reason's page or has
// one of none.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	out := flag.String("out", ".", "the folder to write docs/ into")
	flag.Parse()
	if err := run(*out); err != nil {
		fmt.Fprintln(os.Stderr, "reference:", err)
		os.Exit(1)
	}
}

// run makes the pages.
func run(out string) error {
	pages := map[string]func() (string, error){
		"docs/configuration.md":    configuration,
		"docs/errors/README.md":    errorsIndex,
		"docs/reference/README.md": referenceIndex,
	}
	for _, s := range sources {
		pages[s.path()] = s.page
	}
	for path, page := range pages {
		text, err := page()
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		path = filepath.Join(out, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil { //nolint:gosec // documentation is for everyone
			return err
		}
	}
	return nil
}
