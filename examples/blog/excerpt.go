package blog

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"regexp"
	"slices"
	"strings"
)

// sources are what the page shows, as it was compiled: an excerpt is cut out of them,
// so that it cannot say what the code does not.
//
//go:embed proto/blog/v1/*.proto backend/*.go page/*.mjs
var sources embed.FS

// excerpt is a few lines of a source.
type excerpt struct {
	ID, File string
	Spans    []span
}

// span is text of one kind: "", comment, string or word.
type span struct{ Kind, Text string }

// excerpts cuts pieces out of the sources: args are pairs of a file and the name of a
// message or function in it, or Type.Method. Pieces of one file are joined.
func excerpts(panel string, args ...string) ([]excerpt, error) {
	if len(args)%2 != 0 {
		return nil, errors.New("an excerpt is a file and a name")
	}
	var all []excerpt
	var files []string
	texts := map[string]string{}
	for pair := range slices.Chunk(args, 2) {
		file, name := pair[0], pair[1]
		text, err := cut(file, name)
		if err != nil {
			return nil, fmt.Errorf("%s has no %s to show: %w", file, name, err)
		}
		if before, has := texts[file]; has {
			text = before + "\n\n" + text
		} else {
			files = append(files, file)
		}
		texts[file] = text
	}
	for i, file := range files {
		all = append(all, excerpt{ID: fmt.Sprintf("%s-%d", panel, i), File: path.Base(file), Spans: paint(texts[file])})
	}
	return all, nil
}

func cut(file, name string) (string, error) {
	source, err := sources.ReadFile(file)
	if err != nil {
		return "", err
	}
	switch path.Ext(file) {
	case ".go":
		return cutGo(source, name)
	case ".proto":
		return cutBlock(source, "message "+name+" {")
	default:
		return cutBlock(source, "function "+name+"(")
	}
}

// cutGo is a function with its comment.
func cutGo(source []byte, name string) (string, error) {
	files := token.NewFileSet()
	parsed, err := parser.ParseFile(files, "", source, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return "", err
	}
	for _, decl := range parsed.Decls {
		if f, ok := decl.(*ast.FuncDecl); ok && called(f) == name {
			from := f.Pos()
			if f.Doc != nil {
				from = f.Doc.Pos()
			}
			return string(source[files.Position(from).Offset:files.Position(f.End()).Offset]), nil
		}
	}
	return "", errors.New("no such function")
}

// called is a function's name, or Type.Method.
func called(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return f.Name.Name
	}
	receiver := f.Recv.List[0].Type
	if star, ok := receiver.(*ast.StarExpr); ok {
		receiver = star.X
	}
	if named, ok := receiver.(*ast.Ident); ok {
		return named.Name + "." + f.Name.Name
	}
	return f.Name.Name
}

// cutBlock is what begins with the line and ends with the brace that closes it, with
// the comment above. Formatted sources have that brace alone at a line's start.
func cutBlock(source []byte, first string) (string, error) {
	lines := strings.Split(string(bytes.TrimSpace(source)), "\n")
	for from, line := range lines {
		line = strings.TrimPrefix(strings.TrimPrefix(line, "export "), "async ")
		if !strings.HasPrefix(line, first) {
			continue
		}
		to := from
		for to < len(lines) && lines[to] != "}" {
			to++
		}
		if to == len(lines) {
			return "", errors.New("it does not end")
		}
		for from > 0 && strings.HasPrefix(lines[from-1], "//") {
			from--
		}
		return strings.Join(lines[from:to+1], "\n"), nil
	}
	return "", errors.New("no line begins with " + first)
}

// painted finds what has a colour: comments, strings, and the languages' words.
var painted = regexp.MustCompile("(?m)(//.*$)|(\"[^\"\n]*\"|`[^`]*`)|" +
	`\b(func|return|if|else|for|range|var|const|defer|message|option|async|await|function|export|let)\b`)

func paint(text string) []span {
	text = strings.ReplaceAll(text, "\t", "  ") // narrow screens
	var spans []span
	at := 0
	for _, found := range painted.FindAllStringSubmatchIndex(text, -1) {
		kind := "word"
		switch {
		case found[2] >= 0:
			kind = "comment"
		case found[4] >= 0:
			kind = "string"
		}
		spans = append(spans, span{Text: text[at:found[0]]}, span{Kind: kind, Text: text[found[0]:found[1]]})
		at = found[1]
	}
	return append(spans, span{Text: text[at:]})
}
