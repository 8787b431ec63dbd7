package sample_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"buf.build/go/protovalidate"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"
	"pgregory.net/rapid"

	"github.com/realtime-hub/hub/hub/internal/fault"
	"github.com/realtime-hub/hub/hub/schema"
	"github.com/realtime-hub/hub/hub/schema/sample"
)

// Each of rapid's checks compiles a file and tries some ten thousand payloads: a
// hundred of them take half a minute with -race.
func TestMain(m *testing.M) {
	if err := flag.Set("rapid.checks", "20"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

const head = `syntax = "proto3";
package t.v1;
import "buf/validate/validate.proto";
import "google/protobuf/timestamp.proto";
import "hub/v1/channel.proto";
`

// fataler is a test, or one try of rapid's.
type fataler interface {
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// message loads a file whose channel's message has the text in it, with others behind.
func message(t fataler, dir, text, others string) *schema.Message {
	declared := head + `message M { option (hub.v1.channel) = { name: "t.m" scope: { public: {} } }; ` + text + ` }` + others
	if err := os.WriteFile(filepath.Join(dir, "t.proto"), []byte(declared), 0o600); err != nil {
		t.Fatalf("%v", err)
	}
	return load(t, dir)[0].Payload
}

func load(t fataler, path string) []*schema.Channel {
	r := schema.New(schema.Config{})
	if _, err := r.Load(context.Background(), path); err != nil {
		t.Fatalf("%v", err)
	}
	return r.Snapshot().Channels()
}

func samples(t fataler, m *schema.Message) sample.Set {
	s, err := sample.Of(context.Background(), m.Descriptor(), sample.Config{})
	if err != nil {
		t.Fatalf("%v", err)
	}
	return s
}

// agrees holds samples to the hub's own judgement of each payload.
func agrees(t fataler, m *schema.Message, s sample.Set) {
	for _, c := range s.Cases {
		_, err := m.FromJSON(c.JSON)
		switch got := fault.Of(err); {
		case c.Accepted && err != nil:
			t.Errorf("%s: %s: %s: refused: %v", s.Message, c.Name, c.JSON, err)
		case c.Accepted:
		case err == nil || got.Reason != fault.PayloadInvalid || len(got.Violations) != 1 ||
			got.Violations[0].Field != c.Field || got.Violations[0].Rule != c.Rule:
			t.Errorf("%s: %s: %s: want %s %s, the hub says %v", s.Message, c.Name, c.JSON, c.Field, c.Rule, err)
		}
	}
}

// kinds are the ids of all rules that protovalidate has, as it declares them
// itself: a new one fails the test below until the samples know it.
func kinds() map[string]bool {
	out := map[string]bool{"required": true, "enum.defined_only": true, "any.in": true, "any.not_in": true, "message.oneof": true}
	types := (&validate.FieldRules{}).ProtoReflect().Descriptor().Oneofs().ByName("type").Fields()
	for i := range types.Len() {
		rules := types.Get(i).Message().Fields()
		for j := range rules.Len() {
			predefined, err := protovalidate.ResolvePredefinedRules(rules.Get(j))
			if err != nil || rules.Get(j).Name() == "example" {
				continue
			}
			for _, rule := range predefined.GetCel() {
				out[rule.GetId()] = true
			}
		}
	}
	return out
}

func TestEveryKindOfRuleIsBrokenOnce(t *testing.T) {
	missing := kinds()
	if len(missing) < 200 {
		t.Fatalf("protovalidate has only %d kinds of rules", len(missing))
	}
	for _, c := range load(t, "testdata") {
		s := samples(t, c.Payload)
		agrees(t, c.Payload, s)
		if first, ok := s.Passing(); !ok || first.Name != "as little as passes" {
			t.Errorf("%s: nothing passes", s.Message)
		}
		for _, u := range s.Untested {
			t.Errorf("%s: %s", s.Message, u)
		}
		for _, c := range s.Cases {
			delete(missing, c.Rule)
		}
	}
	for rule := range missing {
		t.Errorf("nothing breaks %s", rule)
	}
}

func TestPayloadsAreAtTheEdges(t *testing.T) {
	for _, row := range []struct {
		name, text string
		passes     []string
		breaks     map[string]string // payload → field and rule
		untested   string
	}{
		{
			"a text", `string a = 1 [(buf.validate.field).string = { min_len: 2 max_len: 4 }];`,
			[]string{`{"a":"aa"}`, `{"a":"aaaa"}`, `{"a":"😀😀😀😀"}`},
			map[string]string{`{"a":"a"}`: "a string.min_len", `{}`: "a string.min_len", `{"a":"aaaaa"}`: "a string.max_len", `{"a":"😀😀😀😀😀"}`: "a string.max_len"},
			"",
		},
		{
			"a number", `int64 a = 1 [(buf.validate.field).int64 = { gte: -5 lt: 7 }];`,
			[]string{`{"a":"-5"}`, `{"a":"6"}`, `{}`},
			map[string]string{`{"a":"-6"}`: "a int64.gte_lt", `{"a":"7"}`: "a int64.gte_lt"},
			"",
		},
		{
			"items", `repeated string many_items = 1 [(buf.validate.field).repeated = { min_items: 2 max_items: 3 unique: true items: { string: { in: ["x", "y", "z"] } } }];`,
			[]string{`{"manyItems":["x","y"]}`, `{"manyItems":["x","y","z"]}`},
			map[string]string{`{"manyItems":["x"]}`: "manyItems repeated.min_items", `{}`: "manyItems repeated.min_items", `{"manyItems":["x","x"]}`: "manyItems repeated.unique"},
			"manyItems repeated.max_items: it was only broken together with repeated.unique", // there are three values
		},
		{
			"a map", `map<string, int32> a = 1 [(buf.validate.field).map = { max_pairs: 1 keys: { string: { const: "k.\"" } } values: { int32: { const: 1 } } }];`,
			[]string{`{}`, `{"a":{"k.\"":1}}`},
			map[string]string{`{"a":{"k.\"":0}}`: `a["k.\""] int32.const`},
			"a map.max_pairs: no payload was found that breaks it", // there is one key
		},
		{
			"a oneof", `oneof kind { option (buf.validate.oneof).required = true; string a = 1; bool b = 2; }`,
			[]string{`{"a":"a"}`, `{"b":true}`, `{"b":false}`},
			map[string]string{`{}`: "kind required"},
			"",
		},
		{
			"optional", `optional string a = 1 [(buf.validate.field).string.len = 1]; string b = 2 [(buf.validate.field).ignore = IGNORE_IF_ZERO_VALUE, (buf.validate.field).string.len = 1];`,
			[]string{`{}`, `{"a":"a"}`, `{"b":"a"}`},
			map[string]string{`{"a":""}`: "a string.len", `{"b":"aa"}`: "b string.len"},
			"",
		},
		{
			"CEL over fields", `option (buf.validate.message).cel = { id: "order" expression: "this.a <= this.b" }; int32 a = 1 [(buf.validate.field).int32.gte = 3]; int32 b = 2;`,
			[]string{`{"a":3,"b":2147483647}`},
			map[string]string{`{"a":3,"b":-2147483648}`: " order"},
			"",
		},
		{
			"within", `N first = 1 [json_name = "1st", (buf.validate.field).required = true]; repeated N more = 2;`,
			[]string{`{"1st":{"a":"a"}}`, `{"1st":{"a":"a"},"more":[{"a":"a"}]}`},
			map[string]string{`{}`: "1st required", `{"1st":{}}`: "1st.a string.len", `{"1st":{"a":"a"},"more":[{}]}`: "more[0].a string.len"},
			"",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			m := message(t, t.TempDir(), row.text, ` message N { string a = 1 [(buf.validate.field).string.len = 1]; }`)
			s := samples(t, m)
			agrees(t, m, s)
			got := map[string]sample.Case{}
			for _, c := range s.Cases {
				if !json.Valid(c.JSON) {
					t.Errorf("%s is no JSON", c.JSON)
				}
				got[string(c.JSON)] = c
			}
			for _, want := range row.passes {
				if c, ok := got[want]; !ok || !c.Accepted {
					t.Errorf("%s does not pass: %+v", want, c)
				}
			}
			for payload, want := range row.breaks {
				if c := got[payload]; c.Accepted || c.Field+" "+c.Rule != want {
					t.Errorf("%s breaks %q %q, not %q", payload, c.Field, c.Rule, want)
				}
			}
			var untested []string
			for _, u := range s.Untested {
				untested = append(untested, u.String())
			}
			if got := strings.Join(untested, "; "); got != row.untested {
				t.Errorf("untested: %q, not %q", got, row.untested)
			}
		})
	}
}

func TestWhatIsNotTestedIsSaid(t *testing.T) {
	for _, row := range []struct {
		name, text string
		want       []string
		passes     bool
	}{
		{
			"bounds that cross", `string a = 1 [(buf.validate.field).string = { min_len: 5 max_len: 3 }];`,
			[]string{
				"no payload was found that keeps all rules",
				"a: no value was found that keeps all its rules: string.max_len, string.min_len",
			},
			false,
		},
		{
			"a pattern that excludes what is listed", `optional string a = 1 [(buf.validate.field).string = { in: ["A", "B"] pattern: "^[a-z]$" }];`,
			[]string{"a: only leaving it out passes; no value was found that keeps all its rules: string.in, string.pattern"},
			true,
		},
		{
			"a rule within another", `string a = 1 [(buf.validate.field).string = { min_len: 1 pattern: "^[a-z]{2}$" }];`,
			[]string{"a string.min_len: it was only broken together with string.pattern"},
			true,
		},
		{
			"beyond the limit", `string a = 1 [(buf.validate.field).string.max_len = 65536];`,
			[]string{"a string.max_len: what breaks it is larger than a payload may be, 65536 bytes"},
			true,
		},
		{
			"CEL that is always true", `string a = 1 [(buf.validate.field).cel = { id: "a.yes" expression: "this == this" }];`,
			[]string{"a a.yes: no payload was found that breaks it"},
			true,
		},
		{
			"close to now", `google.protobuf.Timestamp a = 1 [(buf.validate.field).timestamp.within = { seconds: 5 }];`,
			[]string{"a: only leaving it out passes; no value was found that keeps all its rules: timestamp.within; what passes now does not a minute later"},
			true,
		},
		{
			"within another message", `N n = 1;`,
			[]string{"n.a string.max_len: what breaks it is larger than a payload may be, 65536 bytes"},
			true,
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			m := message(t, t.TempDir(), row.text, ` message N { string a = 1 [(buf.validate.field).string.max_len = 65536]; }`)
			s := samples(t, m)
			agrees(t, m, s)
			var got []string
			for _, u := range s.Untested {
				got = append(got, u.String())
			}
			for _, want := range row.want {
				if !slices.Contains(got, want) {
					t.Errorf("%q is not said: %q", want, got)
				}
			}
			if _, ok := s.Passing(); ok != row.passes {
				t.Errorf("passing: %v", ok)
			}
		})
	}
}

func TestMessagesWithinThemselvesEnd(t *testing.T) {
	m := message(t, t.TempDir(), `A a = 1; B b = 2; repeated M more = 3; string id = 4 [(buf.validate.field).string.len = 2];`,
		` message A { B b = 1; A a = 2; map<string, A> as = 3; int32 n = 4 [(buf.validate.field).int32.gt = 0]; }
		  message B { A a = 1 [(buf.validate.field).required = true]; repeated B bs = 2; M m = 3; }`)
	s := samples(t, m)
	agrees(t, m, s)
	for _, want := range []string{"id", "a.n", "b.a"} {
		if !slices.ContainsFunc(s.Cases, func(c sample.Case) bool { return c.Field == want }) {
			t.Errorf("nothing breaks a rule of %s", want)
		}
	}
	none := message(t, t.TempDir(), `A a = 1 [(buf.validate.field).required = true];`, ` message A { A a = 1 [(buf.validate.field).required = true]; }`)
	if c, ok := samples(t, none).Passing(); ok {
		t.Errorf("%s has no end, and passes", c.JSON)
	}
}

func TestTheSameMessageHasTheSameSamples(t *testing.T) {
	now := time.Now()
	again := load(t, "testdata")
	for i, c := range load(t, "testdata") {
		one, err := sample.Of(t.Context(), c.Payload.Descriptor(), sample.Config{Now: now})
		if err != nil {
			t.Fatal(err)
		}
		if other, err := sample.Of(t.Context(), again[i].Payload.Descriptor(), sample.Config{Now: now}); err != nil || !reflect.DeepEqual(one, other) {
			t.Errorf("%s differs: %v", one.Message, err)
		}
	}
}

// A payload may be written down and read later: whatever now is by then.
func TestVerdictsLastForAMinute(t *testing.T) {
	m := message(t, t.TempDir(), `
		google.protobuf.Timestamp past = 1 [(buf.validate.field).timestamp.lt_now = true, (buf.validate.field).required = true];
		google.protobuf.Timestamp future = 2 [(buf.validate.field).timestamp.gt_now = true, (buf.validate.field).required = true];
		google.protobuf.Timestamp lately = 3 [(buf.validate.field).timestamp.within = { seconds: 120 }, (buf.validate.field).required = true];
		google.protobuf.Timestamp soon = 4 [(buf.validate.field).cel = { id: "soon" expression: "this > now + duration('10s')" }];`, "")
	now := time.Now()
	for _, made := range []time.Time{now, now.Add(-55 * time.Second)} { // the second is read 55 s later
		s, err := sample.Of(t.Context(), m.Descriptor(), sample.Config{Now: made})
		if _, ok := s.Passing(); err != nil || !ok || len(s.Untested) > 0 {
			t.Errorf("%v, %v", err, s.Untested)
		}
		agrees(t, m, s)
	}
}

func TestWhoDoesNotWaitIsNotKept(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range load(t, "testdata") {
		if _, err := sample.Of(ctx, c.Payload.Descriptor(), sample.Config{}); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", c.Name(), err)
		}
	}
	// Each of its evaluations takes a while, and there would be thousands.
	slow := message(t, t.TempDir(), `repeated int32 a = 1 [(buf.validate.field).repeated.min_items = 1000]; option (buf.validate.message).cel = {
		id: "slow" expression: "this.a.all(x, this.a.all(y, x + y < 2147483000 || this.b > 5))" }; int32 b = 2;`, "")
	ctx, cancel = context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	if _, err := sample.Of(ctx, slow.Descriptor(), sample.Config{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
}

// A hub's registry refuses such a declaration; what is linked into a program was
// never asked.
// Eight fields on nine levels have 134 million paths to a rule.
func TestWhatIsMadeIsBounded(t *testing.T) {
	var levels strings.Builder
	for level := range 9 {
		fmt.Fprintf(&levels, " message L%d {", level)
		for field := range 8 {
			if level < 8 {
				fmt.Fprintf(&levels, " L%d a%d = %d;", level+1, field, field+1)
			} else {
				fmt.Fprintf(&levels, " int32 a%d = %d [(buf.validate.field).int32.gt = 0];", field, field+1)
			}
		}
		levels.WriteString(" }")
	}
	m := message(t, t.TempDir(), "L0 a = 1;", levels.String())
	s, err := sample.Of(t.Context(), m.Descriptor(), sample.Config{MaxCases: 64})
	if err != nil || len(s.Cases) > 128 || len(s.Untested) > 4097 {
		t.Errorf("%v: %d cases, %d untested", err, len(s.Cases), len(s.Untested))
	}
	if !slices.ContainsFunc(s.Untested, func(u sample.Untested) bool { return strings.Contains(u.Reason, "the rest is not listed") }) {
		t.Errorf("that not all is listed is not said")
	}
}

func TestRulesThatDoNotCompileAreAnError(t *testing.T) {
	rules := &validate.MessageRules{}
	rules.SetCelExpression([]string{"this.gone == 1"})
	options := &descriptorpb.MessageOptions{}
	proto.SetExtension(options, validate.E_Message, rules)
	file, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{
		Name: new("t.proto"), Package: new("t.v1"), Syntax: new("proto3"),
		MessageType: []*descriptorpb.DescriptorProto{{Name: new("M"), Options: options}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sample.Of(t.Context(), file.Messages().Get(0), sample.Config{}); err == nil || !strings.Contains(err.Error(), "undefined field 'gone'") {
		t.Errorf("%v", err)
	}
}

// Whatever rules are declared: nothing panics, it ends, and the hub agrees.
func TestAnyRulesHaveSamplesThatTheHubAgreesWith(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		n := func() uint64 { return rapid.Uint64Range(0, 12).Draw(t, "n") }
		pick := func(from ...string) string { return rapid.SampledFrom(from).Draw(t, "of") }
		some := func(of map[string]func() string) string {
			var b strings.Builder
			for _, rule := range slices.Sorted(maps.Keys(of)) {
				if rapid.IntRange(0, 3).Draw(t, rule) == 0 {
					b.WriteString(" " + rule + ": " + of[rule]())
				}
			}
			return b.String()
		}
		number := func() string { return strconv.FormatUint(n(), 10) }
		text := func() string {
			return some(map[string]func() string{
				"min_len": number, "max_len": number, "min_bytes": number, "max_bytes": number,
				"pattern": func() string {
					return pick(`"^[a-z]*$"`, `"^(ab|c+d?)+$"`, `"[0-9]{2,}"`, `"^\\\\w+@\\\\w+$"`, `"(?i)hub"`)
				},
				"prefix": func() string { return pick(`"a"`, `"ab"`) }, "suffix": func() string { return pick(`"z"`, `"c"`) },
				"contains": func() string { return pick(`"m"`, `"@"`) }, "not_in": func() string { return `["a", "ab"]` },
				pick("email", "uuid", "hostname", "uri"): func() string { return "true" },
			})
		}
		whole := func() string {
			return some(map[string]func() string{pick("lt", "lte"): number, pick("gt", "gte"): number, "not_in": func() string { return "[0, 5]" }})
		}
		size := func() string {
			return some(map[string]func() string{"min_items": number, "max_items": number, "unique": func() string { return "true" }})
		}
		m := message(t, dir,
			pick("", "optional ")+`string a = 1 [(buf.validate.field).string = {`+text()+`}];
			`+pick("", "optional ")+`int32 b = 2 [(buf.validate.field).int32 = {`+whole()+`}];
			repeated string c = 3 [(buf.validate.field).repeated = {`+size()+` items: { string: {`+text()+`} } }];
			map<string, double> d = 4 [(buf.validate.field).map = { keys: { string: {`+text()+`} } values: { double: {`+whole()+`} } }];
			N n = 5 [(buf.validate.field).required = `+pick("true", "false")+`];
			option (buf.validate.message).cel = { id: "m" expression: "`+pick("this.b > 3", "this.a != '' || this.b == 4", "size(this.c) <= this.b", "this.a.size() < this.b")+`" };`,
			` message N { oneof o { option (buf.validate.oneof).required = `+pick("true", "false")+`; uint64 a = 1 [(buf.validate.field).uint64 = {`+whole()+`}]; string b = 2 [(buf.validate.field).string = {`+text()+`}]; } }`)
		s := samples(t, m)
		agrees(t, m, s)
		if _, ok := s.Passing(); !ok && len(s.Untested) == 0 {
			t.Errorf("nothing passes, and that is not said")
		}
	})
}
