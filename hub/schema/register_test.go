package schema_test

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/realtime-hub/hub/hub/internal/fault"
	"github.com/realtime-hub/hub/hub/schema"
)

func register(t *testing.T, r *schema.Registry, owner string, set *descriptorpb.FileDescriptorSet) (schema.Change, error) {
	t.Helper()
	return r.Register(t.Context(), owner, set, nil, false)
}

func TestRegisteredChannelsStandBesideTheHubsOwn(t *testing.T) {
	r := loaded(t, schema.Config{}, declare("Feed", "a.feed"))
	for owner, channel := range map[string]string{"blog": "b.feed", "shop": "c.{id}"} {
		// The same file and message names: each owner has its own.
		if _, err := register(t, r, owner, own(t, declare("Feed", channel))); err != nil {
			t.Fatal(err)
		}
	}
	holds(t, r, "a.feed", "b.feed", "c.{id}")
	for name, owner := range map[string]string{"a.feed": "", "b.feed": "blog", "c.1": "shop"} {
		m, err := r.Snapshot().Match(name)
		if err != nil || m.Owner != owner || m.Info().GetOwner() != owner || m.Info().GetFile() != "t/v1/t.proto" {
			t.Errorf("%s is %v, %v", name, m.Channel, err)
		}
	}
	// A new load of the hub's own leaves them alone.
	if _, err := r.Load(t.Context(), tree(t, map[string]string{"t.proto": head + declare("X", "x.y")})); err != nil {
		t.Fatal(err)
	}
	holds(t, r, "b.feed", "c.{id}", "x.y")
}

func TestRegisteringReplacesAllOfAnOwner(t *testing.T) {
	r := schema.New(schema.Config{})
	first := own(t, declare("A", "b.a")+declare("B", "b.b")+declare("C", "b.c"))
	second := own(t, declare("A", "b.a")+strings.Replace(declare("B", "b.b"), "text", "body", 1)+declare("D", "b.d"))
	for _, step := range []struct {
		set    *descriptorpb.FileDescriptorSet
		change schema.Change
		left   []string
	}{
		{first, schema.Change{Added: []string{"b.a", "b.b", "b.c"}}, []string{"b.a", "b.b", "b.c"}},
		{first, schema.Change{Unchanged: []string{"b.a", "b.b", "b.c"}}, []string{"b.a", "b.b", "b.c"}},
		{second, schema.Change{Added: []string{"b.d"}, Changed: []string{"b.b"}, Removed: []string{"b.c"}, Unchanged: []string{"b.a"}}, []string{"b.a", "b.b", "b.d"}},
		{&descriptorpb.FileDescriptorSet{}, schema.Change{Removed: []string{"b.a", "b.b", "b.d"}}, nil},
		{nil, schema.Change{}, nil},
	} {
		before := r.Snapshot()
		would, err := r.Register(t.Context(), "blog", step.set, nil, true)
		would.Before, would.After = nil, nil
		if err != nil || !reflect.DeepEqual(would, step.change) || r.Snapshot() != before {
			t.Errorf("dry: %+v, %v", would, err)
		}
		did, err := register(t, r, "blog", step.set)
		if got := namesOf(did.After); err == nil && !slices.Equal(got, slices.Sorted(slices.Values(slices.Concat(did.Added, did.Changed, did.Unchanged)))) {
			t.Errorf("after it are %v", got)
		}
		did.Before, did.After = nil, nil
		if err != nil || !reflect.DeepEqual(did, step.change) {
			t.Errorf("%+v, not %+v, %v", did, step.change, err)
		}
		holds(t, r, step.left...)
	}
}

func namesOf(channels []*schema.Channel) []string {
	var out []string
	for _, c := range channels {
		out = append(out, c.Name())
	}
	return out
}

func TestAnotherOwnersNamesAreAConflict(t *testing.T) {
	r := loaded(t, schema.Config{}, declare("Feed", "a.feed"))
	if _, err := register(t, r, "blog", own(t, declare("Feed", "b.{id}.c"))); err != nil {
		t.Fatal(err)
	}
	before := r.Snapshot()
	for want, text := range map[string]string{
		`t/v1/t.proto: message t.v1.X: option (hub.v1.channel).name: "a.feed" belongs to the hub's own channels already`:                                                                       declare("X", "a.feed") + declare("Y", "y.y"),
		`t/v1/t.proto: message t.v1.X: option (hub.v1.channel).name: "b.{id}.c" belongs to the backend blog already`:                                                                           declare("X", "b.{id}.c"),
		`t/v1/t.proto: message t.v1.X: option (hub.v1.channel).name: "b.{other}.c" and "b.{id}.c" of the backend blog could mean the same channel, and neither is more specific from the left`: declare("X", "b.{other}.c"),
		`t/v1/t.proto: message t.v1.X: option (hub.v1.channel).name: "b.x.{y}" and "b.{id}.c" of the backend blog could mean the same channel, and neither is more specific from the left`:     declare("X", "b.x.{y}"),
	} {
		_, err := register(t, r, "shop", own(t, text))
		if err == nil || err.Error() != want || !fault.Is(err, fault.ChannelConflict) {
			t.Errorf("it says %v, not %s", err, want)
		}
	}
	// The hub's own set meets what was registered, too.
	_, err := r.Load(t.Context(), tree(t, map[string]string{"t.proto": head + declare("X", "b.{id}.c")}))
	if want := `t.proto:5: message t.v1.X: option (hub.v1.channel).name: "b.{id}.c" belongs to the backend blog already`; err == nil || err.Error() != want {
		t.Errorf("it says %v, not %s", err, want)
	}
	if r.Snapshot() != before {
		t.Error("something changed")
	}
	// More specific is no conflict: a token covers both, or it does not.
	if _, err := register(t, r, "shop", own(t, declare("X", "b.one.c"))); err != nil {
		t.Error(err)
	}
}

func TestEachNameIsAskedFor(t *testing.T) {
	r := schema.New(schema.Config{})
	denied := fault.New(fault.ScopeDenied, "not yours")
	var asked []string
	may := func(declared string) error {
		asked = append(asked, declared)
		if declared == "c.{id}" {
			return denied
		}
		return nil
	}
	_, err := r.Register(t.Context(), "blog", own(t, declare("B", "c.{id}")+declare("A", "b.a")), may, false)
	if !errors.Is(err, denied) || !reflect.DeepEqual(asked, []string{"b.a", "c.{id}"}) {
		t.Errorf("asked for %q, it says %v", asked, err)
	}
	holds(t, r)
}

func TestRegistrationsThatAreRefused(t *testing.T) {
	feed := own(t, declare("Feed", "a.feed"))
	importing := compiled(t, map[string]string{"t.proto": head + `import "u.proto"; ` + declare("Feed", "a.feed"), "u.proto": `syntax = "proto3";`})
	file := func(name, text string) *descriptorpb.FileDescriptorSet {
		set := compiled(t, map[string]string{name: text})
		return &descriptorpb.FileDescriptorSet{File: set.GetFile()[len(set.GetFile())-1:]}
	}
	with := func(change func(*descriptorpb.FileDescriptorProto)) *descriptorpb.FileDescriptorSet {
		set := proto.CloneOf(feed)
		change(set.GetFile()[0])
		return set
	}
	for _, row := range []struct {
		name string
		set  *descriptorpb.FileDescriptorSet
		want string
	}{
		{"a missing scope", own(t, `message A { option (hub.v1.channel) = { name: "a.b" }; }`), `t/v1/t.proto: message t.v1.A: option (hub.v1.channel).scope: missing; say who may join, as scope: { public: {} }`},
		{"no channel", file("x.proto", `syntax = "proto3"; message X {}`), `SCHEMA_INVALID: no message of the set has the option (hub.v1.channel)`},
		{"a missing import", &descriptorpb.FileDescriptorSet{File: importing.GetFile()[len(importing.GetFile())-1:]}, `t.proto: import "u.proto" is not in the set; a set holds its files with all their imports`},
		{"a file twice", &descriptorpb.FileDescriptorSet{File: append(feed.GetFile(), feed.GetFile()...)}, `t/v1/t.proto: is in the set twice`},
		{"a file without a name", with(func(f *descriptorpb.FileDescriptorProto) { f.Name = nil }), `a file of the set has no name`},
		{"a file that imports itself", with(func(f *descriptorpb.FileDescriptorProto) { f.Dependency = append(f.Dependency, "t/v1/t.proto") }), `t/v1/t.proto: imports itself: could not resolve import "t/v1/t.proto": not found`},
		{"an unknown type", with(func(f *descriptorpb.FileDescriptorProto) {
			f.MessageType[0].Field[0].TypeName = new(".no.Such")
			f.MessageType[0].Field[0].Type = descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum()
		}), `t/v1/t.proto: message field "t.v1.Feed.text" cannot resolve type: "no.Such" not found`},
		{"a syntax that is none", with(func(f *descriptorpb.FileDescriptorProto) { f.Syntax = new("proto4") }), `t/v1/t.proto: invalid syntax: "proto4"`},
		{"a message of two files", &descriptorpb.FileDescriptorSet{File: append(file("u.proto", head+declare("Feed", "b.feed")).GetFile(), feed.GetFile()...)}, `t/v1/t.proto: t.v1.Feed is declared in another file already`},
		{
			"the hub's words in another file", file("evil.proto", `syntax = "proto2"; package hub.v1; import "google/protobuf/descriptor.proto";
			message ChannelOptions { optional string name = 1; } extend google.protobuf.MessageOptions { optional ChannelOptions channel = 51701; }`),
			`evil.proto: hub.v1.channel is declared in another file already`,
		},
		{"protovalidate's words in another file", file("evil.proto", `syntax = "proto3"; package buf.validate; message FieldRules {}`), `evil.proto: buf.validate.FieldRules is declared in another file already`},
		{"an option of a newer hub", with(func(f *descriptorpb.FileDescriptorProto) {
			f.MessageType[0].Options = newer(t, f.GetMessageType()[0].GetOptions())
		}), `t/v1/t.proto: message t.v1.Feed: option (hub.v1.channel): field 999 is unknown to this hub; it needs a newer one`},
		{"an option that is no message", with(func(f *descriptorpb.FileDescriptorProto) {
			f.GetMessageType()[0].GetOptions().ProtoReflect().SetUnknown(protowire.AppendVarint(protowire.AppendTag(nil, 51701, protowire.VarintType), 1))
		}), `t/v1/t.proto: message t.v1.Feed: field 51701 of the options is not a message; use the hub's own hub/v1/channel.proto`},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := schema.New(schema.Config{})
			_, err := register(t, r, "blog", row.set)
			if err == nil || err.Error() != row.want {
				t.Errorf("it says\n%v\nnot\n%s", err, row.want)
			}
			if err != nil && !fault.Is(err, fault.SchemaInvalid) {
				t.Errorf("%v is no SCHEMA_INVALID", err)
			}
			holds(t, r)
		})
	}
}

// newer adds a field 999 to the declaration.
func newer(t *testing.T, o *descriptorpb.MessageOptions) *descriptorpb.MessageOptions {
	t.Helper()
	extra := protowire.AppendVarint(protowire.AppendTag(nil, 999, protowire.VarintType), 1)
	out := &descriptorpb.MessageOptions{}
	// Two occurrences of a message field are merged.
	out.ProtoReflect().SetUnknown(protowire.AppendBytes(protowire.AppendTag(o.ProtoReflect().GetUnknown(), 51701, protowire.BytesType), extra))
	return out
}

// Whoever redeclares the hub's own files is given the hub's: there the field
// that calls itself public is the scope of roles.
func TestNobodyChangesWhatScopeMeans(t *testing.T) {
	set := compiled(t, map[string]string{"t/v1/t.proto": head + `message A { option (hub.v1.channel) = { name: "a.b" scope: { role: { any_of: "admin" } } }; }`})
	spoofed := linkedProto(t, "hub/v1/channel.proto")
	for _, m := range spoofed.GetMessageType() {
		if m.GetName() == "Scope" {
			m.Field[0].Number, m.Field[2].Number = m.GetField()[2].Number, m.GetField()[0].Number
		}
	}
	for i, file := range set.GetFile() {
		if file.GetName() == spoofed.GetName() {
			set.File[i] = spoofed
		}
	}
	r := schema.New(schema.Config{})
	if _, err := register(t, r, "blog", set); err != nil {
		t.Fatal(err)
	}
	c, _ := r.Snapshot().Lookup("a.b")
	if roles := c.Options.GetScope().GetRole().GetAnyOf(); !reflect.DeepEqual(roles, []string{"admin"}) {
		t.Errorf("the scope is %v", c.Options.GetScope())
	}
}

func TestAnOwnerIsRequired(t *testing.T) {
	if _, err := register(t, schema.New(schema.Config{}), "", own(t, declare("A", "a.b"))); !fault.Is(err, fault.RequestInvalid) {
		t.Errorf("it says %v", err)
	}
}

func TestRegisterEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := schema.New(schema.Config{}).Register(ctx, "blog", own(t, declare("A", "a.b")), nil, false)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("it says %v", err)
	}
}
