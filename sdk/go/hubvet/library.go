package hubvet

import (
	"strconv"
	"strings"

	"golang.org/x/tools/go/analysis"
)

const libraryDoc = `the Socket.IO library is known to one package, or none (R2)

Reports an import of a Go implementation of Socket.IO or Engine.IO. A server of
one's own beside the hub would have neither its gates nor its rules, and browsers
would be told things that no declaration has. Where it has to be, as while moving
to the hub, name its one package: -hublibrary.allow=example.com/shop/internal/legacy.
Tests are held to it, too.

Not seen: an implementation that is not in the list of -hublibrary.libraries.`

// Library reports imports of the Socket.IO library outside of its package.
func Library() *analysis.Analyzer {
	a := &analysis.Analyzer{Name: "hublibrary", Doc: libraryDoc}
	allow := a.Flags.String("allow", "", "the import path of the `package` that may know the library, with those below it")
	libraries := a.Flags.String("libraries",
		"github.com/zishang520/socket.io,github.com/zishang520/engine.io,github.com/googollee/go-socket.io,github.com/njones/socketio",
		"import paths of the libraries, with commas between")
	a.Run = func(pass *analysis.Pass) (any, error) {
		// The package of external tests is called as the one that it tests.
		if *allow != "" && below(strings.TrimSuffix(pass.Pkg.Path(), "_test"), *allow) {
			return nil, nil //nolint:nilnil // no analyzer needs a result of this one
		}
		for _, file := range pass.Files {
			for _, spec := range file.Imports {
				path, err := strconv.Unquote(spec.Path.Value)
				if err != nil {
					continue // the compiler says so
				}
				for library := range strings.SplitSeq(*libraries, ",") {
					if library != "" && below(path, library) {
						pass.Reportf(spec.Pos(), "%s is imported outside of its one package (R2): speak to browsers through the hub, "+
							"or name the package by -hublibrary.allow", path)
					}
				}
			}
		}
		return nil, nil //nolint:nilnil // as above
	}
	return a
}
