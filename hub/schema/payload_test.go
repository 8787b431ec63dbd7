package schema_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/realtime-hub/hub/hub/internal/fault"
	"github.com/realtime-hub/hub/hub/schema"
)

func payload(t testing.TB, cfg schema.Config, channel string) *schema.Message {
	t.Helper()
	r := schema.New(cfg)
	if _, err := r.Load(t.Context(), "testdata"); err != nil {
		t.Fatal(err)
	}
	c, ok := r.Snapshot().Lookup(channel)
	if !ok {
		t.Fatalf("%s is not declared", channel)
	}
	return c.Payload
}

// inAny is the binary form of a payload that is told in JSON.
func inAny(t testing.TB, m *schema.Message, json string) *anypb.Any {
	t.Helper()
	p, err := m.FromJSON([]byte(json))
	if err != nil {
		t.Fatal(err)
	}
	return anyOf(m, bytesOf(t, p.Message))
}

func anyOf(m *schema.Message, value []byte) *anypb.Any {
	return &anypb.Any{TypeUrl: "type.googleapis.com/" + string(m.Name()), Value: value}
}

// Defaults are there, what is absent is not; names are lowerCamelCase and
// 64-bit numbers are strings.
const emptyAll = `{"yes":false,"int32":0,"sint64":"0","fixed32":0,"uint64":"0","float":0,"double":0,"text":"","raw":"","color":"COLOR_UNSPECIFIED",` +
	`"numbers":[],"colors":[],"all":[],"byText":{},"byBool":{},"byNumber":{},"more":[],"null":null,"other-name":""}`

func TestCanonicalJSON(t *testing.T) {
	all := payload(t, schema.Config{}, "all.kinds")
	small := strings.Replace(emptyAll, `"yes":false`, `"yes":true`, 1)
	for _, row := range []struct{ in, want string }{
		{` { } `, emptyAll},
		{"\n{\"yes\"\t: true}\r\n", small},
		{`{"yes":true,"self":null,"chosen":null,"numbers":null}`, small},
		{`{"int_32":1e2}`, strings.Replace(emptyAll, `"int32":0`, `"int32":100`, 1)},
		{`{"uint64":18446744073709551615}`, strings.Replace(emptyAll, `"uint64":"0"`, `"uint64":"18446744073709551615"`, 1)},
		{`{"double":"NaN"}`, strings.Replace(emptyAll, `"double":0`, `"double":"NaN"`, 1)},
		{`{"text":"\u00e9<\u2028\ud83d\ude00"}`, strings.Replace(emptyAll, `"text":""`, "\"text\":\"é<\u2028😀\"", 1)},
		{`{"raw":"_-8"}`, strings.Replace(emptyAll, `"raw":""`, `"raw":"/+8="`, 1)},
		{`{"color":1}`, strings.Replace(emptyAll, `"color":"COLOR_UNSPECIFIED"`, `"color":"COLOR_RED"`, 1)},
		{`{"color":7}`, strings.Replace(emptyAll, `"color":"COLOR_UNSPECIFIED"`, `"color":7`, 1)},
		{`{"other-name":"x"}`, strings.Replace(emptyAll, `"other-name":""`, `"other-name":"x"`, 1)},
		{`{"byText":{"b":2,"a":1,"":3}}`, strings.Replace(emptyAll, `"byText":{}`, `"byText":{"":3,"a":1,"b":2}`, 1)},
		{`{"byBool":{"true":"t","false":"f"}}`, strings.Replace(emptyAll, `"byBool":{}`, `"byBool":{"false":"f","true":"t"}`, 1)},
		{`{"at":"2026-01-02T03:04:05+01:00"}`, strings.Replace(emptyAll, `"null":null`, `"null":null,"at":"2026-01-02T02:04:05Z"`, 1)},
	} {
		got, err := all.FromJSON([]byte(row.in))
		if err != nil || string(got.JSON) != row.want {
			t.Errorf("%s is\n%s, %v, not\n%s", row.in, got.JSON, err, row.want)
			continue
		}
		// Both ways in lead to the same bytes.
		again, err := all.FromAny(anyOf(all, bytesOf(t, got.Message)))
		if err != nil || !bytes.Equal(again.JSON, got.JSON) || !proto.Equal(again.Message, got.Message) {
			t.Errorf("%s in an Any is\n%s, %v", row.in, again.JSON, err)
		}
	}
}

// The bytes are what a broadcast's id is checked against.
func TestTheSameMessageHasTheSameBytes(t *testing.T) {
	all := payload(t, schema.Config{}, "all.kinds")
	keys := rand.Perm(200)
	in := func() []byte {
		rand.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
		pairs := make([]string, len(keys))
		for i, k := range keys {
			pairs[i] = fmt.Sprintf(`"%d":{"text":"%d"}`, k, k)
		}
		return []byte(`{"byNumber":{` + strings.Join(pairs, ",") + `}}`)
	}
	first, err := all.FromJSON(in())
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		again, err := all.FromJSON(in())
		if err != nil || !bytes.Equal(first.JSON, again.JSON) {
			t.Fatalf("the bytes differ, %v", err)
		}
	}
	compact := &bytes.Buffer{}
	if err := json.Compact(compact, first.JSON); err != nil || !bytes.Equal(compact.Bytes(), first.JSON) {
		t.Errorf("there is white space, or %v", err)
	}
}

func TestMalformedJSONSaysWhatIsWrong(t *testing.T) {
	all := payload(t, schema.Config{}, "all.kinds")
	deep := func(n int) string { return strings.Repeat(`{"self":`, n-1) + `{}` + strings.Repeat(`}`, n-1) }
	if _, err := all.FromJSON([]byte(deep(100))); err != nil {
		t.Errorf("100 levels: %v", err)
	}
	for in, want := range map[string]string{
		"":                         `a payload is a JSON object`,
		"null":                     `a payload is a JSON object`,
		"[]":                       `a payload is a JSON object`,
		`"x"`:                      `a payload is a JSON object`,
		"\ufeff{}":                 `a payload is a JSON object`,
		`{`:                        `the JSON ends too early`,
		`{"text":"x`:               `the JSON ends too early`,
		`{} {}`:                    `unexpected token { (line 1, column 4)`,
		`{}x`:                      `invalid value x (line 1, column 3)`,
		`{"text":'x'}`:             `invalid value ' (line 1, column 9)`,
		"{\n \"text\":\"x\",}":     `unexpected token } (line 2, column 13)`,
		`{"txet":"x"}`:             `unknown field "txet" (line 1, column 2)`,
		`{"self":{"txet":"x"}}`:    `unknown field "txet" (line 1, column 10)`,
		`{"@type":"x"}`:            `unknown field "@type" (line 1, column 2)`,
		`{"[all.v1.extra]":"x"}`:   `message all.v1.All cannot be extended by all.v1.extra (line 1, column 2)`,
		`{"text":"a","text":"b"}`:  `duplicate field "text" (line 1, column 13)`,
		`{"int32":1,"int_32":1}`:   `duplicate field "int_32" (line 1, column 12)`,
		`{"text":null,"text":"b"}`: `duplicate field "text" (line 1, column 14)`,
		`{"byText":{"a":1,"a":1}}`: `duplicate map key "a" (line 1, column 18)`,
		`{"byBool":{"yes":""}}`:    `invalid value for bool key: "yes" (line 1, column 12)`,
		`{"struct":{"a":1,"a":1}}`: `duplicate map key "a" (line 1, column 18)`,
		`{"left":"x","right":{}}`:  `error parsing "right", oneof all.v1.All.either is already set (line 1, column 13)`,
		`{"text":1}`:               `invalid value for string field text: 1 (line 1, column 9)`,
		`{"int32":1.5}`:            `invalid value for int32 field int32: 1.5 (line 1, column 10)`,
		`{"int32":2147483648}`:     `invalid value for int32 field int32: 2147483648 (line 1, column 10)`,
		`{"color":"COLOR_BLUE"}`:   `invalid value for enum field color: "COLOR_BLUE" (line 1, column 10)`,
		`{"raw":"!"}`:              `invalid value for bytes field raw: "!" (line 1, column 8)`,
		`{"numbers":[1,null]}`:     `invalid value for int64 field numbers: null (line 1, column 15)`,
		`{"at":"yesterday"}`:       `invalid google.protobuf.Timestamp value "yesterday" (line 1, column 7)`,
		`{"took":"9"}`:             `invalid google.protobuf.Duration value "9" (line 1, column 9)`,
		`{"old":{}}`:               `required field all.v1.Old.needed not set`,
		"{\"text\":\"\xff\"}":      `invalid UTF-8 in string (line 1, column 9)`,
		"{\"\xff\":1}":             `invalid UTF-8 in string (line 1, column 2)`,
		"{\"text\":\"\n\"}":        `invalid character '\n' in string (line 1, column 9)`,
		`{"any":{"@type":"type.googleapis.com/no.Such"}}`:                       `unable to resolve "type.googleapis.com/no.Such": "not found" (line 1, column 17)`,
		`{"any":{"@type":"x/all.v1.Ruled","nope":1}}`:                           `unknown field "nope" (line 1, column 34)`,
		`{"any":{"@type":"x/all.v1.Ruled","first":1,"@type":"x/all.v1.Ruled"}}`: `duplicate "@type" field (line 1, column 44)`,
		`{"any":{"value":1}}`: `missing "@type" field (line 1, column 8)`,
		deep(101):             `it nests too deep`,
		`{"value":` + strings.Repeat(`[`, 20_000) + strings.Repeat(`]`, 20_000) + `}`: `it nests too deep`,
		`{"` + strings.Repeat("x", 1000) + `":1}`:                                     `unknown field "` + strings.Repeat("x", 241) + ` … (line 1, column 2)`,
	} {
		_, err := all.FromJSON([]byte(in))
		if got := fault.Of(err); got.Reason != fault.PayloadMalformed || got.Message != want || got.Violations != nil {
			t.Errorf("%.60q: %s: %s, not %s", in, got.Reason, got.Message, want)
		}
	}
}

func TestMalformedAnySaysWhatIsWrong(t *testing.T) {
	all := payload(t, schema.Config{}, "all.kinds")
	field := func(number protowire.Number, value []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), value)
	}
	foreign := bytesOf(t, &anypb.Any{TypeUrl: "x/no.Such"})
	empty := func(value []byte) []byte {
		return bytesOf(t, &anypb.Any{TypeUrl: "x/google.protobuf.Empty", Value: value})
	}
	stranger := protowire.AppendVarint(protowire.AppendTag(nil, 999, protowire.VarintType), 1)
	deep := func(n int) (value []byte) {
		for range n - 1 {
			value = field(11, value)
		}
		return value
	}
	if _, err := all.FromAny(anyOf(all, deep(100))); err != nil {
		t.Errorf("100 levels: %v", err)
	}
	inner, err := anypb.New(&emptypb.Empty{})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name string
		any  *anypb.Any
		want string
	}{
		{"nothing", nil, `the message has no type; it must be all.v1.All`},
		{"no type", &anypb.Any{}, `the message has no type; it must be all.v1.All`},
		{"another type", inner, `the message is a "type.googleapis.com/google.protobuf.Empty"; it must be all.v1.All`},
		{"no name in the type", &anypb.Any{TypeUrl: "all.v1.All/"}, `the message is a "all.v1.All/"; it must be all.v1.All`},
		{"bytes that are none", anyOf(all, []byte{0xff}), `the bytes are no all.v1.All: cannot parse invalid wire-format data`},
		{"text that is not UTF-8", anyOf(all, field(8, []byte{0xff})), `the bytes are no all.v1.All: field all.v1.All.text contains invalid UTF-8`},
		{"an unknown field", anyOf(all, stranger), `field 999 of all.v1.All is unknown here; update the hub's descriptors before the senders`},
		{"an unknown field below", anyOf(all, field(15, field(11, stranger))), `field 999 of all.v1.All is unknown here; update the hub's descriptors before the senders`},
		{"an unknown field in a map", anyOf(all, field(18, field(2, stranger))), `field 999 of all.v1.All is unknown here; update the hub's descriptors before the senders`},
		{"an unknown field in an Any", anyOf(all, field(21, empty(stranger))), `field 999 of google.protobuf.Empty is unknown here; update the hub's descriptors before the senders`},
		{"a value of another type", anyOf(all, field(2, []byte{1})), `int32 has a value of another type`},
		{"a foreign type in an Any", anyOf(all, field(22, foreign)), `the type "x/no.Such" in an Any is not among the channel's files`},
		{"bytes that are none in an Any", anyOf(all, field(21, empty([]byte{0xff}))), `the bytes in an Any are no google.protobuf.Empty: cannot parse invalid wire-format data`},
		{"bytes without a type in an Any", anyOf(all, field(21, field(2, []byte{1}))), `the type "" in an Any is not among the channel's files`},
		{"a time out of range", anyOf(all, field(26, protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 1<<60))), `google.protobuf.Timestamp: seconds out of range 1152921504606846976`},
		{"a missing required field", anyOf(all, field(32, nil)), `the bytes are no all.v1.All: required field all.v1.Old.needed not set`},
		{"101 levels", anyOf(all, deep(101)), `the bytes are no all.v1.All: it nests too deep`},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := all.FromAny(row.any)
			if got := fault.Of(err); got.Reason != fault.PayloadMalformed || got.Message != row.want {
				t.Errorf("%s: %s, not %s", got.Reason, got.Message, row.want)
			}
		})
	}
}

// An Any in an Any in an Any starts no count of its own.
func TestDepthIsCountedThroughAny(t *testing.T) {
	all := payload(t, schema.Config{}, "all.kinds")
	var value []byte
	for range 60 {
		value = protowire.AppendBytes(protowire.AppendTag(nil, 21, protowire.BytesType), bytesOf(t, anyOf(all, value)))
	}
	_, err := all.FromAny(anyOf(all, value))
	if got := fault.Of(err); got.Reason != fault.PayloadMalformed || !strings.Contains(got.Message, "deep") {
		t.Errorf("%v", err)
	}
}

func TestAnyIsOpenedWithTheChannelsOwnTypes(t *testing.T) {
	all := payload(t, schema.Config{}, "all.kinds")
	in := `{"any":{"@type":"type.googleapis.com/all.v1.Old","needed":"x","[all.v1.extra]":"y"},"more":[{}]}`
	got, err := all.FromAny(inAny(t, all, in))
	if err != nil {
		t.Fatal(err)
	}
	var parsed map[string]json.RawMessage
	if err := json.Unmarshal(got.JSON, &parsed); err != nil {
		t.Fatal(err)
	}
	want := `{"@type":"type.googleapis.com/all.v1.Old","needed":"x","[all.v1.extra]":"y"}`
	if string(parsed["any"]) != want || string(parsed["more"]) != `[{}]` {
		t.Errorf("%s, %s", parsed["any"], parsed["more"])
	}
}

func TestBrokenRulesAreToldByFieldAndRule(t *testing.T) {
	ruled := payload(t, schema.Config{}, "all.ruled")
	good := `"firstName":"x","onlyItem":{"displayName":"x"},"a":""`
	if _, err := ruled.FromJSON([]byte(`{` + good + `}`)); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		in   string
		want []fault.Violation
	}{
		{`{"onlyItem":{"displayName":"x"},"a":""}`, []fault.Violation{{Field: "firstName", Rule: "string.min_len", Message: "must be at least 1 characters"}}},
		{`{"firstName":"äöüßxy","onlyItem":{"displayName":"x"},"a":""}`, []fault.Violation{{Field: "firstName", Rule: "string.max_len", Message: "must be at most 5 characters"}}},
		{`{` + good + `,"first":2,"last":1}`, []fault.Violation{{Rule: "ruled.order", Message: "first must not be after last"}}},
		{`{"firstName":"x","a":""}`, []fault.Violation{{Field: "onlyItem", Rule: "required", Message: "value is required"}}},
		{`{"firstName":"x","onlyItem":{}}`, []fault.Violation{
			{Field: "kind_of", Rule: "required", Message: "exactly one field is required in oneof"},
			{Field: "onlyItem.displayName", Rule: "string.min_len", Message: "must be at least 1 characters"},
		}},
		{`{` + good + `,"items":[{"displayName":"x"},{"displayName":"y","perCent":100},{}]}`, []fault.Violation{
			{Field: "items[1].perCent", Rule: "item.per_cent", Message: "100 is no share"},
			{Field: "items[2].displayName", Rule: "string.min_len", Message: "must be at least 1 characters"},
		}},
		{`{` + good + `,"byKey":{"a\"b.c":{}}}`, []fault.Violation{{Field: `byKey["a\"b.c"].displayName`, Rule: "string.min_len", Message: "must be at least 1 characters"}}},
		{`{` + good + `,"byKey":{"0123456789":{"displayName":"x"}}}`, []fault.Violation{{Field: `byKey["0123456789"]`, Rule: "string.max_len", Message: "must be at most 9 characters"}}},
		{`{` + good + `,"byNumber":{"-7":"x"}}`, []fault.Violation{{Field: `byNumber[-7]`, Rule: "string.min_len", Message: "must be at least 2 characters"}}},
		{`{` + good + `,"other-name":"x"}`, []fault.Violation{{Field: "other-name", Rule: "renamed.no_text", Message: `"this != 'x'" returned false`}}},
	} {
		_, err := ruled.FromJSON([]byte(row.in))
		got := fault.Of(err)
		if got.Reason != fault.PayloadInvalid || !reflect.DeepEqual(got.Violations, row.want) {
			t.Errorf("%s\nbreaks  %+v\nand not %+v", row.in, got.Violations, row.want)
		}
	}
}

// A list of one mistake many times is one mistake.
func TestViolationsAreCut(t *testing.T) {
	ruled := payload(t, schema.Config{}, "all.ruled")
	_, err := ruled.FromJSON([]byte(`{"firstName":"x","onlyItem":{"displayName":"x"},"a":"","items":[` + strings.Repeat("{},", 149) + `{}]}`))
	if got := fault.Of(err); got.Reason != fault.PayloadInvalid || len(got.Violations) != 100 {
		t.Errorf("%d violations, %v", len(got.Violations), err)
	}
}

func TestARuleThatCannotBeEvaluatedRefusesThePayload(t *testing.T) {
	ruled := payload(t, schema.Config{}, "all.ruled")
	_, err := ruled.FromJSON([]byte(`{"firstName":"x","onlyItem":{"displayName":"x"},"a":"","divided":5}`))
	if got := fault.Of(err); got.Reason != fault.PayloadInvalid || got.Message != "a rule of all.v1.Ruled could not be evaluated on this payload" {
		t.Errorf("%v", err)
	}
}

func TestSizeIsOfCanonicalJSON(t *testing.T) {
	size := len(emptyAll)
	text := func(n int) string { return `{"text":"` + strings.Repeat("x", n) + `"}` }
	for _, row := range []struct {
		limit int
		in    string
		want  string
	}{
		{size, `{}`, ``},
		{size, strings.Repeat(" ", size) + `{}`, ``},
		{size - 1, `{}`, fmt.Sprintf("the payload has %d bytes as canonical JSON; at most %d are allowed", size, size-1)},
		{size + 9, text(9), ``},
		{size + 9, text(10), fmt.Sprintf("the payload has %d bytes as canonical JSON; at most %d are allowed", size+10, size+9)},
		{size, strings.Repeat(" ", 4*size+1023) + `{}`, fmt.Sprintf("the payload has %d bytes; at most %d are allowed as canonical JSON", 4*size+1025, size)},
		// Three bytes each, and each becomes hundreds: told before it is built.
		{64 << 10, `{"all":[` + strings.Repeat(`{},`, 50_000) + `{}]}`, "the payload is larger than the 65536 bytes that are allowed as canonical JSON"},
	} {
		all := payload(t, schema.Config{MaxPayloadBytes: row.limit}, "all.kinds")
		_, err := all.FromJSON([]byte(row.in))
		if row.want == "" {
			if err != nil {
				t.Errorf("%.40s: %v", row.in, err)
			}
			continue
		}
		if got := fault.Of(err); got.Reason != fault.PayloadTooLarge || got.Message != row.want {
			t.Errorf("%.40s: %s: %s, not %s", row.in, got.Reason, got.Message, row.want)
		}
	}
	all := payload(t, schema.Config{MaxPayloadBytes: size}, "all.kinds")
	if _, err := all.FromAny(anyOf(all, make([]byte, 4*size+1025))); !fault.Is(err, fault.PayloadTooLarge) {
		t.Errorf("%v", err)
	}
}
