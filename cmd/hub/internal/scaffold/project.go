package scaffold

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/realtime-hub/hub/hub/schema"
)

// Project is a user's repository, as its hub.yaml describes it.
type Project struct {
	// Root is the folder of hub.yaml.
	Root string
	// Features are the globs of hub.yaml, relative to Root.
	Features []string
	// Channels are the paths of hub.yaml, relative to Root. Where proto is not
	// among them, its channels are not served.
	Channels []string
}

// protoDir is where a project's protos are; buf.yaml and hub.yaml say so, too.
const protoDir = "proto"

// module is a project's Go module, as far as imports go.
type module struct {
	// path is the import path of the project's folder.
	path string
	// requiresHub and hasPlugin tell what a person need not do again.
	requiresHub, hasPlugin bool
}

// errNoModule says what a project needs first.
var errNoModule = errors.New("there is no go.mod here or above; begin with `go mod init example.com/NAME`")

// readModule finds the module that root belongs to, as the go command would.
func readModule(root string) (module, error) {
	dir, err := filepath.Abs(root)
	if err != nil {
		return module{}, err
	}
	for inside := "."; ; dir, inside = filepath.Dir(dir), path.Join(filepath.Base(dir), inside) {
		file := filepath.Join(dir, "go.mod")
		data, err := os.ReadFile(file) //nolint:gosec // the user's own
		switch {
		case errors.Is(err, fs.ErrNotExist) && filepath.Dir(dir) != dir:
			continue
		case errors.Is(err, fs.ErrNotExist):
			return module{}, errNoModule
		case err != nil:
			return module{}, fmt.Errorf("the module cannot be read: %w", err)
		}
		parsed, err := modfile.ParseLax(file, data, nil)
		if err != nil || parsed.Module == nil {
			return module{}, fmt.Errorf("%s says no module; `go mod edit -json` shows what is wrong", file)
		}
		const hubModule, plugin = "github.com/realtime-hub/hub", "google.golang.org/protobuf/cmd/protoc-gen-go"
		return module{
			path:        path.Join(parsed.Module.Mod.Path, inside),
			requiresHub: slices.ContainsFunc(parsed.Require, func(r *modfile.Require) bool { return r.Mod.Path == hubModule }),
			hasPlugin:   strings.Contains(string(data), plugin), // ParseLax leaves tools out
		}, nil
	}
}

// steps are what the module needs before generated code compiles.
func (m module) steps() []string {
	var steps []string
	if !m.requiresHub {
		steps = append(steps, "go get github.com/realtime-hub/hub")
	}
	if !m.hasPlugin {
		steps = append(steps, "go get -tool google.golang.org/protobuf/cmd/protoc-gen-go")
	}
	return steps
}

// folder is a feature's, relative to Root: the one that is there, else the one
// that the first glob with a * at its end would find.
func (p Project) folder(f feature) (string, error) {
	var there, possible []string
	for _, glob := range p.Features {
		dirs, err := featureDirs([]string{filepath.Join(p.Root, glob)})
		if err != nil {
			return "", err
		}
		for _, dir := range dirs {
			if rel, err := filepath.Rel(p.Root, dir); err == nil && filepath.Base(dir) == string(f) {
				there = append(there, filepath.ToSlash(rel))
			}
		}
		if parent, last := path.Split(filepath.ToSlash(glob)); last == "*" && !strings.ContainsAny(parent, `*?[\`) {
			possible = append(possible, path.Join(parent, string(f)))
		}
	}
	slices.Sort(there)
	switch there = slices.Compact(there); {
	case len(there) > 1:
		return "", fmt.Errorf("there are two features %s: %s; give one another name", f, strings.Join(there, " and "))
	case len(there) == 1:
		return there[0], nil
	case len(p.Features) == 0:
		return "", errors.New(`hub.yaml does not say where features are; add the line: features: ["internal/features/*"]`)
	case len(possible) == 0:
		return "", fmt.Errorf("hub.yaml's features (%s) do not say where a new one goes; add one that ends with /*, as internal/features/*",
			strings.Join(p.Features, ", "))
	default:
		return possible[0], nil
	}
}

// FeatureNames are those that are there, for completion.
func (p Project) FeatureNames() []string {
	globs := make([]string, len(p.Features))
	for i, glob := range p.Features {
		globs[i] = filepath.Join(p.Root, glob)
	}
	dirs, err := featureDirs(globs)
	if err != nil {
		return nil
	}
	names := make([]string, len(dirs))
	for i, dir := range dirs {
		names[i] = filepath.Base(dir)
	}
	return names
}

// servesProtos tells whether hub.yaml's channels have the project's protos.
func (p Project) servesProtos() bool {
	return slices.ContainsFunc(p.Channels, func(c string) bool { return path.Clean(filepath.ToSlash(c)) == protoDir })
}

// surroundings are what a feature's files depend on: the module, the feature's
// folder, and the channels that are there.
func (p Project) surroundings(ctx context.Context, f feature) (mod module, dir string, channels *schema.Snapshot, err error) {
	if mod, err = readModule(p.Root); err != nil {
		return mod, "", nil, err
	}
	if dir, err = p.folder(f); err != nil {
		return mod, "", nil, err
	}
	if channels, err = p.load(ctx, nil); err != nil {
		err = fmt.Errorf("the channels that are there have mistakes; mend them first:\n%w", err)
	}
	return mod, dir, channels, err
}

// load is what a hub would make of the project's channels with the plan carried
// out: in a copy of the protos, so that nothing has to be taken back.
func (p Project) load(ctx context.Context, planned *plan) (*schema.Snapshot, error) {
	copied, err := os.MkdirTemp("", "hub-new-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(copied) //nolint:errcheck // a temporary folder
	count, err := p.copyProtos(copied, planned)
	if err != nil {
		return nil, err
	}
	registry := schema.New(schema.Config{})
	if count == 0 {
		return registry.Snapshot(), nil
	}
	paths := []string{copied}
	for _, c := range p.Channels {
		if path.Clean(filepath.ToSlash(c)) != protoDir {
			if !filepath.IsAbs(c) {
				c = filepath.Join(p.Root, c)
			}
			paths = append(paths, c)
		}
	}
	if _, err := registry.Load(ctx, paths...); err != nil {
		return nil, errors.New(strings.ReplaceAll(err.Error(), copied, protoDir))
	}
	return registry.Snapshot(), nil
}

func (p Project) copyProtos(to string, planned *plan) (count int, err error) {
	put := func(name string, data []byte) error {
		count++
		file := filepath.Join(to, filepath.FromSlash(strings.TrimPrefix(name, protoDir+"/")))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			return err
		}
		return os.WriteFile(file, data, 0o600) //nolint:gosec // below a folder of our own, by names that WalkDir found
	}
	root := filepath.Join(p.Root, protoDir)
	err = fs.WalkDir(os.DirFS(root), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist) && name == ".":
			return nil
		case err != nil:
			return err
		case d.IsDir() || path.Ext(name) != ".proto":
			return nil
		}
		data, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name))) //nolint:gosec // the user's own protos
		if err != nil {
			return err
		}
		return put(name, data)
	})
	if err != nil {
		return 0, fmt.Errorf("the protos cannot be read: %w", err)
	}
	if planned == nil {
		return count, nil
	}
	for _, f := range planned.files {
		if path.Ext(f.path) == ".proto" && (f.have == nil || f.edited) {
			if err := put(f.path, f.want); err != nil {
				return 0, err
			}
		}
	}
	return count, nil
}

// goImport is how Go imports the messages of a proto package.
type goImport struct{ Alias, Path string }

var goPackageOption = regexp.MustCompile(`^([^;]+);(\w+)$`)

// importOf reads a file's go_package.
func importOf(options any, file string) (goImport, error) {
	o, _ := options.(*descriptorpb.FileOptions)
	m := goPackageOption.FindStringSubmatch(o.GetGoPackage())
	if m == nil {
		return goImport{}, fmt.Errorf("%s/%s: its go_package is %q; write it with the package's name, as \"example.com/app/gen/blog/v1;blogv1\"",
			protoDir, file, o.GetGoPackage())
	}
	return goImport{Alias: m[2], Path: m[1]}, nil
}

// generated is where the messages of a feature are in Go: as its files say
// already, else in gen.
func (m module) generated(f feature, channels *schema.Snapshot) (goImport, error) {
	for _, c := range channels.Channels() {
		file := c.Payload.Descriptor().ParentFile()
		if string(file.Package()) == f.protoPackage() {
			return importOf(file.Options(), file.Path())
		}
	}
	return goImport{Alias: f.goPackage() + "v1", Path: path.Join(m.path, "gen", string(f), "v1")}, nil
}
