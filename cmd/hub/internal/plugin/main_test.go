package plugin_test

import (
	"bytes"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/protoutil"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"

	"github.com/realtime-hub/hub/cmd/hub/internal/plugin"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var update = flag.Bool("update", false, "write testdata/gen anew")

// repository is the root, seen from this package.
const repository = "../../../.."

// protos are files of testdata/proto, where nothing else is given.
func protos(t testing.TB) map[string]string {
	t.Helper()
	files := map[string]string{}
	dir := "testdata/proto"
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		files[filepath.ToSlash(name)] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// request is what buf or protoc would send for all of these files.
func request(t testing.TB, files map[string]string, parameter string) *pluginpb.CodeGeneratorRequest {
	t.Helper()
	compiler := protocompile.Compiler{
		Resolver: protocompile.WithStandardImports(protocompile.CompositeResolver{
			&protocompile.SourceResolver{Accessor: protocompile.SourceAccessorFromMap(files)},
			&protocompile.SourceResolver{ImportPaths: []string{repository + "/proto", repository + "/third_party/protovalidate"}},
		}),
		SourceInfoMode: protocompile.SourceInfoStandard,
	}
	names := slices.Sorted(maps.Keys(files))
	built, err := compiler.Compile(t.Context(), names...)
	if err != nil {
		t.Fatal(err)
	}
	r := &pluginpb.CodeGeneratorRequest{FileToGenerate: names, Parameter: &parameter}
	seen := map[string]bool{}
	var add func(protoreflect.FileDescriptor)
	add = func(file protoreflect.FileDescriptor) {
		if seen[file.Path()] {
			return
		}
		seen[file.Path()] = true
		for i := range file.Imports().Len() {
			add(file.Imports().Get(i).FileDescriptor)
		}
		r.ProtoFile = append(r.ProtoFile, protoutil.ProtoFromFileDescriptor(file))
	}
	for _, file := range built {
		add(file)
	}
	return r
}

// generate is what the plugin answers: its files, or what it says is wrong.
func generate(t testing.TB, r *pluginpb.CodeGeneratorRequest, language plugin.Language) (files map[string]string, wrong string) {
	t.Helper()
	in, err := proto.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := plugin.Run(t.Context(), bytes.NewReader(in), &out, language); err != nil {
		t.Fatal(err)
	}
	response := &pluginpb.CodeGeneratorResponse{}
	if err := proto.Unmarshal(out.Bytes(), response); err != nil {
		t.Fatal(err)
	}
	if response.GetMaximumEdition() < int32(descriptorpb.Edition_EDITION_2023) {
		t.Errorf("editions are not said to be understood: %v", response)
	}
	files = map[string]string{}
	for _, f := range response.GetFile() {
		files[f.GetName()] = f.GetContent()
	}
	return files, response.GetError()
}

// golden compares files with those below dir whose name ends so, or writes them.
func golden(t *testing.T, dir, suffix string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if *update {
			if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil || string(want) != text {
			t.Errorf("%s is not what the plugin makes (%v); look at it, and run go test -update", path, err)
		}
	}
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		name, _ := filepath.Rel(dir, path)
		if err == nil && strings.HasSuffix(path, suffix) && files[filepath.ToSlash(name)] == "" {
			t.Errorf("%s is not made any more; remove it", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func readFile(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
