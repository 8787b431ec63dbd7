package schema_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/schema"
)

func TestDefaultsAreFilledIn(t *testing.T) {
	for _, row := range []struct{ name, text, channel, want string }{
		{
			"a channel alone", `message A { option (hub.v1.channel) = { name: "a.b" scope: { public: {} } }; }`, "a.b",
			`name: "a.b" message: "t.v1.A" options { name: "a.b" scope { public {} } on_slow: SLOW_DISCONNECT } file: "t/v1/t.proto"`,
		},
		{
			"one message both ways", `message A {
				option (hub.v1.channel) = { name: "a.{id}" scope: { user: { param: "id" } } on_slow: SLOW_LATEST };
				option (hub.v1.inbound) = {};
			}`, "a.{id}",
			`name: "a.{id}" message: "t.v1.A" options { name: "a.{id}" scope { user { param: "id" } } on_slow: SLOW_LATEST } file: "t/v1/t.proto"
			inbound_message: "t.v1.A" inbound { channel: "a.{id}" scope { user { param: "id" } } delivery: DELIVERY_AT_LEAST_ONCE
			deadline { seconds: 10 } expiry { seconds: 60 } rate { per_second: 50 burst: 100 } }`,
		},
		{
			"two messages, nothing left to default", `message A { option (hub.v1.channel) = { name: "a.b" scope: { public: {} } history: { size: 5 ttl: { seconds: 9 } } presence: {} on_slow: SLOW_DROP }; }
			message B { message C { option (hub.v1.inbound) = { channel: "a.b" scope: { authenticated: {} } delivery: DELIVERY_AT_MOST_ONCE
				deadline: { seconds: 1 } expiry: { seconds: 2 } rate: { per_second: 0.5 burst: 3 } }; } }`, "a.b",
			`name: "a.b" message: "t.v1.A" options { name: "a.b" scope { public {} } history { size: 5 ttl { seconds: 9 } } presence {} on_slow: SLOW_DROP } file: "t/v1/t.proto"
			inbound_message: "t.v1.B.C" inbound { channel: "a.b" scope { authenticated {} } delivery: DELIVERY_AT_MOST_ONCE
			deadline { seconds: 1 } expiry { seconds: 2 } rate { per_second: 0.5 burst: 3 } }`,
		},
		{
			"half a rate", `message A { option (hub.v1.channel) = { name: "a.b" scope: { public: {} } }; option (hub.v1.inbound) = { channel: "a.b" rate: { burst: 7 } }; }`, "a.b",
			`name: "a.b" message: "t.v1.A" options { name: "a.b" scope { public {} } on_slow: SLOW_DISCONNECT } file: "t/v1/t.proto"
			inbound_message: "t.v1.A" inbound { channel: "a.b" scope { public {} } delivery: DELIVERY_AT_LEAST_ONCE
			deadline { seconds: 10 } expiry { seconds: 60 } rate { per_second: 50 burst: 7 } }`,
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := loaded(t, schema.Config{}, row.text)
			c, ok := r.Snapshot().Lookup(row.channel)
			if !ok {
				t.Fatal("it is not declared")
			}
			want := &hubv1.ChannelInfo{}
			if err := prototext.Unmarshal([]byte(row.want), want); err != nil {
				t.Fatal(err)
			}
			got := c.Info()
			if !proto.Equal(got, want) {
				t.Errorf("it is %v,\nnot %v", got, want)
			}
			// What is handed out is a copy.
			got.GetOptions().Name = "x.y"
			if !proto.Equal(c.Info(), want) {
				t.Error("it can be changed")
			}
		})
	}
}

// Nothing of a declaration that is part of no payload counts, and everything
// of a payload does, however deep.
func TestChangesAreToldByWhatTheyMean(t *testing.T) {
	const before = `
message A {
  option (hub.v1.channel) = { name: "a.{id}" scope: { public: {} } params: { key: "id" value: { min_len: 2 } } };
  repeated B bs = 1;
  message Unused { string x = 1; }
}
message B { map<string, C> cs = 1; Kind kind = 2; }
message C { string text = 1 [(buf.validate.field).string.min_len = 1]; }
message D { option (hub.v1.inbound) = { channel: "a.{id}" }; E e = 1; }
message E { int32 n = 1; }
message Other { string x = 1; }
enum Kind { KIND_UNSPECIFIED = 0; }
`
	for name, row := range map[string]struct {
		from, to string
		changed  bool
	}{
		"nothing":                {"", "", false},
		"a comment":              {"message B {", "// B.\nmessage B {", false},
		"another message":        {"message Other { string x = 1; }", "message Other { string y = 1; }", false},
		"a nested one, not used": {"Unused { string x = 1; }", "Unused {}", false},
		"one more message":       {"", "message Z {}", false},
		"the scope":              {"public: {}", "authenticated: {}", true},
		"a param's rule":         {"min_len: 2", "min_len: 3", true},
		"a rule below":           {"string.min_len = 1", "string.min_len = 2", true},
		"a field below":          {"int32 n = 1", "int64 n = 1", true},
		"an enum's value":        {"KIND_UNSPECIFIED = 0;", "KIND_UNSPECIFIED = 0; KIND_ONE = 1;", true},
		"inbound's options":      {`channel: "a.{id}" }; E`, `channel: "a.{id}" rate: { burst: 1 } }; E`, true},
		"inbound taken away":     {`option (hub.v1.inbound) = { channel: "a.{id}" };`, ``, true},
	} {
		t.Run(name, func(t *testing.T) {
			r := loaded(t, schema.Config{}, before)
			after := strings.ReplaceAll(before, row.from, row.to)
			if row.from == "" {
				after = before + row.to
			}
			change, err := r.Load(t.Context(), tree(t, map[string]string{"t/v1/t.proto": head + after}))
			if err != nil {
				t.Fatal(err)
			}
			if changed := len(change.Changed) == 1; changed != row.changed || len(change.Changed)+len(change.Unchanged) != 1 {
				t.Errorf("%+v", change)
			}
		})
	}
}

// A set that was compiled says what its sources say, so that moving from one
// to the other changes nothing.
func TestHowASetArrivedIsNoChange(t *testing.T) {
	text := declareAll("a.b", "c.{id}") + `message R { option (hub.v1.channel) = { name: "r.r" scope: { public: {} } }; string x = 1 [(buf.validate.field).string = { max_len: 9 min_len: 1 }]; }`
	r := loaded(t, schema.Config{}, text)
	set := compiled(t, map[string]string{"t/v1/t.proto": head + text})
	change, err := r.Load(t.Context(), tree(t, map[string]string{"set.binpb": string(bytesOf(t, set))})+"/set.binpb")
	if err != nil || len(change.Unchanged) != 3 {
		t.Errorf("%+v, %v", change, err)
	}
}

// Rules that a user defined for protovalidate are the user's own file's.
func TestPredefinedRulesHoldAndCount(t *testing.T) {
	rules := func(name, limit string) string {
		return `syntax = "proto2"; package t.v1; import "buf/validate/validate.proto";
extend buf.validate.StringRules { optional bool ` + name + ` = 60001 [(buf.validate.predefined).cel = { id: "string.short" message: "must be short" expression: "!rule || size(this) < ` + limit + `" }]; }`
	}
	use := `syntax = "proto3"; package t.v1; import "buf/validate/validate.proto"; import "hub/v1/channel.proto"; import "t/v1/rules.proto";
message A { option (hub.v1.channel) = { name: "a.{id}" scope: { public: {} } params: { key: "id" value: { [t.v1.short]: true } } }; string text = 1 [(buf.validate.field).string.(short) = true]; }`
	r := schema.New(schema.Config{})
	files := map[string]string{"t/v1/rules.proto": rules("short", "4"), "t/v1/use.proto": use}
	if _, err := r.Load(t.Context(), tree(t, files)); err != nil {
		t.Fatal(err)
	}
	m, err := r.Snapshot().Match("a.one")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Payload.FromJSON([]byte(`{"text":"four"}`)); err == nil || !strings.Contains(err.Error(), "text: must be short") {
		t.Errorf("a long text is %v", err)
	}
	if _, err := r.Snapshot().Match("a.four"); err == nil || !strings.Contains(err.Error(), "id: must be short") {
		t.Errorf("a long param is %v", err)
	}
	files["t/v1/rules.proto"] = rules("short", "5")
	if change, err := r.Load(t.Context(), tree(t, files)); err != nil || len(change.Changed) != 1 {
		t.Errorf("%+v, %v", change, err)
	}
	set := compiled(t, map[string]string{"t/v1/rules.proto": `syntax = "proto2"; package t.v1; import "buf/validate/validate.proto";
message Evil { map<string, string> m = 1; } message In { extend buf.validate.StringRules { optional Evil evil = 60002; } }`})
	want := `t/v1/rules.proto: the rule t.v1.In.evil takes a t.v1.Evil; a rule takes a scalar, a Duration or a Timestamp`
	if _, err := register(t, r, "blog", set); err == nil || err.Error() != want {
		t.Errorf("it says %v", err)
	}
}
