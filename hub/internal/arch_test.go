// Package internal_test is the building inspector: it holds the house to the
// floor plan of hub/README.md.
//
// The plan is a table (arch_plan_test.go), the rules are functions of it and
// of what `go list` says (arch_rules_test.go), and each rule is shown to fire
// on a house built wrongly (arch_proof_test.go). A change of the plan changes
// the table and the picture in the same commit.
package internal_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const (
	module = "github.com/realtime-hub/hub"
	root   = "../.."
)

func TestTheHouseStandsAsPlanned(t *testing.T) {
	for _, finding := range inspect(theHouse, listPackages(t)) {
		t.Error(finding)
	}
}

// pkg is a package of the module as the rules see it: import paths of this
// module are without its name, as `hub/internal/gate`.
type pkg struct {
	ImportPath, Name, Dir, Doc         string
	GoFiles, CgoFiles, IgnoredGoFiles  []string
	TestGoFiles, XTestGoFiles          []string
	Imports, TestImports, XTestImports []string
	Deps                               []string
	files                              []file // all of the above
}

type file struct {
	name            string
	lines           int
	test, generated bool
}

// listPackages asks the go command once. That the go command read the module
// is hidden from `go test`, which would then repeat a pass from its cache: so
// every directory and Go file is read here too, and a change of any is seen.
func listPackages(t *testing.T) []pkg {
	t.Helper()
	touchEverything(t)
	list := exec.CommandContext(t.Context(), "go", "list",
		"-json=ImportPath,Name,Dir,Doc,GoFiles,CgoFiles,IgnoredGoFiles,TestGoFiles,XTestGoFiles,Imports,TestImports,XTestImports,Deps",
		"./...")
	list.Dir = root
	var stderr bytes.Buffer
	list.Stderr = &stderr
	out, err := list.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", list, err, stderr.String())
	}
	var all []pkg
	for in := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		err := in.Decode(&p)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		survey(t, &p)
		all = append(all, p)
	}
}

// survey reads the package's files and makes its paths short.
func survey(t *testing.T, p *pkg) {
	t.Helper()
	for _, names := range [][]string{p.GoFiles, p.CgoFiles, p.IgnoredGoFiles, p.TestGoFiles, p.XTestGoFiles} {
		for _, name := range names {
			p.files = append(p.files, surveyFile(t, filepath.Join(p.Dir, name), p))
		}
	}
	p.ImportPath = short(p.ImportPath)
	for _, paths := range [][]string{p.Imports, p.TestImports, p.XTestImports, p.Deps} {
		for i := range paths {
			paths[i] = short(paths[i])
		}
	}
}

func surveyFile(t *testing.T, path string, p *pkg) file {
	t.Helper()
	source, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	syntax, err := parser.ParseFile(token.NewFileSet(), path, source, parser.PackageClauseOnly|parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	// `go list` gives no comment to a package that has tests only.
	if p.Doc == "" && len(p.GoFiles)+len(p.CgoFiles) == 0 {
		p.Doc = syntax.Doc.Text()
	}
	return file{
		name:      filepath.Base(path),
		lines:     bytes.Count(source, []byte("\n")),
		test:      strings.HasSuffix(path, "_test.go"),
		generated: ast.IsGenerated(syntax),
	}
}

func touchEverything(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == "node_modules" || entry.Name() == ".git"):
			return filepath.SkipDir
		case entry.Name() == "go.mod", strings.HasSuffix(path, ".go"):
			_, err = os.Stat(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// short is the path of a package of this module without the module's name.
func short(path string) string {
	return strings.TrimPrefix(path, module+"/")
}
