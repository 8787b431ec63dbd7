package main

import (
	"encoding/json"
	"strings"
	"testing"
)

const sampledProto = `syntax = "proto3";
package t.v1;
import "buf/validate/validate.proto";
import "hub/v1/channel.proto";
message Mail {
  option (hub.v1.channel) = { name: "t.mail.{user_id}" scope: { user: { param: "user_id" } } };
  bool read = 1 [(buf.validate.field).bool.const = true];
  string note = 2 [(buf.validate.field).cel = { id: "note.any" expression: "this == this" }];
}
message Said {
  option (hub.v1.inbound) = { channel: "t.mail.{user_id}" };
  string text = 1 [(buf.validate.field).string.in = "yes"];
}
message Never {
  option (hub.v1.channel) = { name: "t.never" scope: { public: {} } };
  string text = 1 [(buf.validate.field).string = { min_len: 2 max_len: 1 }];
}
`

func TestSamplesPrintsWhatPasses(t *testing.T) {
	inFiles(t, map[string]string{"proto/t/v1/t.proto": sampledProto, "other/hub.yaml": "channels: [../proto]\nauth: { jwt: { keys: [{ hmac_secret_env: NOT_SET }] } }\n"})
	call{}.run(t.Context(), "samples", "t.mail.ann", "--channels", "proto").want(t, exitOK, `{"read":true}`+"\n", "")
	call{}.run(t.Context(), "samples", "t.mail.{user_id}", "--inbound", "--channels", "proto").want(t, exitOK, `{"text":"yes"}`+"\n", "")
	// The secret that a hub needs is not needed here.
	call{}.run(t.Context(), "samples", "t.mail.ann", "--config", "other/hub.yaml").want(t, exitOK, `{"read":true}`+"\n", "")
}

func TestSamplesPrintsEachRule(t *testing.T) {
	inFiles(t, map[string]string{"proto/t/v1/t.proto": sampledProto})
	all := call{}.run(t.Context(), "samples", "t.mail.ann", "--all", "--channels", "proto")
	for _, line := range []string{
		"passes  as little as passes  {\"read\":true}\n", "breaks  read: not set [read bool.const]  {}\n",
		"untested  note note.any: no payload was found that breaks it\n",
	} {
		if !strings.Contains(all.stdout, line) {
			t.Errorf("%q is not in:\n%s", line, all.stdout)
		}
	}
	var set setJSON
	got := call{}.run(t.Context(), "samples", "t.mail.ann", "--all", "--json", "--channels", "proto")
	if err := json.Unmarshal([]byte(got.stdout), &set); err != nil || got.code != exitOK {
		t.Fatalf("%v: %+v", err, got)
	}
	first, last := set.Cases[0], set.Cases[len(set.Cases)-1]
	if set.Message != "t.v1.Mail" || !first.Accepted || last.Accepted || last.Field != "read" || last.Path != "read" || last.Rule != "bool.const" || string(last.Payload) != "{}" {
		t.Errorf("%+v", set)
	}
	if len(set.Untested) != 1 || set.Untested[0].Rule != "note.any" {
		t.Errorf("untested: %+v", set.Untested)
	}
	one := call{}.run(t.Context(), "samples", "t.mail.ann", "--json", "--channels", "proto")
	one.want(t, exitOK, `{"message":"t.v1.Mail","cases":[{"name":"as little as passes","payload":{"read":true},"accepted":true}],"untested":[]}`+"\n", "")
}

func TestSamplesSaysWhatIsWrong(t *testing.T) {
	inFiles(t, map[string]string{"proto/t/v1/t.proto": sampledProto, "broken/t.proto": "syntax = \"proto3\";\nmessage M { string a = 1 }\n"})
	for _, c := range []struct {
		args   []string
		code   int
		stderr string
	}{
		{[]string{"t.never", "--channels", "proto"}, exitFailed, "~hub: t.v1.Never: no payload was found that keeps all rules: either they contradict each other, see --all"},
		{[]string{"t.never", "--inbound", "--channels", "proto"}, exitFailed, "hub: t.never takes no messages from browsers: no message has the option (hub.v1.inbound) for it\n"},
		{[]string{"t.gone", "--channels", "proto"}, exitFailed, "~; there are t.mail.{user_id}, t.never\n"},
		{[]string{"t.gone"}, exitUsage, "hub: samples needs the protos: --channels PATH; no configuration file is here\nSee: hub samples --help\n"},
		{[]string{"t.gone", "--channels", "broken"}, exitFailed, "~t.proto:2:"},
		{[]string{"t.gone", "--channels", "nowhere"}, exitFailed, "~nowhere"},
		{nil, exitUsage, "hub: samples needs a channel, one argument, as blog.article.feed; there are 0\nSee: hub samples --help\n"},
	} {
		call{}.run(t.Context(), append([]string{"samples"}, c.args...)...).want(t, c.code, "", c.stderr)
	}
	never := call{}.run(t.Context(), "samples", "t.never", "--all", "--channels", "proto")
	if never.code != exitFailed || !strings.Contains(never.stdout, "untested  text: no value was found that keeps all its rules: string.max_len, string.min_len\n") {
		t.Errorf("%+v", never)
	}
	completed := call{}.run(t.Context(), "__complete", "samples", "--channels", "proto", "t.m")
	completed.want(t, exitOK, "t.mail.{user_id}\tt.v1.Mail\n:4\n", "~")
}
