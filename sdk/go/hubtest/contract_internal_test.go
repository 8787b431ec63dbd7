package hubtest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	blogv1 "github.com/realtime-hub/hub/examples/blog/gen/blog/v1"
	"github.com/realtime-hub/hub/hub/schema"
)

// watched is a test that keeps what it is told.
type watched struct {
	testing.TB

	failed, logged []string
}

func (*watched) Helper() {}
func (w *watched) Errorf(format string, a ...any) {
	w.failed = append(w.failed, fmt.Sprintf(format, a...))
}

func (w *watched) Logf(format string, a ...any) {
	w.logged = append(w.logged, fmt.Sprintf(format, a...))
}

// The hub has another declaration of the program's message, as after a deployment of
// one of the two.
func TestContractFailsWhereTheHubHasOtherRules(t *testing.T) {
	for _, row := range []struct{ name, rules, failed, logged string }{
		{"the same", "min_len: 1 max_len: 500", "", ""},
		{"shorter", "min_len: 1 max_len: 499", "text: 500 characters: {", ""},
		{"longer", "min_len: 1 max_len: 501", "should be accepted, and protovalidate says: validation error: text: must be at most 500 characters", ""},
		{"one more", `min_len: 1 max_len: 500 not_in: ["x"]`, "should be refused, for text string.not_in, and protovalidate says: <nil>", ""},
		{"none that can be kept", "min_len: 3 max_len: 1", "no value was found that keeps all its rules: string.max_len, string.min_len", ""},
		{"one that is never broken alone", `min_len: 1 max_len: 500 min_bytes: 1`, "", "text string.min_bytes: it was only broken together with string.min_len"},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := t.TempDir()
			declared := `syntax = "proto3"; package blog.v1; import "buf/validate/validate.proto"; import "hub/v1/channel.proto";
				message UserNotification { option (hub.v1.channel) = { name: "t.u" scope: { public: {} } };
				string text = 1 [(buf.validate.field).string = { ` + row.rules + ` }]; }`
			if err := os.WriteFile(filepath.Join(dir, "t.proto"), []byte(declared), 0o600); err != nil {
				t.Fatal(err)
			}
			r := schema.New(schema.Config{})
			if _, err := r.Load(t.Context(), dir); err != nil {
				t.Fatal(err)
			}
			w := &watched{TB: t}
			contract[*blogv1.UserNotification](w, "t.u", r.Snapshot().Channels()[0].Payload)
			failed, logged := strings.Join(w.failed, "\n"), strings.Join(w.logged, "\n")
			if row.failed == "" && failed != "" || !strings.Contains(failed, row.failed) {
				t.Errorf("fails with %q, not %q", failed, row.failed)
			}
			if row.logged == "" && row.failed == "" && logged != "" || !strings.Contains(logged, row.logged) {
				t.Errorf("logs %q, not %q", logged, row.logged)
			}
		})
	}
}
