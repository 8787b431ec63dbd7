package compare_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/realtime-hub/hub/hub/schema"
	"github.com/realtime-hub/hub/hub/schema/compare"
)

const head = `syntax = "proto3";
package t.v1;
import "buf/validate/validate.proto";
import "google/protobuf/duration.proto";
import "hub/v1/channel.proto";
`

// declared are the channels of a file.
func declared(t *testing.T, text string) []*schema.Channel {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "t.proto"), []byte(head+text), 0o600); err != nil {
		t.Fatal(err)
	}
	r := schema.New(schema.Config{})
	if _, err := r.Load(t.Context(), dir); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return r.Snapshot().Channels()
}

// feed is a channel with a declaration's options beside name and scope, and fields.
func feed(options, fields string) string {
	if !strings.Contains(options, "scope") {
		options += ` scope: { public: {} }`
	}
	return `message Feed { option (hub.v1.channel) = { name: "t.feed" ` + options + ` }; ` + fields + ` }`
}

// taking is a channel that takes the message Said.
func taking(options, fields string) string {
	return feed("", "string a = 1;") + ` message Said { option (hub.v1.inbound) = { channel: "t.feed" ` + options + ` }; ` + fields + ` }`
}

// owned is a channel of two params, the first with rules, of which one names its owner.
func owned(param, owner, rules string) string {
	options := `scope: { user: { param: "` + owner + `" } } params: { key: "` + param + `" value: { ` + rules + ` } }`
	return strings.ReplaceAll(feed(options, ""), "t.feed", "t.{"+param+"}.{c}")
}

func text(rules string) string { return `string a = 1 [(buf.validate.field)` + rules + `];` }

// Each case is one change, and all that is told of it: `severity KIND field whom`.
func TestWhatAChangeBreaksIsTold(t *testing.T) {
	for _, c := range []struct {
		name, before, after string
		want                []string
	}{
		{"nothing", feed("", "string a = 1;"), feed("", "string a = 1; // said\n"), nil},
		{"a channel more", feed("", ""), feed("", "") + strings.ReplaceAll(strings.ReplaceAll(feed("", ""), "Feed", "News"), "feed", "news"), []string{"note CHANNEL_ADDED - browsers, backends, workers"}},
		{"a channel less", feed("", "") + strings.ReplaceAll(strings.ReplaceAll(feed("", ""), "Feed", "News"), "feed", "news"), feed("", ""), []string{"breaking CHANNEL_REMOVED - browsers, backends, workers"}},
		{"renamed", feed("", ""), strings.ReplaceAll(feed("", ""), "t.feed", "t.news"), []string{"breaking CHANNEL_RENAMED - browsers, backends, workers", "note CHANNEL_ADDED - browsers, backends, workers"}},
		{"a param renamed", strings.ReplaceAll(feed("", ""), "t.feed", "t.{a}"), strings.ReplaceAll(feed("", ""), "t.feed", "t.{b}"), []string{"breaking PARAM_RENAMED - backends, workers", "note CHANNEL_ADDED - browsers, backends, workers"}},
		{"the scope's param renamed", owned("a", "a", ""), owned("b", "b", ""), []string{"breaking PARAM_RENAMED - backends, workers", "note CHANNEL_ADDED - browsers, backends, workers"}},
		{"the owner is another param", owned("a", "a", ""), owned("b", "c", ""), []string{"breaking JOIN_SCOPE_NARROWED - browsers", "breaking PARAM_RENAMED - backends, workers", "note CHANNEL_ADDED - browsers, backends, workers", "security JOIN_SCOPE_WIDENED - browsers"}},
		{"a param renamed and tightened", owned("a", "a", "max_len: 9"), owned("b", "b", "max_len: 8"), []string{"breaking PARAM_RENAMED - backends, workers", "breaking RULES_TIGHTENED {b} browsers, backends", "note CHANNEL_ADDED - browsers, backends, workers"}},

		{"more may join", feed("scope: { authenticated: {} }", ""), feed("scope: { public: {} }", ""), []string{"security JOIN_SCOPE_WIDENED - browsers"}},
		{"fewer may join", feed("scope: { public: {} }", ""), feed("scope: { role: { any_of: [\"a\"] } }", ""), []string{"breaking JOIN_SCOPE_NARROWED - browsers"}},
		{"a role more", feed("scope: { role: { any_of: [\"a\"] } }", ""), feed("scope: { role: { any_of: [\"b\", \"a\"] } }", ""), []string{"security JOIN_SCOPE_WIDENED - browsers"}},
		{"a role instead", feed("scope: { role: { any_of: [\"a\"] } }", ""), feed("scope: { role: { any_of: [\"b\"] } }", ""), []string{"breaking JOIN_SCOPE_NARROWED - browsers", "security JOIN_SCOPE_WIDENED - browsers"}},
		{"a worker instead", feed("scope: { role: { any_of: [\"a\"] } }", ""), feed("scope: { handler: {} }", ""), []string{"breaking JOIN_SCOPE_NARROWED - browsers", "security JOIN_SCOPE_WIDENED - browsers"}},

		{"history", feed("", ""), feed("history: { size: 5 ttl: { seconds: 9 } }", ""), []string{"note HISTORY_ADDED - browsers"}},
		{"fewer kept", feed("history: { size: 5 ttl: { seconds: 9 } }", ""), feed("history: { size: 4 ttl: { seconds: 99 } }", ""), []string{"warning HISTORY_SHORTENED - browsers"}},
		{"kept shorter", feed("history: { size: 5 ttl: { seconds: 9 } }", ""), feed("history: { size: 5 ttl: { seconds: 8 } }", ""), []string{"warning HISTORY_SHORTENED - browsers"}},
		{"no history", feed("history: { size: 5 ttl: { seconds: 9 } }", ""), feed("", ""), []string{"breaking HISTORY_REMOVED - browsers"}},
		{"presence", feed("", ""), feed("presence: {}", ""), []string{"security PRESENCE_ADDED - browsers"}},
		{"no presence", feed("presence: {}", ""), feed("", ""), []string{"breaking PRESENCE_REMOVED - browsers"}},
		{"slow", feed("", ""), feed("on_slow: SLOW_DROP", ""), []string{"note ON_SLOW_CHANGED - browsers"}},

		{"takes messages", feed("", "string a = 1;"), taking("", ""), []string{"security INBOUND_ADDED - workers"}},
		{"takes none", taking("", ""), feed("", "string a = 1;"), []string{"breaking INBOUND_REMOVED - browsers, workers"}},
		{"more may send", taking("scope: { authenticated: {} }", ""), taking("scope: { public: {} }", ""), []string{"security SEND_SCOPE_WIDENED - browsers"}},
		{"at most once", taking("", ""), taking("delivery: DELIVERY_AT_MOST_ONCE", ""), []string{"warning DELIVERY_CHANGED - browsers, workers"}},
		{"less time", taking("", ""), taking("deadline: { seconds: 1 }", ""), []string{"warning TIME_SHORTENED - workers"}},
		{"slower", taking("", ""), taking("rate: { per_second: 5 burst: 100 }", ""), []string{"warning RATE_LOWERED - browsers"}},
		{"a field of what is sent", taking("", "string a = 1;"), taking("", "string a = 1 [(buf.validate.field).string.min_len = 1];"), []string{"breaking RULES_TIGHTENED a browsers"}},
		{"its type", taking("", ""), strings.ReplaceAll(taking("", ""), "Said", "Told"), []string{"breaking MESSAGE_RENAMED - workers"}},

		{"another message", feed("", "string a = 1;"), strings.ReplaceAll(feed("", "string a = 1;"), "Feed", "News"), []string{"breaking MESSAGE_RENAMED - backends"}},
		{"a field more", feed("", "string a = 1;"), feed("", "string a = 1; string b = 2;"), []string{"note FIELD_ADDED b browsers"}},
		{"a required field more", feed("", "string a = 1;"), feed("", "string a = 1; string b = 2 [(buf.validate.field).string.min_len = 1];"), []string{"breaking FIELD_ADDED b backends"}},
		{"a field less", feed("", "string a = 1; string b = 2;"), feed("", "string a = 1; reserved 2;"), []string{"breaking FIELD_REMOVED b browsers, backends"}},
		{"another name", feed("", "string a_b = 1;"), feed("", "string a_c = 1;"), []string{"breaking FIELD_RENAMED aB browsers, backends"}},
		{"another type", feed("", "string a = 1;"), feed("", "bytes a = 1;"), []string{"breaking FIELD_TYPE_CHANGED a browsers, backends"}},
		{"a type alike", feed("", "int32 a = 1;"), feed("", "uint32 a = 1;"), []string{"warning FIELD_TYPE_CHANGED a browsers, backends"}},
		{"64 bits are strings", feed("", "int32 a = 1;"), feed("", "int64 a = 1;"), []string{"breaking FIELD_TYPE_CHANGED a browsers, backends"}},
		{"a list", feed("", "string a = 1;"), feed("", "repeated string a = 1;"), []string{"breaking FIELD_CARDINALITY_CHANGED a browsers, backends"}},
		{"optional", feed("", "string a = 1;"), feed("", "optional string a = 1;"), []string{"warning FIELD_PRESENCE_CHANGED a browsers"}},
		{"a oneof", feed("", "string a = 1; string b = 2;"), feed("", "oneof o { string a = 1; string b = 2; }"), []string{"breaking FIELD_ONEOF_CHANGED a browsers, backends", "warning FIELD_PRESENCE_CHANGED a browsers", "breaking FIELD_ONEOF_CHANGED b browsers, backends", "warning FIELD_PRESENCE_CHANGED b browsers"}},
		{"a map's key", feed("", "map<int32, string> a = 1;"), feed("", "map<string, string> a = 1;"), []string{"breaking FIELD_TYPE_CHANGED a.key browsers, backends"}},
		{"deep inside", feed("", "message Part { string b = 1; Part next = 2; } repeated Part a = 1;"), feed("", "message Part { Part next = 2; } repeated Part a = 1;"), []string{"breaking FIELD_REMOVED a.b browsers, backends"}},
		{"a value less", feed("", "enum E { E_A = 0; E_B = 1; } E a = 1;"), feed("", "enum E { E_A = 0; } E a = 1;"), []string{"breaking ENUM_VALUE_REMOVED a browsers, backends"}},
		{"a value's name", feed("", "enum E { E_A = 0; E_B = 1; } E a = 1;"), feed("", "enum E { E_A = 0; E_C = 1; } E a = 1;"), []string{"breaking ENUM_VALUE_RENAMED a browsers, backends"}},
		{"a value more", feed("", "enum E { E_A = 0; } E a = 1;"), feed("", "enum E { E_A = 0; E_B = 1; } E a = 1;"), []string{"warning ENUM_VALUE_ADDED a browsers"}},

		{"longer", feed("", text(".string.max_len = 5")), feed("", text(".string.max_len = 9")), []string{"warning RULES_LOOSENED a browsers"}},
		{"shorter", feed("", text(".string.max_len = 5")), feed("", text(".string.max_len = 4")), []string{"breaking RULES_TIGHTENED a backends"}},
		{"at least more", feed("", text(".string.min_len = 1")), feed("", text(".string.min_len = 2")), []string{"breaking RULES_TIGHTENED a backends"}},
		{"a rule more", feed("", "string a = 1;"), feed("", text(".string.email = true")), []string{"breaking RULES_TIGHTENED a backends"}},
		{"a rule less", feed("", text(".string.email = true")), feed("", "string a = 1;"), []string{"warning RULES_LOOSENED a browsers"}},
		{"another pattern", feed("", text(".string.pattern = \"^a\"")), feed("", text(".string.pattern = \"^b\"")), []string{"breaking RULES_CHANGED a browsers, backends"}},
		{"one of more", feed("", text(".string = { in: [\"a\"] }")), feed("", text(".string = { in: [\"a\", \"b\"] }")), []string{"warning RULES_LOOSENED a browsers"}},
		{"one of fewer", feed("", text(".string = { in: [\"a\", \"b\"] }")), feed("", text(".string = { in: [\"b\"] }")), []string{"breaking RULES_TIGHTENED a backends"}},
		{"none of more", feed("", text(".string = { not_in: [\"a\"] }")), feed("", text(".string = { not_in: [\"a\", \"b\"] }")), []string{"breaking RULES_TIGHTENED a backends"}},
		{"required", feed("", "string a = 1;"), feed("", text(".required = true")), []string{"breaking RULES_TIGHTENED a backends"}},
		{"negative numbers", feed("", "int32 a = 1 [(buf.validate.field).int32.gte = -5];"), feed("", "int32 a = 1 [(buf.validate.field).int32.gte = -9];"), []string{"warning RULES_LOOSENED a browsers"}},
		{"durations", feed("", "google.protobuf.Duration a = 1 [(buf.validate.field).duration.lte = { seconds: 9 }];"), feed("", "google.protobuf.Duration a = 1 [(buf.validate.field).duration.lte = { seconds: 8 nanos: 9 }];"), []string{"breaking RULES_TIGHTENED a backends"}},
		{"a list's items", feed("", "repeated string a = 1;"), feed("", "repeated string a = 1 [(buf.validate.field).repeated.items.string.min_len = 1];"), []string{"breaking RULES_TIGHTENED a backends"}},
		{"an expression", feed("", text(".cel = { id: \"x\" message: \"m\" expression: \"this != ''\" }")), feed("", text(".cel = { id: \"x\" message: \"m\" expression: \"this != 'a'\" }")), []string{"breaking RULES_CHANGED a browsers, backends"}},
		{"a message's expression", feed("", "string a = 1;"), feed("", "option (buf.validate.message).cel = { id: \"x\" message: \"m\" expression: \"this.a != ''\" }; string a = 1;"), []string{"breaking RULES_TIGHTENED - backends"}},
		{"a param's rules", strings.ReplaceAll(feed("", ""), "t.feed", "t.{a}"), strings.ReplaceAll(feed("params: { key: \"a\" value: { max_len: 5 } }", ""), "t.feed", "t.{a}"), []string{"breaking RULES_TIGHTENED {a} browsers, backends"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			found := compare.Channels(declared(t, c.before), declared(t, c.after))
			var got []string
			fails := false
			for _, f := range found {
				field := f.Field
				if field == "" {
					field = "-"
				}
				got = append(got, strings.Join([]string{f.Severity.String(), string(f.Kind), field, f.Whom.String()}, " "))
				fails = fails || strings.HasPrefix(got[len(got)-1], "breaking") || strings.HasPrefix(got[len(got)-1], "security")
				if f.Message == "" || strings.Contains(f.Message, "%!") || !strings.HasPrefix(f.Channel, "t.") {
					t.Errorf("it says %+v", f)
				}
				if p := f.Proto(); p.GetSeverity().String() != "SEVERITY_"+strings.ToUpper(f.Severity.String()) {
					t.Errorf("%v is %v to peers", f.Severity, p.GetSeverity())
				}
			}
			want := slices.Sorted(slices.Values(c.want))
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("got  %q\nwant %q", got, want)
			}
			if compare.Fails(found) != fails {
				t.Errorf("fails: %v", !fails)
			}
		})
	}
}
