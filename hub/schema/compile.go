package schema

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/bufbuild/protocompile"
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
	before := len(in.found.list)
	files, err := compiler.Compile(ctx, sortedKeys(in.sources)...)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err != nil && len(in.found.list) == before {
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

// merge adds the files of descriptor sets. Where a source is there as well,
// the two must say the same.
func (in *inputs) merge(set *descriptorpb.FileDescriptorSet, seen map[string]bool) error {
	byName := make(map[string]*descriptorpb.FileDescriptorProto, len(set.File))
	for _, file := range set.File {
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
		if !sameFile(pair.File[0], pair.File[1]) {
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
		text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
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

// unresolved is protocompile's text for an import that is not there.
var unresolved = regexp.MustCompile(`^could not resolve path "([^"]*)": .*`)

func (in *inputs) report(err reporter.ErrorWithPos) {
	position := err.GetPosition()
	text := err.Unwrap().Error()
	if found := unresolved.FindStringSubmatch(text); found != nil && errors.Is(err, fs.ErrNotExist) {
		text = `import "` + found[1] + `" is not there; imports are looked for below ` + or(strings.Join(in.roots, " and "), "the given directories")
	}
	in.found.add(Problem{File: position.Filename, Line: position.Line, Column: position.Col, Text: text})
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
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
