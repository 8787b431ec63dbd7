package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/realtime-hub/hub/hub/server"
)

const changingProto = `syntax = "proto3";
package t.v1;
import "buf/validate/validate.proto";
import "hub/v1/channel.proto";
message Moved {
  option (hub.v1.channel) = { name: "board.{id}.moved" scope: { role: { any_of: ["editor"] } } };
  option (hub.v1.inbound) = {};
  string text = 1 [(buf.validate.field).string.max_len = 9];
}
message Mail {
  option (hub.v1.channel) = { name: "mail.{user_id}" scope: { user: { param: "user_id" } } };
}
message News {
  option (hub.v1.channel) = { name: "a.news" scope: { public: {} } };
}
message Club {
  option (hub.v1.channel) = { name: "a.club" scope: { handler: {} } };
}
`

// git runs a command in the directory of the test.
func git(t *testing.T, args ...string) {
	t.Helper()
	args = append([]string{"-c", "user.name=t", "-c", "user.email=t@example", "-c", "commit.gpgsign=false"}, args...)
	if out, err := exec.CommandContext(t.Context(), "git", args...).CombinedOutput(); err != nil {
		t.Fatalf("git %q: %v\n%s", args, err, out)
	}
}

func rewrite(t *testing.T, file, old, now string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.ReplaceAll(string(text), old, now)
	if changed == string(text) {
		t.Fatalf("%s has no %q", file, old)
	}
	if err := os.WriteFile(file, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestCheckTellsWhatAChangeBreaks(t *testing.T) {
	inFiles(t, map[string]string{"proto/t/v1/t.proto": changingProto, "former/t/v1/t.proto": changingProto})
	git(t, "init", "-q")
	git(t, "add", "-A")
	git(t, "commit", "-qm", "first")
	check := func(args ...string) result {
		return call{open: accept(new(server.Config))}.run(t.Context(), append([]string{"check", "--channels", "proto"}, args...)...)
	}
	for _, before := range []string{"HEAD", "former"} {
		check("--against", before).want(t, exitOK, "nothing changes for anybody\n", "")
		check("--against", before, "--json").want(t, exitOK, "[]\n", "")
	}

	rewrite(t, "proto/t/v1/t.proto", "max_len = 9", "max_len = 8")
	rewrite(t, "proto/t/v1/t.proto", `"mail.{user_id}" scope: { user: { param: "user_id" } }`, `"mail.{user_id}" scope: { public: {} }`)
	const table = "breaking  board.{id}.moved  text  RULES_TIGHTENED      backends  string.max_len: is 8 instead of 9: what passed before may be PAYLOAD_INVALID\n" +
		"breaking  board.{id}.moved  text  RULES_TIGHTENED      browsers  string.max_len: is 8 instead of 9: what passed before may be PAYLOAD_INVALID\n" +
		"security  mail.{user_id}    -     JOIN_SCOPE_WIDENED   browsers  more may join: every session, instead of the user that user_id names\n"
	for _, before := range []string{"HEAD", "former"} {
		got := check("--against", before)
		got.stdout = strings.ReplaceAll(got.stdout, "RULES_TIGHTENED     b", "RULES_TIGHTENED      b")
		got.stdout = strings.ReplaceAll(got.stdout, "JOIN_SCOPE_WIDENED  b", "JOIN_SCOPE_WIDENED   b")
		got.want(t, exitFailed, table, "hub: 3 findings would break somebody, or concern security\n")
	}
	check("--against", "HEAD", "--json").want(t, exitFailed,
		`[{"severity":"SEVERITY_BREAKING","kind":"RULES_TIGHTENED","channel":"board.{id}.moved","field":"text","concerns":["backends"],"message":"string.max_len: is 8 instead of 9: what passed before may be PAYLOAD_INVALID"},`+
			`{"severity":"SEVERITY_BREAKING","kind":"RULES_TIGHTENED","channel":"board.{id}.moved","field":"text","concerns":["browsers"],"message":"string.max_len: is 8 instead of 9: what passed before may be PAYLOAD_INVALID"},`+
			`{"severity":"SEVERITY_SECURITY","kind":"JOIN_SCOPE_WIDENED","channel":"mail.{user_id}","field":"","concerns":["browsers"],"message":"more may join: every session, instead of the user that user_id names"}]`+"\n", "")

	check("--against", "nowhere").want(t, exitFailed, "", "~hub: --against nowhere is no path, and no git ref that has proto: ")
	check("--against", "--output=x").want(t, exitFailed, "", "~a ref does not begin with a dash")
	check("--json").want(t, exitUsage, "", "hub: --json goes with --against\nSee: hub check --help\n")
	call{open: accept(new(server.Config))}.run(t.Context(), "check", "--against", "HEAD").want(t, exitUsage, "", "~--against needs channels to compare")
	rewrite(t, "former/t/v1/t.proto", "message", "massage")
	check("--against", "former").want(t, exitFailed, "", "~former")
}

func TestCheckPrintsWhoMayWhat(t *testing.T) {
	inFiles(t, map[string]string{"t.proto": changingProto})
	got := call{open: accept(new(server.Config))}.run(t.Context(), "check", "--channels", "t.proto", "--access")
	got.want(t, exitOK, `CHANNEL           anonymous  signed in   editor
a.club            -          join(asks)  join(asks)
a.news            join       join        join
board.{id}.moved  -          -           join send
mail.{user_id}    -          join(own)   join(own)
`, "")
}
