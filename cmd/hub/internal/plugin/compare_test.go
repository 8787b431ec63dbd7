package plugin_test

import (
	"cmp"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// differences are the fields whose type is not that of protoc-gen-es, with the
// reason. Where one of them is the same after all, tsc complains.
var differences = map[string]string{
	"all.v1.All.mood":       "it has MOOD_FINE, too, which the hub never writes: MOOD_GOOD has its number",
	"all.v1.All.maybe_mood": "as mood",
	"all.v1.All.moods":      "as mood",
	"all.v1.All.by_truth":   "as mood",
	"all.v1.All.any Sent_":  "an Any without its type says nothing; only what is received may be empty",

	"all.v1.Ruled.kind":   "narrowed by string.in",
	"all.v1.Ruled.always": "narrowed by string.const",
	"all.v1.Ruled.mood":   "narrowed by enum.not_in",
	"all.v1.Ruled.good":   "narrowed by enum.const",
	"all.v1.Ruled.ratio":  "narrowed by double.finite",
	"all.v1.Ruled.sizes":  "narrowed by repeated.items.string.in",
	"all.v1.Ruled.sized":  "narrowed by map.values.string.in",

	"blog.v1.Awkward.Inner.words": "narrowed by repeated.items.string.in",
}

const sameTypes = `
type Value<T, K extends PropertyKey> = T extends unknown ? (K extends keyof T ? Exclude<T[K], undefined> : never) : never;
type Keys<T> = T extends unknown ? keyof T : never;
type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? [] : [differ: A, from: B]) : [differ: A, from: B];
export const same = <A, B>(..._: Same<A, B>): void => {};
export const goes = <A extends B, B>(..._: A[] | B[]): void => {};
`

// An oracle for JSON forms: protoc-gen-es makes types of them, one for both
// directions. Of every message the keys are the same, and so are the types of
// all fields but for the differences; and what browsers receive is among what it
// says.
func TestTypesAreThoseOfProtocGenES(t *testing.T) {
	p := newProject(t)
	r := request(t, protos(t), "target=dts,json_types=true,import_extension=js")
	p.add(t, "gen", typescript(t, protos(t), "client=none"))
	theirs := proto.CloneOf(r)
	for _, f := range r.GetProtoFile() {
		if strings.HasPrefix(f.GetName(), "hub/") || strings.HasPrefix(f.GetName(), "buf/") {
			theirs.FileToGenerate = append(theirs.FileToGenerate, f.GetName())
		}
	}
	p.add(t, "es", p.es(t, theirs))
	files, err := protodesc.NewFiles(&descriptorpb.FileDescriptorSet{File: r.GetProtoFile()})
	if err != nil {
		t.Fatal(err)
	}
	c := &comparison{}
	for _, name := range r.GetFileToGenerate() {
		file, err := files.FindFileByPath(name)
		if err != nil {
			t.Fatal(err)
		}
		c.messages(file.Messages())
	}
	if c.fields < 150 {
		t.Errorf("%d fields are compared", c.fields)
	}
	p.add(t, ".", map[string]string{"compare.ts": c.imports.String() + sameTypes + c.body.String()})
	p.check(t)
}

// comparison writes a file that compiles if all is as it should be.
type comparison struct {
	imports, body strings.Builder
	fields        int
}

func (c *comparison) messages(list protoreflect.MessageDescriptors) {
	for i := range list.Len() {
		if m := list.Get(i); !m.IsMapEntry() {
			c.message(m)
			c.messages(m.Messages())
		}
	}
}

func (c *comparison) message(m protoreflect.MessageDescriptor) {
	name := strings.ReplaceAll(strings.TrimPrefix(string(m.FullName()), string(m.ParentFile().Package())+"."), ".", "_")
	module := strings.TrimSuffix(m.ParentFile().Path(), ".proto")
	ours := name
	if name == "string" {
		ours += "$"
	}
	id := strings.ReplaceAll(string(m.FullName()), ".", "_")
	fmt.Fprintf(&c.imports, "import type { %s as Ours_%s, %sInput as Sent_%s } from \"./gen/%s_hub.js\";\n", ours, id, ours, id, module)
	fmt.Fprintf(&c.imports, "import type { %sJson as Theirs_%s } from \"./es/%s_pb.js\";\n", name, id, module)
	fmt.Fprintf(&c.body, "goes<Ours_%s, Theirs_%s>();\n", id, id)
	for _, ours := range []string{"Ours_" + id, "Sent_" + id} {
		fmt.Fprintf(&c.body, "same<Keys<%s>, Keys<Theirs_%s>>();\n", ours, id)
	}
	for i := range m.Fields().Len() {
		c.field(m.Fields().Get(i), id)
	}
}

func (c *comparison) field(f protoreflect.FieldDescriptor, id string) {
	value := f
	if f.IsMap() {
		value = f.MapValue()
	}
	if d := value.Message(); d != nil && d.ParentFile().Package() != "google.protobuf" {
		return // compared itself
	}
	long := value.Kind() == protoreflect.Int64Kind || value.Kind() == protoreflect.Uint64Kind ||
		value.Kind() == protoreflect.Sint64Kind || strings.HasSuffix(value.Kind().String(), "fixed64") ||
		value.Message() != nil && strings.HasSuffix(string(value.Message().FullName()), "Int64Value")
	for _, form := range []string{"Ours_", "Sent_"} {
		theirs := fmt.Sprintf("Value<Theirs_%s, %q>", id, f.JSONName())
		if form == "Sent_" && long {
			if theirs += " | number"; f.IsList() {
				theirs = "(string | number)[]"
			}
		}
		c.fields++
		reason := cmp.Or(differences[string(f.FullName())], differences[string(f.FullName())+" "+form])
		if reason != "" {
			fmt.Fprintf(&c.body, "// @ts-expect-error %s\n", reason)
		}
		fmt.Fprintf(&c.body, "same<Value<%s%s, %q>, %s>();\n", form, id, f.JSONName(), theirs)
	}
}
