package schema_test

import (
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/realtime-hub/hub/hub/schema"
)

// The compiler works on goroutines of its own; none may outlive a load.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// head begins every proto file of the tests that does not say otherwise; what
// follows it starts on line 5.
const head = `syntax = "proto3";
package t.v1;
import "buf/validate/validate.proto";
import "hub/v1/channel.proto";
`

// tree writes files and returns their directory.
func tree(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// loaded is a registry of one file with the head and the text.
func loaded(t testing.TB, cfg schema.Config, text string) *schema.Registry {
	t.Helper()
	r := schema.New(cfg)
	if _, err := r.Load(t.Context(), tree(t, map[string]string{"t/v1/t.proto": head + text})); err != nil {
		t.Fatal(err)
	}
	return r
}
