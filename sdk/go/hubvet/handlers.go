package hubvet

import (
	"go/ast"
	"go/types"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/passes/inspect"
)

const handlersDoc = `handlers are not exported (R1)

Reports an exported function or method that makes a hub.Handler, an exported
variable that is one, and an exported function or method that is registered by
hub.Handle, hub.OnEvent, hub.Authenticate or hub.Authorize. Whoever could call a
handler would do so without the gates and rules of the hub; what others need of
it is a use case, which both call.

A function that also takes a hub.Handler wraps one, and may be exported. Not seen:
what is registered through a variable or a field.`

// Handlers reports handlers that are exported.
func Handlers() *analysis.Analyzer {
	return &analysis.Analyzer{
		Name: "hubhandlers", Doc: handlersDoc, Requires: []*analysis.Analyzer{inspect.Analyzer},
		Run: func(pass *analysis.Pass) (any, error) {
			if below(pass.Pkg.Path(), sdk) {
				return nil, nil
			}
			for _, file := range pass.Files {
				if !isTest(pass, file) {
					exported(pass, file)
				}
			}
			calls(pass, func(call *ast.CallExpr, name string) { registered(pass, call, name) })
			return nil, nil
		},
	}
}

// exported reports declarations of the package.
func exported(pass *analysis.Pass, file *ast.File) {
	for _, decl := range file.Decls {
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			f, ok := pass.TypesInfo.Defs[decl.Name].(*types.Func)
			if ok && reachable(f) && makesHandler(f.Signature()) {
				report(pass, decl.Name, decl.Name.Name+" makes a handler and is exported")
			}
		case *ast.GenDecl:
			for _, spec := range decl.Specs {
				values, ok := spec.(*ast.ValueSpec)
				if !ok {
					continue
				}
				for _, name := range values.Names {
					if v := pass.TypesInfo.Defs[name]; v != nil && name.IsExported() && isHandler(v.Type()) {
						report(pass, name, name.Name+" is a handler and exported")
					}
				}
			}
		}
	}
}

// reachable tells whether another package can name the function.
func reachable(f *types.Func) bool {
	recv := f.Signature().Recv()
	if !f.Exported() || recv == nil {
		return f.Exported()
	}
	t := recv.Type()
	if p, ok := types.Unalias(t).(*types.Pointer); ok {
		t = p.Elem()
	}
	named, ok := types.Unalias(t).(*types.Named)
	return !ok || named.Obj().Exported()
}

// makesHandler tells whether the function returns a handler and takes none: one
// that takes one wraps it.
func makesHandler(s *types.Signature) bool {
	for v := range s.Params().Variables() {
		if isHandler(v.Type()) {
			return false
		}
	}
	for v := range s.Results().Variables() {
		if isHandler(v.Type()) {
			return true
		}
	}
	return false
}

// handlerAt is which argument of a registration is the handler.
var handlerAt = map[string]int{"Handle": 1, "OnEvent": 0, "Authenticate": 0, "Authorize": 1}

// registered reports what is registered and exported, unless its declaration is
// reported already.
func registered(pass *analysis.Pass, call *ast.CallExpr, name string) {
	at, ok := handlerAt[name]
	if !ok || at >= len(call.Args) {
		return
	}
	ident := named(pass.TypesInfo, call.Args[at])
	if ident == nil {
		return
	}
	f, ok := pass.TypesInfo.Uses[ident].(*types.Func)
	if !ok || !reachable(f) || makesHandler(f.Signature()) || f.Pkg() == nil || f.Pkg().Path() == sdk {
		return
	}
	report(pass, ident, ident.Name+" is registered as a handler and exported")
}

// named is the function that an expression comes down to: onViewed of
// onViewed(repo), of hub.Handler[*M](onViewed) and of logged(onViewed). Nil: none.
func named(info *types.Info, arg ast.Expr) *ast.Ident {
	switch arg := ast.Unparen(arg).(type) {
	case *ast.Ident:
		return arg
	case *ast.SelectorExpr:
		return arg.Sel
	case *ast.IndexExpr:
		return named(info, arg.X)
	case *ast.IndexListExpr:
		return named(info, arg.X)
	case *ast.CallExpr:
		if info.Types[arg.Fun].IsType() && len(arg.Args) == 1 {
			return named(info, arg.Args[0])
		}
		if s, ok := types.Unalias(info.TypeOf(arg.Fun)).(*types.Signature); ok {
			for i := range min(s.Params().Len(), len(arg.Args)) {
				if isHandler(s.Params().At(i).Type()) {
					return named(info, arg.Args[i])
				}
			}
		}
		return named(info, arg.Fun)
	default:
		return nil
	}
}

func report(pass *analysis.Pass, at ast.Node, what string) {
	pass.Reportf(at.Pos(), "%s: a handler is private (R1), for the hub alone calls it, after its gates and rules; "+
		"begin its name with a small letter", what)
}
