package e2e_test

import (
	"strings"
	"testing"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/anypb"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
)

// everything is what a message without anything set looks like to a browser:
// defaults are there, what was not set and has presence is not.
const nothing = `{"someText":"","big":"0","bigger":"0","small":0,"real":0,"yesOrNo":false,"raw":"","color":"COLOR_UNSPECIFIED","parts":[],"counts":{}`

func TestPayloadsAreCanonicalProtoJSON(t *testing.T) {
	h := common.get(t)
	set := strings.NewReplacer(
		`"someText":""`, `"someText":"é"`, `"big":"0"`, `"big":"-9223372036854775808"`, `"bigger":"0"`, `"bigger":"18446744073709551615"`,
		`"small":0`, `"small":-1`, `"real":0`, `"real":0.5`, `"yesOrNo":false`, `"yesOrNo":true`, `"raw":""`, `"raw":"/+8="`,
		`COLOR_UNSPECIFIED`, `COLOR_RED`, `"parts":[]`, `"parts":[{"partName":"a","inStock":"9007199254740993"},{"partName":"b","inStock":"0"}]`,
		`"counts":{}`, `"counts":{"":"1","x":"9007199254740993"}`,
	).Replace(nothing)
	types := compile(t)
	for _, c := range []struct{ name, sent, want string }{
		{"nothing", `{}`, nothing + `}`},
		{
			"everything", `{"someText":"é","big":"-9223372036854775808","bigger":"18446744073709551615","small":-1,"real":0.5,"yesOrNo":true,"raw":"/+8=","color":"COLOR_RED",` +
				`"happenedAt":"2026-01-02T03:04:05.678Z","took":"1.5s","maybe":"0","parts":[{"partName":"a","inStock":"9007199254740993"},{"partName":"b"}],` +
				`"counts":{"":"1","x":9007199254740993},"right":{"partName":"c"},"chosen":""}`,
			set + `,"happenedAt":"2026-01-02T03:04:05.678Z","took":"1.500s","maybe":"0","right":{"partName":"c","inStock":"0"},"chosen":""}`,
		},
		// What ProtoJSON lets a sender write, no receiver has to understand.
		{
			"other spellings", `{"some_text":"é","big":9007199254740993,"bigger":"1e3","small":"7","real":"NaN","raw":"_-8","color":1,"left":"","maybe":null,"happened_at":"2026-01-02T04:04:05+01:00"}`,
			strings.NewReplacer(`"someText":""`, `"someText":"é"`, `"big":"0"`, `"big":"9007199254740993"`, `"bigger":"0"`, `"bigger":"1000"`, `"small":0`, `"small":7`,
				`"real":0`, `"real":"NaN"`, `"raw":""`, `"raw":"/+8="`, `COLOR_UNSPECIFIED`, `COLOR_RED`).Replace(nothing) + `,"left":"","happenedAt":"2026-01-02T03:04:05Z"}`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			each(t, func(t *testing.T, m mode) {
				s := h.connect(t, m, options{})
				s.subscribe("e2e.everything")
				h.broadcast(t, "e2e.everything", c.sent)
				same(t, "the payload sent as JSON", string(s.next("e2e.everything").arg(0)), c.want)

				message := dynamicpb.NewMessage(types.FindMessageByName("e2e.v1.Everything"))
				if err := protojson.Unmarshal([]byte(c.sent), message); err != nil {
					t.Fatal(err)
				}
				if _, err := h.send(t, &hubv1.BroadcastRequest{Channel: "e2e.everything", Payload: inAny(t, message)}); err != nil {
					t.Fatal(err)
				}
				same(t, "the payload sent as Any", string(s.next("e2e.everything").arg(0)), c.want)
			})
		})
	}
}

func inAny(t *testing.T, m protoreflect.ProtoMessage) *hubv1.BroadcastRequest_Message {
	t.Helper()
	boxed, err := anypb.New(m)
	if err != nil {
		t.Fatal(err)
	}
	return &hubv1.BroadcastRequest_Message{Message: boxed}
}

// files are the compiled protos of testdata, as a backend has them.
type files struct{ all []protoreflect.FileDescriptor }

func compile(t *testing.T) files {
	t.Helper()
	linked := protocompile.ResolverFunc(func(path string) (protocompile.SearchResult, error) {
		file, err := protoregistry.GlobalFiles.FindFileByPath(path)
		return protocompile.SearchResult{Desc: file}, err
	})
	compiler := protocompile.Compiler{Resolver: protocompile.CompositeResolver{&protocompile.SourceResolver{ImportPaths: []string{"testdata"}}, linked}}
	compiled, err := compiler.Compile(t.Context(), "e2e/v1/public.proto", "e2e/v1/scoped.proto")
	if err != nil {
		t.Fatal(err)
	}
	var f files
	for _, file := range compiled {
		f.all = append(f.all, file)
	}
	return f
}

// FindMessageByName finds a declared message, or panics: the test names one that there is not.
func (f files) FindMessageByName(name protoreflect.FullName) protoreflect.MessageDescriptor {
	for _, file := range f.all {
		if m := file.Messages().ByName(name.Name()); m != nil {
			return m
		}
	}
	panic(name)
}
