package plugin_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/realtime-hub/hub/hub/schema"
)

// What the hub writes is of the type that browsers receive, and since it takes
// what it writes, of the type that they send, too. Literals in TypeScript may not
// have a property more.
func TestTheHubsJSONIsOfTheTypes(t *testing.T) {
	registry := schema.New(schema.Config{})
	if _, err := registry.Load(t.Context(), "testdata/proto"); err != nil {
		t.Fatal(err)
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	l := lottery{rand.New(rand.NewPCG(seed, 0))}
	var b strings.Builder
	b.WriteString("import type { All, AllInput, Ruled, RuledInput, string$, string$Input } from \"./gen/all/v1/all_hub.js\";\n" +
		"import type { Edition, EditionInput } from \"./gen/all/v1/edition_hub.js\";\n")
	payloads := 0
	write := func(name string, json []byte) {
		payloads++
		fmt.Fprintf(&b, "export const received%d: %s = %s;\nexport const sent%d: %sInput = %s;\n", payloads, name, json, payloads, name, json)
	}
	for channel, name := range map[string]string{"all.{room_id}": "All", "all.edition": "Edition", "all.lobby.ruled": "string$"} {
		message := declaredMessage(t, registry, channel)
		for range 30 {
			filled := dynamicpb.NewMessage(message.Descriptor())
			l.fill(t, filled, 3)
			sent, err := anypb.New(filled)
			if err != nil {
				t.Fatal(err)
			}
			payload, err := message.FromAny(sent)
			if err != nil {
				t.Fatalf("%s: %v\n%v", name, err, filled)
			}
			write(name, payload.JSON)
		}
	}
	for _, text := range []string{
		`{"title":"t","slug":"s","kind":"post","always":"always","count":1,"mood":"MOOD_BAD","good":1,"author":{},"given":0,"tags":["a"],"even":true,"userId":""}`,
		`{"title":"t","slug":"s","nick":"n","kind":"post","always":"always","count":"1","mood":"MOOD_FINE","good":"MOOD_FINE","author":{"name":"a"},` +
			`"given":1,"tags":["a"],"ratio":0.5,"sizes":["s","m"],"sized":{"a":"m"},"even":true,"number":7,"time":"2026-01-01T00:00:00+01:00"}`,
	} {
		payload, err := declaredMessage(t, registry, "all.{room_id}.ruled").FromJSON([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		write("Ruled", payload.JSON)
	}
	p := newProject(t)
	p.add(t, "gen", typescript(t, protos(t), "client=none"))
	p.add(t, ".", map[string]string{"payloads.ts": b.String()})
	p.check(t)
}

func declaredMessage(t testing.TB, registry *schema.Registry, channel string) *schema.Message {
	t.Helper()
	for _, c := range registry.Snapshot().Channels() {
		if c.Name() == channel {
			return c.Payload
		}
	}
	t.Fatalf("there is no channel %s", channel)
	return nil
}

// fill sets about half of the fields, and all of what proto2 requires.
func (l lottery) fill(t testing.TB, m protoreflect.Message, depth int) {
	t.Helper()
	set := func(name protoreflect.Name, v any) {
		m.Set(m.Descriptor().Fields().ByName(name), protoreflect.ValueOf(v))
	}
	switch m.Descriptor().FullName() {
	case "google.protobuf.Timestamp", "google.protobuf.Duration":
		set("seconds", l.Int64N(1e9))
		set("nanos", l.Int32N(1e9))
		return
	case "google.protobuf.FieldMask":
		m.Mutable(m.Descriptor().Fields().ByName("paths")).List().Append(protoreflect.ValueOfString("user_id.name"))
		return
	case "google.protobuf.Any":
		set("type_url", "type.googleapis.com/shared.v1.Author")
		set("value", []byte("\x0a\x03ann"))
		return
	case "google.protobuf.Value":
		if l.IntN(2) == 0 || depth <= 0 {
			set("string_value", "text")
			return
		}
		set("number_value", 1.5)
		return
	}
	for i := range m.Descriptor().Fields().Len() {
		f := m.Descriptor().Fields().Get(i)
		if f.Cardinality() != protoreflect.Required && (l.IntN(2) == 0 || f.Message() != nil && depth <= 0) {
			continue
		}
		switch {
		case f.IsMap():
			key := l.scalar(f.MapKey()).MapKey()
			if f.MapValue().Message() == nil {
				m.Mutable(f).Map().Set(key, l.scalar(f.MapValue()))
			} else {
				l.fill(t, m.Mutable(f).Map().Mutable(key).Message(), depth-1)
			}
		case f.IsList() && f.Message() == nil:
			m.Mutable(f).List().Append(l.scalar(f))
		case f.IsList():
			l.fill(t, m.Mutable(f).List().AppendMutable().Message(), depth-1)
		case f.Message() != nil:
			l.fill(t, m.Mutable(f).Message(), depth-1)
		default:
			m.Set(f, l.scalar(f))
		}
	}
	if err := proto.CheckInitialized(m.Interface()); err != nil {
		t.Fatal(err)
	}
}

func (l lottery) scalar(f protoreflect.FieldDescriptor) protoreflect.Value {
	switch f.Kind() {
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(l.IntN(2) == 0)
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(f.Enum().Values().Get(l.IntN(f.Enum().Values().Len())).Number())
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return protoreflect.ValueOfInt32(l.Int32())
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return protoreflect.ValueOfUint32(l.Uint32())
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return protoreflect.ValueOfInt64(l.Int64())
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return protoreflect.ValueOfUint64(l.Uint64())
	case protoreflect.FloatKind:
		return protoreflect.ValueOfFloat32([]float32{1.5, float32(math.NaN()), float32(math.Inf(1))}[l.IntN(3)])
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64([]float64{1.5, math.NaN(), math.Inf(-1)}[l.IntN(3)])
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte{1, 2, 3})
	default:
		return protoreflect.ValueOfString(l.letters(lower, lower+" \"'\\", 8))
	}
}
