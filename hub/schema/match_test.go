package schema_test

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/realtime-hub/hub/hub/channel"
	"github.com/realtime-hub/hub/hub/internal/fault"
	"github.com/realtime-hub/hub/hub/schema"
)

// declareAll declares a channel for each name.
func declareAll(names ...string) string {
	var b strings.Builder
	for i, name := range names {
		b.WriteString(declare(fmt.Sprintf("M%d", i), name))
	}
	return b.String()
}

func TestTheMoreSpecificNameWinsFromTheLeft(t *testing.T) {
	declared := []string{
		"a.b", "a.{x}", "a.b.c", "a.b.{y}", "a.{x}.{y}", "a.{x}.{y}.d", "a.b.c.e", "a.b.{y}.f", "b.{x}.{y}.{z}", "b.c.{y}.{z}", "b.c.d.{z}", "b.c.d.e.f",
	}
	r := loaded(t, schema.Config{}, declareAll(declared...))
	for name, want := range map[string]string{
		"a.b":       "a.b",
		"a.c":       "a.{x} x=c",
		"a.B":       "a.{x} x=B",
		"a.b.c":     "a.b.c",
		"a.b.d":     "a.b.{y} y=d",
		"a.c.c":     "a.{x}.{y} x=c y=c",
		"a.b.c.e":   "a.b.c.e",
		"a.b.c.f":   "a.b.{y}.f y=c",
		"a.b.c.d":   "a.{x}.{y}.d x=b y=c", // back twice: neither b.c nor b.{y} ends so
		"b.c.d.x":   "b.c.d.{z} z=x",
		"b.c.x.x":   "b.c.{y}.{z} y=x z=x",
		"b.x.x.x":   "b.{x}.{y}.{z} x=x y=x z=x",
		"b.c.d.e.f": "b.c.d.e.f",
		"a.%2E":     "a.{x} x=.",
		"a.b%2Ec":   "a.{x} x=b.c",
	} {
		m, err := r.Snapshot().Match(name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := m.Channel.Name()
		for _, p := range m.Template.Params() {
			got += " " + p + "=" + m.Params[p]
		}
		if got != want || m.Name != name {
			t.Errorf("%s is %s, not %s", name, got, want)
		}
	}
	if m, err := r.Snapshot().Match("a.b"); err != nil || m.Params != nil {
		t.Errorf("a name without params has %v, %v", m.Params, err)
	}
}

func TestNamesThatMeanNoChannel(t *testing.T) {
	r := loaded(t, schema.Config{}, declareAll("a.b", "a.{x}.c", "a.d.{y}.e")+`
message Ruled {
  option (hub.v1.channel) = {
    name: "r.{id}.{free}.{a_b}.{a__b}" scope: { public: {} }
    params: { key: "id" value: { min_len: 2 pattern: "^[a-z.]+$" } }
    params: { key: "a_b" value: { const: "x" } }
    params: { key: "a__b" value: { uuid: true } }
  };
}`)
	long := strings.Repeat("x", 129)
	uuid := "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
	for _, row := range []struct {
		name   string
		reason fault.Reason
		text   string
		broken []fault.Violation
	}{
		{"a.x", fault.ChannelUnknown, `no channel is declared for a.x`, nil},
		{"a.x.y", fault.ChannelUnknown, `no channel is declared for a.x.y`, nil},
		{"a.d.y", fault.ChannelUnknown, `no channel is declared for a.d.y`, nil},
		{"z.b", fault.ChannelUnknown, `no channel is declared for z.b`, nil},
		{"a.{x}.c", fault.ChannelNameInvalid, `the channel's name is not valid: segment 2: "{" must be written "%7B"`, nil},
		{"a", fault.ChannelNameInvalid, `the channel's name is not valid: the name has one segment; at least 2 are needed, as "blog.feed"`, nil},
		{"a.%62", fault.ChannelNameInvalid, `the channel's name is not valid: segment 2: "%62" is not canonical; write "b"`, nil},
		{"a." + long + ".c", fault.ChannelNameInvalid, `the channel's name is not valid: param x: the value has 129 bytes; at most 128 are allowed`, nil},
		{strings.Repeat("a.", 128), fault.ChannelNameInvalid, `the channel's name is not valid: the name has 256 bytes; at most 255 are allowed`, nil},
		{"r.x.y.x." + uuid, fault.ChannelNameInvalid, `id: must be at least 2 characters`, []fault.Violation{{Field: "id", Rule: "string.min_len", Message: "must be at least 2 characters"}}},
		{"r.XX.y.x." + uuid, fault.ChannelNameInvalid, "id: does not match regex pattern `^[a-z.]+$`", []fault.Violation{{Field: "id", Rule: "string.pattern", Message: "does not match regex pattern `^[a-z.]+$`"}}},
		{"r.xx.y.z.z", fault.ChannelNameInvalid, "a__b: must be a valid UUID; a_b: must equal `x`", []fault.Violation{
			{Field: "a__b", Rule: "string.uuid", Message: "must be a valid UUID"}, {Field: "a_b", Rule: "string.const", Message: "must equal `x`"},
		}},
	} {
		_, err := r.Snapshot().Match(row.name)
		if got := fault.Of(err); got.Reason != row.reason || got.Message != row.text || !reflect.DeepEqual(got.Violations, row.broken) {
			t.Errorf("%.30s: %s: %s %+v, not %s", row.name, got.Reason, got.Message, got.Violations, row.text)
		}
	}
	// Rules see the value, not how it is written.
	if m, err := r.Snapshot().Match("r.x%2Ey.anything%20goes.x." + uuid); err != nil || m.Params["id"] != "x.y" || m.Params["free"] != "anything goes" {
		t.Errorf("%v, %v", m.Params, err)
	}
}

func TestDeclaredNamesAreLookedUp(t *testing.T) {
	r := loaded(t, schema.Config{}, declareAll("b.{x}", "a.b"))
	for name, known := range map[string]bool{"a.b": true, "b.{x}": true, "b.{y}": false, "b.1": false, "": false} {
		if c, ok := r.Snapshot().Lookup(name); ok != known || ok && c.Name() != name {
			t.Errorf("%s: %v", name, ok)
		}
	}
	r.Snapshot().Channels()[0] = nil
	holds(t, r, "a.b", "b.{x}")
}

// Readers go on while channels come and go, and see whole snapshots.
func TestNamesAreMatchedWhileChannelsAreLoaded(t *testing.T) {
	one, two := tree(t, map[string]string{"t.proto": head + declareAll("a.{x}", "a.b.c")}), tree(t, map[string]string{"t.proto": head + declareAll("a.{y}", "a.b.d")})
	r := schema.New(schema.Config{})
	if _, err := r.Load(t.Context(), one); err != nil {
		t.Fatal(err)
	}
	backend := own(t, declare("Feed", "b.{id}"))
	ctx, cancel := context.WithCancel(t.Context())
	var readers, writers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for ctx.Err() == nil {
				s := r.Snapshot()
				m, err := s.Match("a.1")
				if err != nil {
					t.Error(err)
					return
				}
				want := map[string]string{"a.{x}": "a.b.c", "a.{y}": "a.b.d"}[m.Channel.Name()]
				if _, ok := s.Lookup(want); !ok {
					t.Errorf("%s is there without %s", m.Channel.Name(), want)
				}
				if _, err := m.Payload.FromJSON([]byte(`{"text":"x"}`)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Go(func() {
		for i := range 10 {
			if _, err := r.Load(ctx, []string{two, one}[i%2]); err != nil {
				t.Error(err)
			}
		}
	})
	writers.Go(func() {
		for i := range 10 {
			if _, err := r.Register(ctx, fmt.Sprintf("owner%d", i%2), backend, nil, i%2 == 1); err != nil && !fault.Is(err, fault.ChannelConflict) {
				t.Error(err)
			}
		}
	})
	writers.Wait()
	cancel()
	readers.Wait()
	holds(t, r, "a.b.c", "a.{x}", "b.{id}")
}

var sink channel.Params

// The cost of a name is its own: one declared channel more does not show.
func BenchmarkMatch(b *testing.B) {
	for _, n := range []int{10, 10_000} {
		r := schema.New(schema.Config{})
		names := make([]string, 0, n)
		for i := range n / 2 {
			names = append(names, fmt.Sprintf("blog.feed%d.all", i), fmt.Sprintf("blog.user%d.{user_id}", i))
		}
		if _, err := r.Load(b.Context(), tree(b, map[string]string{"t.proto": head + declareAll(names...)})); err != nil {
			b.Fatal(err)
		}
		s := r.Snapshot()
		for kind, name := range map[string]string{"literal": "blog.feed3.all", "template": "blog.user3.user_42", "escaped": "blog.user3.ann%2Eb", "unknown": "blog.user3.a.b"} {
			b.Run(fmt.Sprintf("%s/channels=%d", kind, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					m, _ := s.Match(name)
					sink = m.Params
				}
			})
		}
	}
}
