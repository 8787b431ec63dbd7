package plugin_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/realtime-hub/hub/cmd/hub/internal/plugin"
)

// head begins a proto file of the tests; what follows it starts on line 6.
const head = `syntax = "proto3";
package t.v1;
import "hub/v1/channel.proto";
import "buf/validate/validate.proto";
option go_package = "example.com/t/v1;tv1";
`

func declare(message, name string) string {
	return fmt.Sprintf("message %s { option (hub.v1.channel) = { name: %q scope: { public: {} } }; }\n", message, name)
}

func inbound(message, name string) string {
	return fmt.Sprintf("message %s { option (hub.v1.inbound) = { channel: %q }; }\n", message, name)
}

var languages = map[string]plugin.Language{"go": plugin.Go, "ts": plugin.TypeScript}

func TestABadDeclarationFailsWithItsPlace(t *testing.T) {
	for _, row := range []struct{ text, want string }{
		{
			"message A { option (hub.v1.channel) = { name: \"t.a\" }; }\n",
			"t/v1/t.proto:6: message t.v1.A: option (hub.v1.channel).scope: missing; say who may join",
		},
		{declare("A", "t"), "t/v1/t.proto:6: message t.v1.A: option (hub.v1.channel).name: "},
		{declare("A", "t.{x}") + declare("B", "t.{y}"), "could mean the same channel"},
		{inbound("B", "t.a"), "no message of this set declares the channel \"t.a\"; name it as declared, params in braces\n" +
			"(All files of a proto package go into one call of the plugin. With buf that is so.)"},
		{
			declare("A", "t.a") + "message B { int32 x = 1 [(buf.validate.field).cel = {id: \"x\" expression: \"this +\"}]; }\n" +
				"message C { option (hub.v1.channel) = { name: \"t.c\" scope: { public: {} } }; B b = 1; }\n",
			"t/v1/t.proto:7: message t.v1.B: option (buf.validate.field) of x: the rules do not compile",
		},
	} {
		for name, language := range languages {
			files, wrong := generate(t, request(t, map[string]string{"t/v1/t.proto": head + row.text}, ""), language)
			if !strings.Contains(wrong, row.want) || len(files) > 0 {
				t.Errorf("%s, %s: %q, not %q", name, row.text, wrong, row.want)
			}
		}
	}
}

func TestGoNamesThatAreTakenAreRefused(t *testing.T) {
	for _, row := range []struct{ text, want string }{
		{
			declare("A", "t.a") + "message AChannel {}\n",
			"t/v1/t.proto:6: message t.v1.A: the descriptor would be called AChannel, as message t.v1.AChannel (t/v1/t.proto) is; rename one of the two",
		},
		{declare("A", "t.a") + inbound("AInbound", "t.a"), "AInbound, as message t.v1.AInbound"},
		{declare("A", "t.a") + "enum E { AChannel = 0; }\n", ""},
		{declare("E_A", "t.a") + "enum E { A = 0; A_Channel = 1; AChannel = 2; }\n", "E_AChannel, as enum value t.v1.AChannel"},
		{declare("A_B", "t.a") + "message A { oneof o { string b_channel = 1; } }\n", "A_BChannel, as the type of field t.v1.A.b_channel"},
		{declare("A", "t.a") + "message B { " + declare("C", "t.c") + "}\n" + declare("B_C", "t.bc"), ""}, // protoc-gen-go itself fails
	} {
		_, wrong := generate(t, request(t, map[string]string{"t/v1/t.proto": head + row.text}, ""), plugin.Go)
		if row.want == "" && strings.Contains(row.text, "B_C") {
			if !strings.Contains(wrong, "B_CChannel") {
				t.Errorf("%s: %q", row.text, wrong)
			}
			continue
		}
		if (row.want == "") != (wrong == "") || !strings.Contains(wrong, row.want) {
			t.Errorf("%s: %q, not %q", row.text, wrong, row.want)
		}
	}
}

func TestTypeScriptNamesThatAreTakenAreRefused(t *testing.T) {
	for _, row := range []struct{ text, want string }{
		{"message A {}\nmessage AInput {}\n", "t/v1/t.proto:6: message t.v1.A: the type of what browsers send would be called AInput, " +
			"as the type of message t.v1.AInput (t/v1/t.proto) is; rename one of the two"},
		{declare("A", "t.a") + "enum AChannelName { X = 0; }\n", "the type of the channel's name would be called AChannelName, as the type of enum t.v1.AChannelName"},
		{"message A { enum B { X = 0; } }\nenum A_B { Y = 0; }\n", "would be called A_B"},
		{"message A { message B {} }\nmessage A_B {}\n", "would be called A_B"},
		{declare("A", "t.a") + "message AChannel {}\n", ""},
	} {
		_, wrong := generate(t, request(t, map[string]string{"t/v1/t.proto": head + row.text}, ""), plugin.TypeScript)
		if (row.want == "") != (wrong == "") || !strings.Contains(wrong, row.want) {
			t.Errorf("%s: %q, not %q", row.text, wrong, row.want)
		}
	}
}

// What a proto file may quote stays in its comment.
func TestForeignTextStaysInComments(t *testing.T) {
	files := map[string]string{"t/v1/t.proto": head + "// a */ export const x = 1; /*\nmessage A {\n" +
		"  option (hub.v1.channel) = { name: \"t.{a}\" scope: { role: { any_of: [\"x\\ny */ z\"] } } };\n" +
		"  string b = 1 [json_name = \"b\\nfunc init() {}\\n */ z\", (buf.validate.field).string.min_len = 1];\n}\n"}
	out, wrong := generate(t, request(t, files, "paths=source_relative"), plugin.Go)
	if text := out["t/v1/t_hub.pb.go"]; wrong != "" || strings.Contains(text, "\nfunc init") || !strings.Contains(text, "func init() {}") {
		t.Errorf("%s\n%s", wrong, text)
	}
	p := newProject(t)
	p.add(t, ".", typescript(t, files, "client=none"))
	p.check(t)
}

func TestUnknownOptionsAreRefused(t *testing.T) {
	for name, want := range map[string]string{
		"go": `there is no option "colour"; hub plugin go takes those of protoc-gen-go: paths, module and M…`,
		"ts": `there is no option "colour"; hub plugin ts takes client and import_extension`,
	} {
		_, wrong := generate(t, request(t, map[string]string{"t/v1/t.proto": head}, "colour=red"), languages[name])
		if wrong != want {
			t.Errorf("%s: %q, not %q", name, wrong, want)
		}
	}
}

func TestGoTakesTheOptionsOfProtocGenGo(t *testing.T) {
	files, wrong := generate(t, request(t, map[string]string{"t/v1/t.proto": head + declare("A", "t.a")}, "module=example.com,Mt/v1/t.proto=example.com/other/place"), plugin.Go)
	if text := files["other/place/t_hub.pb.go"]; wrong != "" || !strings.Contains(text, "package tv1") {
		t.Errorf("%v %s", files, wrong)
	}
}

func TestAFileWithoutChannelsMakesNoGo(t *testing.T) {
	files, wrong := generate(t, request(t, map[string]string{"t/v1/t.proto": head + "message A {}"}, ""), plugin.Go)
	if len(files) != 0 || wrong != "" {
		t.Errorf("%v %s", files, wrong)
	}
}

func TestWhatIsNoRequestIsAnError(t *testing.T) {
	for _, in := range []string{"", "hello", "\xff\xff"} {
		var out bytes.Buffer
		err := plugin.Run(t.Context(), strings.NewReader(in), &out, plugin.Go)
		if err == nil || !strings.Contains(err.Error(), "no request of buf or protoc") || out.Len() > 0 {
			t.Errorf("%q: %v, %q", in, err, out.String())
		}
	}
}
