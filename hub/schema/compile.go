package schema

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/ast"
	"github.com/bufbuild/protocompile/parser"
	"github.com/bufbuild/protocompile/protoutil"
	"github.com/bufbuild/protocompile/reporter"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/realtime-hub/hub/hub/internal/fault"
)

// compile makes a set of all inputs and of what they import.
func (in *inputs) compile(ctx context.Context) (*descriptorpb.FileDescriptorSet, error) {
	compiler := &protocompile.Compiler{
		// What protoc ships and the hub does not link in comes last.
		Resolver: protocompile.WithStandardImports(protocompile.ResolverFunc(in.find)),
		// With the places inside of options, so that a mistake has its line.
		SourceInfoMode: protocompile.SourceInfoStandard | protocompile.SourceInfoExtraOptionLocations,
		Reporter: reporter.NewReporter(func(err reporter.ErrorWithPos) error {
			in.report(err)
			return nil // go on: all mistakes at once
		}, nil),
	}
	in.checkImports(compiler.Resolver)
	files, err := compiler.Compile(ctx, sortedKeys(in.sources)...)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err != nil && len(in.found.list) == 0 {
		in.found.add(Problem{Text: err.Error()})
	}
	if err := in.found.err(fault.SchemaInvalid); err != nil {
		return nil, err
	}
	set := &setBuilder{own: in.own, seen: map[string]bool{}}
	for _, file := range files {
		set.add(file)
	}
	if err := in.merge(&set.set, set.seen); err != nil {
		return nil, err
	}
	return &set.set, nil
}

// checkImports reports imports that are not there. The compiler ends at the
// first of them, and does not report it as it does everything else.
func (in *inputs) checkImports(resolver protocompile.Resolver) {
	for _, name := range sortedKeys(in.sources) {
		file := parse(name, in.sources[name].text)
		if file == nil {
			continue // the compiler says why
		}
		for _, decl := range file.Decls {
			one, ok := decl.(*ast.ImportNode)
			if !ok {
				continue
			}
			path := one.Name.AsString()
			if _, err := resolver.FindFileByPath(path); err != nil {
				position := file.NodeInfo(one.Name).Start()
				in.found.addf(Problem{File: name, Line: position.Line, Column: position.Col},
					"import %q is not there; imports are looked for below %s", path, strings.Join(in.roots, " and "))
			}
		}
	}
}

// parse is a file as far as it can be parsed. Its mistakes are reported when
// it is compiled.
func parse(name string, text []byte) *ast.FileNode {
	quiet := reporter.NewHandler(reporter.NewReporter(func(reporter.ErrorWithPos) error { return nil }, nil))
	file, _ := parser.Parse(name, bytes.NewReader(text), quiet)
	return file
}

// merge adds the files of descriptor sets. Where a source is there as well,
// the two must say the same.
func (in *inputs) merge(set *descriptorpb.FileDescriptorSet, seen map[string]bool) error {
	byName := make(map[string]*descriptorpb.FileDescriptorProto, len(set.GetFile()))
	for _, file := range set.GetFile() {
		byName[file.GetName()] = file
	}
	for _, name := range sortedKeys(in.compiled) {
		one := in.compiled[name]
		if !seen[name] {
			set.File = append(set.File, one.file)
			continue
		}
		// Options take one form first: they were read in two ways.
		pair, err := in.own.decode(&descriptorpb.FileDescriptorSet{File: []*descriptorpb.FileDescriptorProto{byName[name], one.file}})
		if err != nil {
			return err
		}
		if !sameFile(pair.GetFile()[0], pair.GetFile()[1]) {
			in.found.addf(Problem{File: one.set}, "has another %q than the sources; compile it again, or leave one out", name)
		}
	}
	return in.found.err(fault.SchemaInvalid)
}

// find resolves an import: the hub's own first, then sources, then sets.
func (in *inputs) find(name string) (protocompile.SearchResult, error) {
	if file := in.own.files[name]; file != nil {
		return protocompile.SearchResult{Desc: file}, nil
	}
	if source, ok := in.sources[name]; ok {
		return protocompile.SearchResult{Source: bytes.NewReader(source.text)}, nil
	}
	if !filepath.IsLocal(filepath.FromSlash(name)) {
		return protocompile.SearchResult{}, fs.ErrNotExist
	}
	// Beside a single file, or in a directory that was not walked.
	for _, root := range in.roots {
		text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name))) //nolint:gosec // the operator names the roots
		if err == nil {
			return protocompile.SearchResult{Source: bytes.NewReader(text)}, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return protocompile.SearchResult{}, err
		}
	}
	if one, ok := in.compiled[name]; ok {
		return protocompile.SearchResult{Proto: one.file}, nil
	}
	return protocompile.SearchResult{}, fs.ErrNotExist
}

func (in *inputs) report(err reporter.ErrorWithPos) {
	position := err.GetPosition()
	in.found.add(Problem{File: position.Filename, Line: position.Line, Column: position.Col, Text: err.Unwrap().Error()})
}

// setBuilder gathers files with their imports, each once.
type setBuilder struct {
	own  *linked
	set  descriptorpb.FileDescriptorSet
	seen map[string]bool
}

func (b *setBuilder) add(file protoreflect.FileDescriptor) {
	if b.seen[file.Path()] || b.own.has(file.Path()) {
		return
	}
	b.seen[file.Path()] = true
	for i := range file.Imports().Len() {
		b.add(file.Imports().Get(i).FileDescriptor)
	}
	b.set.File = append(b.set.File, protoutil.ProtoFromFileDescriptor(file))
}
