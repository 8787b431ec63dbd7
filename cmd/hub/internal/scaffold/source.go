package scaffold

import (
	"bytes"
	"embed"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"text/template"

	"golang.org/x/tools/go/ast/astutil"
)

//go:embed templates
var templateFiles embed.FS

//nolint:gochecknoglobals // a constant that Go cannot write as one
var templates = template.Must(template.New("").ParseFS(templateFiles, "templates/*.tmpl"))

// render is a template's text; Go comes formatted.
func render(name string, data any) ([]byte, error) {
	var b bytes.Buffer
	if err := templates.ExecuteTemplate(&b, name+".tmpl", data); err != nil {
		return nil, err
	}
	if path.Ext(name) != ".go" {
		return b.Bytes(), nil
	}
	out, err := format.Source(b.Bytes())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err) // a name got through that Go does not like
	}
	return out, nil
}

// goSource is a file of Go that is added to.
type goSource struct {
	name   string
	source []byte
}

// imported is how the file calls a package; it imports it where it did not.
func (s *goSource) imported(want goImport) (string, error) {
	fset := token.NewFileSet()
	file, err := s.parse(fset)
	if err != nil {
		return "", err
	}
	for _, spec := range file.Imports {
		if spec.Path.Value != strconv.Quote(want.Path) {
			continue
		}
		if spec.Name != nil && spec.Name.Name != "_" && spec.Name.Name != "." {
			return spec.Name.Name, nil
		}
		if spec.Name == nil {
			return want.Alias, nil
		}
	}
	// What is beside the package clause moves when the tree is printed.
	if len(file.Imports) == 0 {
		end := fset.Position(file.Name.End()).Offset
		s.source = []byte(string(s.source[:end]) + "\n\nimport " + want.Alias + " " + strconv.Quote(want.Path) + "\n" + string(s.source[end:]))
		return want.Alias, s.format()
	}
	astutil.AddNamedImport(fset, file, want.Alias, want.Path)
	var b bytes.Buffer
	if err := format.Node(&b, fset, file); err != nil {
		return "", fmt.Errorf("%s: %w", s.name, err)
	}
	s.source = b.Bytes()
	return want.Alias, nil
}

// add puts a line above the file's anchor.
func (s *goSource) add(line string) error {
	out, err := anchorOf(path.Base(s.name)).insert(s.source, line)
	if err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	s.source = out
	return s.format()
}

func (s *goSource) format() error {
	out, err := format.Source(s.source)
	if err != nil {
		return fmt.Errorf("%s is not Go: %w", s.name, err)
	}
	s.source = out
	return nil
}

func (s *goSource) parse(fset *token.FileSet) (*ast.File, error) {
	file, err := parser.ParseFile(fset, s.name, s.source, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, fmt.Errorf("%s is not Go: %w", s.name, err)
	}
	return file, nil
}

// registers tells whether the file has hub.Handle of a descriptor.
func (s *goSource) registers(descriptor string) (bool, error) {
	file, err := s.parse(token.NewFileSet())
	if err != nil {
		return false, err
	}
	found := false
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) == 0 {
			return true
		}
		function, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || function.Sel.Name != "Handle" {
			return true
		}
		switch arg := call.Args[0].(type) {
		case *ast.SelectorExpr:
			found = found || arg.Sel.Name == descriptor
		case *ast.Ident:
			found = found || arg.Name == descriptor
		}
		return true
	})
	return found, nil
}

// declares is what a package's name stands for: the file of its declaration at
// the top level, tests aside. Empty: it is free.
func declares(dir, name string) (string, error) {
	sources, err := filepath.Glob(filepath.Join(literal(dir), "*.go"))
	if err != nil {
		return "", err
	}
	for _, source := range sources {
		if strings.HasSuffix(source, "_test.go") {
			continue
		}
		text, err := os.ReadFile(source) //nolint:gosec // the user's own
		if err != nil {
			return "", err
		}
		s := goSource{name: filepath.Base(source), source: text}
		file, err := s.parse(token.NewFileSet())
		if err != nil {
			return "", err
		}
		for _, decl := range file.Decls {
			if declared(decl, name) {
				return s.name, nil
			}
		}
	}
	return "", nil
}

func declared(decl ast.Decl, name string) bool {
	switch decl := decl.(type) {
	case *ast.FuncDecl:
		return decl.Recv == nil && decl.Name.Name == name
	case *ast.GenDecl:
		for _, spec := range decl.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				if spec.Name.Name == name {
					return true
				}
			case *ast.ValueSpec:
				for _, ident := range spec.Names {
					if ident.Name == name {
						return true
					}
				}
			}
		}
	}
	return false
}
