package schema_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/realtime-hub/hub/hub/internal/fault"
	"github.com/realtime-hub/hub/hub/schema"
)

// told is what a peer must always be able to be told: a known reason and text
// that is valid in a protobuf message.
func told(t *testing.T, err error, reasons ...fault.Reason) {
	t.Helper()
	got := fault.Of(err)
	if slices.Contains(reasons, got.Reason) {
		if _, err := proto.Marshal(got.Proto()); err != nil || len(got.Message) > 4096 {
			t.Errorf("%q cannot be told: %v", got.Message, err)
		}
		return
	}
	t.Errorf("unexpected: %v", err)
}

// accepted holds what is true of every payload that is let through.
func accepted(t *testing.T, m *schema.Message, p schema.Payload, limit int) {
	t.Helper()
	if len(p.JSON) > limit {
		t.Errorf("%d bytes", len(p.JSON))
	}
	compact := &bytes.Buffer{}
	if err := json.Compact(compact, p.JSON); err != nil || !bytes.Equal(compact.Bytes(), p.JSON) {
		t.Fatalf("not compact JSON: %q, %v", p.JSON, err)
	}
	again, err := m.FromJSON(p.JSON)
	if err != nil || !bytes.Equal(again.JSON, p.JSON) {
		t.Fatalf("%s is not canonical: %s, %v", p.JSON, again.JSON, err)
	}
	value, err := proto.Marshal(p.Message)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := m.FromAny(anyOf(m, value)); err != nil || !bytes.Equal(again.JSON, p.JSON) {
		t.Fatalf("%s differs in an Any: %s, %v", p.JSON, again.JSON, err)
	}
}

const fuzzLimit = 4096

func FuzzPayloadJSON(f *testing.F) {
	m := payload(f, schema.Config{MaxPayloadBytes: fuzzLimit}, "all.kinds")
	for _, in := range []string{
		emptyAll, `{"any":{"@type":"x/all.v1.Ruled","first":1}}`, `{"more":[{"@type":"x/google.protobuf.Any","value":{"@type":"x/google.protobuf.Empty","value":{}}}]}`,
		`{"struct":{"a":[null,1,"x",{}]},"value":null,"list":[1]}`, `{"at":"2026-01-02T03:04:05.123Z","took":"-1.5s","mask":"a.b,cD","maybe":"5","empty":{}}`,
		`{"byNumber":{"1":{},"-1":{"self":{}}},"byBool":{"true":"x"}}`, `{"double":1e400,"float":"-Infinity"}`, `{"old":{"needed":"x","level":"LEVEL_ONE","part":{"text":"y"},"[all.v1.extra]":"z"}}`,
		`{"raw":"_-8=","text":"\ud83d\ude00\u0000"}`, `{"left":"x","right":{}}`, "{\"text\":\"\xff\"}", `{"value":[[[[[[]]]]]]}`,
	} {
		f.Add([]byte(in))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := m.FromJSON(data)
		if err != nil {
			told(t, err, fault.PayloadMalformed, fault.PayloadTooLarge)
			return
		}
		accepted(t, m, p, fuzzLimit)
	})
}

func FuzzPayloadAny(f *testing.F) {
	m := payload(f, schema.Config{MaxPayloadBytes: fuzzLimit}, "all.kinds")
	for _, in := range []string{
		emptyAll, `{"self":{"all":[{},{}]},"numbers":[1,2],"byText":{"a":1}}`, `{"any":{"@type":"x/all.v1.Old","needed":"x"}}`, `{"struct":{"a":1},"value":"x","at":"2026-01-02T03:04:05Z"}`,
	} {
		f.Add(inAny(f, m, in).GetValue())
	}
	f.Add([]byte{0xff})
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := m.FromAny(anyOf(m, data))
		if err != nil {
			told(t, err, fault.PayloadMalformed, fault.PayloadTooLarge)
			return
		}
		accepted(t, m, p, fuzzLimit)
	})
}

// Whatever bytes a backend registers, the hub answers, and what it loads it
// can use.
func FuzzRegister(f *testing.F) {
	cfg := schema.Config{MaxSetBytes: 4096, MaxSetMessages: 20}
	for _, text := range []string{
		declare("Feed", "a.feed"), declare("Feed", "a.{id}"), `message A { option (hub.v1.channel) = { name: "a.b" }; }`,
		`message A { option (hub.v1.channel) = { name: "a.{id}" scope: { user: { param: "id" } } params: { key: "id" value: { min_len: 2 } } };
			option (hub.v1.inbound) = { rate: { burst: 3 } }; map<string, A> a = 1 [(buf.validate.field).map.max_pairs = 3]; oneof o { int32 b = 2; } }`,
	} {
		f.Add(bytesOf(f, own(f, text)))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		set := &descriptorpb.FileDescriptorSet{}
		if proto.Unmarshal(data, set) != nil {
			return
		}
		r := schema.New(cfg)
		if _, err := r.Register(t.Context(), "fuzz", set, nil, false); err != nil {
			told(t, err, fault.SchemaInvalid)
			return
		}
		for _, c := range r.Snapshot().Channels() {
			if c.Options.GetScope().GetKind() == nil {
				t.Errorf("%s has no scope", c.Name())
			}
			c.Info()
			_, _ = r.Snapshot().Match(c.Name())
			if _, err := c.Payload.FromJSON([]byte(`{}`)); err != nil {
				told(t, err, fault.PayloadInvalid, fault.PayloadMalformed)
			}
		}
	})
}
