package main

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
)

const (
	tableBegins = "<!-- the table of reasons: made by docs/internal/reference, run `make generate` -->\n"
	tableEnds   = "<!-- the table ends -->\n"
)

// errorsIndex is the page as it is, with the table made anew.
func errorsIndex() (string, error) {
	page, err := os.ReadFile("docs/errors/README.md")
	if err != nil {
		return "", err
	}
	before, rest, begins := strings.Cut(string(page), tableBegins)
	_, after, ends := strings.Cut(rest, tableEnds)
	if !begins || !ends {
		return "", fmt.Errorf("the lines around the table are not there: %s%s", tableBegins, tableEnds)
	}
	if err := everyPage(); err != nil {
		return "", err
	}
	table, err := reasons()
	if err != nil {
		return "", err
	}
	return before + tableBegins + table + tableEnds + after, nil
}

// everyPage compares the pages that are there with the reasons: each has one,
// and there is none of anything else.
func everyPage() error {
	paths, err := filepath.Glob("docs/errors/*.md")
	if err != nil {
		return err
	}
	wanted := map[string]bool{"README": true}
	for name, number := range hubv1.Reason_value {
		if number != 0 {
			wanted[strings.TrimPrefix(name, "REASON_")] = true
		}
	}
	var wrong []error
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".md")
		if !wanted[name] {
			wrong = append(wrong, fmt.Errorf("%s is the page of no reason: remove it, or name it after one of hub.v1.Reason", path))
		}
		delete(wanted, name)
	}
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		wrong = append(wrong, fmt.Errorf("%s has no page: write docs/errors/%s.md, with cause and cure", name, name))
	}
	return errors.Join(wrong...)
}

// coded is a reason's comment: what it means, and its code in brackets.
var coded = regexp.MustCompile(`^(.+) \(([^()]+)\)$`)

func reasons() (string, error) {
	said, err := comments("hub/v1/reason.proto")
	if err != nil {
		return "", err
	}
	settled, err := kinds("hub/internal/fault/reason.go")
	if err != nil {
		return "", err
	}
	var out strings.Builder
	out.WriteString("| reason | code | try again | meaning |\n|---|---|---|---|\n")
	values := hubv1.Reason(0).Descriptor().Values()
	for i := 1; i < values.Len(); i++ {
		reason := strings.TrimPrefix(string(values.Get(i).Name()), "REASON_")
		// An enum's values are named beside it, not in it.
		m := coded.FindStringSubmatch(said[values.Get(i).FullName()])
		kind, known := settled[reason]
		switch {
		case m == nil:
			return "", fmt.Errorf("%s: its comment does not end with a code in brackets", reason)
		case !known:
			return "", fmt.Errorf("%s: hub/internal/fault has no kind for it", reason)
		case m[2] != kind.code && !strings.HasSuffix(m[2], "else "+kind.code):
			return "", fmt.Errorf("%s: its comment says %s, hub/internal/fault %s", reason, m[2], kind.code)
		}
		again := "no"
		if kind.retryable {
			again = "yes"
		}
		fmt.Fprintf(&out, "| [`%s`](%s.md) | `%s` | %s | %s |\n", reason, reason, kind.code, again, m[1])
	}
	return out.String(), nil
}

// kind is what a reason settles.
type kind struct {
	code      string
	retryable bool
}

// kinds reads the table of package fault from its source: the package is the
// hub's own, and the compiler keeps everyone else out.
func kinds(path string) (map[string]kind, error) {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	names := map[string]string{} // CredentialsInvalid → CREDENTIALS_INVALID
	found := map[string]kind{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		switch value := spec.Values[0].(type) {
		case *ast.BasicLit:
			if text, unquoted := strconv.Unquote(value.Value); unquoted == nil {
				names[spec.Names[0].Name] = text
			}
		case *ast.CompositeLit:
			if spec.Names[0].Name == "kinds" {
				for _, element := range value.Elts {
					name, k := kindOf(element)
					found[names[name]] = k
				}
			}
		}
		return false
	})
	if len(found) == 0 {
		return nil, errors.New(path + " has no table called kinds")
	}
	return found, nil
}

// kindOf reads `CredentialsInvalid: {code: codes.Unauthenticated}`.
func kindOf(element ast.Expr) (name string, k kind) {
	ast.Inspect(element, func(n ast.Node) bool {
		pair, ok := n.(*ast.KeyValueExpr)
		if !ok {
			return true
		}
		key, ok := pair.Key.(*ast.Ident)
		if !ok {
			return false
		}
		switch value := pair.Value.(type) {
		case *ast.CompositeLit:
			name = key.Name
			return true
		case *ast.SelectorExpr:
			k.code = screaming(value.Sel.Name)
		case *ast.Ident:
			k.retryable = value.Name == "true"
		}
		return false
	})
	return name, k
}

var innerCapital = regexp.MustCompile(`([a-z])([A-Z])`)

// screaming is a code's canonical name: InvalidArgument → INVALID_ARGUMENT.
func screaming(name string) string {
	return strings.ToUpper(innerCapital.ReplaceAllString(name, "${1}_${2}"))
}
