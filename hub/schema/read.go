package schema

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bufbuild/protocompile/ast"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/realtime-hub/hub/hub/internal/fault"
)

// inputs are what the paths given to Load hold, by import path.
type inputs struct {
	own   *linked
	found *collector
	// roots are searched for imports, in order.
	roots []string
	// sources are the .proto files to compile.
	sources map[string]input
	// compiled are the files of descriptor sets.
	compiled map[string]compiledInput
}

type input struct {
	file string // on disk
	text []byte
}

type compiledInput struct {
	set  string // on disk
	file *descriptorpb.FileDescriptorProto
}

// read makes one set of all paths.
func (l *linked) read(ctx context.Context, paths []string) (*descriptorpb.FileDescriptorSet, error) {
	var found collector
	in := &inputs{own: l, found: &found, sources: map[string]input{}, compiled: map[string]compiledInput{}}
	for _, p := range paths {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		in.path(p)
	}
	set, err := in.compile(ctx)
	if err != nil {
		return nil, err
	}
	return set, found.err(fault.SchemaInvalid)
}

func noChannels(paths []string) error {
	var found collector
	for _, p := range paths {
		found.add(Problem{File: p, Text: "no message declares a channel; give one the option (hub.v1.channel)"})
	}
	return found.err(fault.SchemaInvalid)
}

func (in *inputs) path(p string) {
	info, err := os.Stat(p)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		in.found.add(Problem{File: p, Text: "there is no such file or directory; " +
			"channels are a directory of .proto files, a .proto file or a compiled descriptor set"})
	case err != nil:
		in.found.add(Problem{File: p, Text: "cannot be read: " + cause(err)})
	case info.IsDir():
		in.directory(p)
	case filepath.Ext(p) == ".proto":
		in.single(p)
	default:
		in.set(p)
	}
}

// directory takes all .proto files below p, except in hidden directories and
// node_modules. Symbolic links to files are followed, as Kubernetes mounts its
// configuration through them; links to directories are not, for they may lead
// in a circle.
func (in *inputs) directory(root string) {
	in.roots = append(in.roots, root)
	seen := false
	// Through DirFS, because WalkDir itself does not enter a root that is a link.
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, d fs.DirEntry, err error) error {
		file := filepath.Join(root, filepath.FromSlash(name))
		switch {
		case err != nil:
			in.found.add(Problem{File: file, Text: "cannot be read: " + cause(err)})
		case d.IsDir():
			if name != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules") {
				return fs.SkipDir
			}
		case path.Ext(name) == ".proto":
			seen = true
			in.source(name, file)
		}
		return nil
	})
	if err != nil {
		in.found.add(Problem{File: root, Text: "cannot be read: " + cause(err)})
	}
	if !seen {
		in.found.add(Problem{File: root, Text: "has no .proto file; declare a channel there, or name another directory"})
	}
}

// source takes one .proto file. What the hub brings itself is left out, also
// where someone keeps a copy in a directory for third parties.
func (in *inputs) source(name, file string) {
	if in.own.has(name) || in.own.hasCopy(name) {
		return
	}
	text, err := os.ReadFile(file) //nolint:gosec // the operator names what is read
	if err != nil {
		in.found.add(Problem{File: file, Text: "cannot be read: " + cause(err)})
		return
	}
	if first, twice := in.sources[name]; twice && !bytes.Equal(first.text, text) {
		in.found.addf(Problem{File: file}, "differs from %s, and both are imported as %q; keep one", first.file, name)
		return
	}
	in.sources[name] = input{file: file, text: text}
}

// single takes a .proto file by itself. Its import root is found from its
// package, which by convention is its directory; else it is the directory.
func (in *inputs) single(file string) {
	root, name := filepath.Dir(file), filepath.Base(file)
	text, err := os.ReadFile(file) //nolint:gosec // the operator names what is read
	if err != nil {
		in.found.add(Problem{File: file, Text: "cannot be read: " + cause(err)})
		return
	}
	if pkg := packageOf(text); pkg != "" {
		dir := filepath.FromSlash(strings.ReplaceAll(pkg, ".", "/"))
		absolute, err := filepath.Abs(root)
		if above, ok := strings.CutSuffix(absolute, string(filepath.Separator)+dir); ok && err == nil {
			root, name = above, path.Join(filepath.ToSlash(dir), name)
		}
	}
	in.roots = append(in.roots, root)
	in.source(name, file)
}

func packageOf(text []byte) string {
	file := parse("", text)
	if file == nil {
		return ""
	}
	for _, decl := range file.Decls {
		if pkg, ok := decl.(*ast.PackageNode); ok {
			return string(pkg.Name.AsIdentifier())
		}
	}
	return ""
}

// set takes the files of a compiled descriptor set.
func (in *inputs) set(file string) {
	data, err := os.ReadFile(file) //nolint:gosec // the operator names what is read
	if err != nil {
		in.found.add(Problem{File: file, Text: "cannot be read: " + cause(err)})
		return
	}
	set := &descriptorpb.FileDescriptorSet{}
	err = proto.UnmarshalOptions{Resolver: in.own.types, AllowPartial: true}.Unmarshal(data, set)
	if err != nil || len(set.GetFile()) == 0 || !named(set) {
		in.found.add(Problem{File: file, Text: "is neither a .proto file nor a binary FileDescriptorSet; " +
			"make one with: buf build -o channels.binpb"})
		return
	}
	for _, one := range set.GetFile() {
		name := one.GetName()
		if in.own.has(name) {
			continue
		}
		if first, twice := in.compiled[name]; twice && !sameFile(first.file, one) {
			in.found.addf(Problem{File: file}, "has another %q than %s; keep one", name, first.set)
			continue
		}
		in.compiled[name] = compiledInput{set: file, file: one}
	}
}

// named tells a set from other bytes that happen to decode as one.
func named(set *descriptorpb.FileDescriptorSet) bool {
	return !slices.ContainsFunc(set.GetFile(), func(f *descriptorpb.FileDescriptorProto) bool { return f.GetName() == "" })
}

// sameFile compares two files without comments and places.
func sameFile(a, b *descriptorpb.FileDescriptorProto) bool {
	a, b = clone(a), clone(b)
	a.SourceCodeInfo, b.SourceCodeInfo = nil, nil
	return proto.Equal(a, b)
}

// cause is what went wrong, without the path: the problem has it.
func cause(err error) string {
	if wrong, ok := errors.AsType[*fs.PathError](err); ok {
		return wrong.Err.Error()
	}
	return err.Error()
}
