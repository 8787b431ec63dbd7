package plugin_test

import (
	"maps"
	"testing"

	gengo "google.golang.org/protobuf/cmd/protoc-gen-go/internal_gengo"
	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/types/pluginpb"

	"github.com/realtime-hub/hub/cmd/hub/internal/plugin"
)

func TestGoIsAsReviewed(t *testing.T) {
	r := request(t, protos(t), "paths=source_relative")
	files, wrong := generate(t, r, plugin.Go)
	if wrong != "" {
		t.Fatal(wrong)
	}
	maps.Copy(files, messages(t, r))
	golden(t, "testdata/gen", ".go", files)
}

// messages is what protoc-gen-go makes.
func messages(t testing.TB, r *pluginpb.CodeGeneratorRequest) map[string]string {
	t.Helper()
	gen, err := protogen.Options{}.New(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range gen.Files {
		if f.Generate {
			gengo.GenerateFile(gen, f)
		}
	}
	files := map[string]string{}
	for _, f := range gen.Response().GetFile() {
		files[f.GetName()] = f.GetContent()
	}
	return files
}
