// Package hubvet is analyzers that hold a program on the SDK to three rules:
//
//   - handlers (R1) are private: what a browser may cause is called by the hub
//     alone, after its gates and rules;
//   - one package, or none, knows the Socket.IO library (R2): browsers are
//     spoken to through the hub;
//   - what a handler answers carries no payload (R0): a broadcast does.
//
// Command hubvet runs them: go vet -vettool=$(which hubvet) ./... ; a program of
// one's own has them by [All]. They look at one package at a time, and take no
// part of the program for granted: what they report is wrong, what they do not
// see may still be. Each says in its Doc what it cannot see.
//
// It is apart from the SDK, which does not import it, so that a worker does not
// depend on golang.org/x/tools.
package hubvet

import (
	"go/ast"
	"go/types"
	"strings"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/passes/inspect"
	"golang.org/x/tools/go/ast/inspector"
	"golang.org/x/tools/go/types/typeutil"
)

const sdk = "github.com/realtime-hub/hub/sdk/go"

// All are the analyzers, each new: their flags are their own.
func All() []*analysis.Analyzer {
	return []*analysis.Analyzer{Handlers(), Library(), Replies()}
}

// calls are the package's calls of functions of the SDK, tests aside: tests
// may call what they like.
func calls(pass *analysis.Pass, visit func(call *ast.CallExpr, name string)) {
	in, _ := pass.ResultOf[inspect.Analyzer].(*inspector.Inspector)
	in.Preorder([]ast.Node{(*ast.CallExpr)(nil)}, func(n ast.Node) {
		call, _ := n.(*ast.CallExpr)
		f := typeutil.StaticCallee(pass.TypesInfo, call)
		if f == nil || f.Pkg() == nil || f.Pkg().Path() != sdk || isTest(pass, call) {
			return
		}
		visit(call, f.Name())
	})
}

func isTest(pass *analysis.Pass, n ast.Node) bool {
	return strings.HasSuffix(pass.Fset.Position(n.Pos()).Filename, "_test.go")
}

// isHandler tells whether the type is hub.Handler of some message.
func isHandler(t types.Type) bool {
	named, ok := types.Unalias(t).(*types.Named)
	if !ok {
		return false
	}
	o := named.Obj()
	return o.Name() == "Handler" && o.Pkg() != nil && o.Pkg().Path() == sdk
}

// below tells whether a package is another, or in its folder.
func below(path, above string) bool {
	return path == above || strings.HasPrefix(path, above+"/")
}
