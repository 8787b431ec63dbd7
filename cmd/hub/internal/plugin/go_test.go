package plugin_test

import (
	"maps"
	"testing"

	gengo "google.golang.org/protobuf/cmd/protoc-gen-go/internal_gengo"
	"google.golang.org/protobuf/compiler/protogen"

	"github.com/realtime-hub/hub/cmd/hub/internal/plugin"
)

func TestGoIsAsReviewed(t *testing.T) {
	r := request(t, protos(t), "paths=source_relative")
	files, wrong := generate(t, r, plugin.Go)
	if wrong != "" {
		t.Fatal(wrong)
	}
	gen, err := protogen.Options{}.New(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range gen.Files {
		if f.Generate {
			gengo.GenerateFile(gen, f)
		}
	}
	messages := map[string]string{}
	for _, f := range gen.Response().GetFile() {
		messages[f.GetName()] = f.GetContent()
	}
	maps.Copy(files, messages)
	golden(t, "testdata/gen", ".go", files)
}
