package schema

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
)

// maxDescriptorDepth bounds the decoding of descriptors: maxNesting levels of
// messages and what hangs below the deepest of them.
const maxDescriptorDepth = 100

// decode gives the set a form of its own in which options are the hub's
// generated types, whatever they arrived as: unknown bytes, dynamic messages,
// or types of some other registry.
func (l *linked) decode(set *descriptorpb.FileDescriptorSet) (*descriptorpb.FileDescriptorSet, error) {
	data, err := proto.MarshalOptions{AllowPartial: true}.Marshal(set)
	if err != nil {
		return nil, err
	}
	out := &descriptorpb.FileDescriptorSet{}
	return out, proto.UnmarshalOptions{
		Resolver: l.types, RecursionLimit: maxDescriptorDepth, AllowPartial: true,
	}.Unmarshal(data, out)
}

// link builds the descriptors of a decoded set, each file after its imports.
// It returns the registry, the hub's own files included, and the set's files
// by path.
func (l *linked) link(
	ctx context.Context, set *descriptorpb.FileDescriptorSet, found *collector,
) (*protoregistry.Files, []protoreflect.FileDescriptor, error) {
	files, err := l.seed()
	if err != nil {
		return nil, nil, err
	}
	linker := &linker{own: l, files: files, waiting: map[string]*descriptorpb.FileDescriptorProto{}, found: found}
	for _, file := range set.GetFile() {
		linker.wait(file)
	}
	for _, file := range set.GetFile() {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		linker.add(file.GetName())
	}
	slices.SortFunc(linker.built, func(a, b protoreflect.FileDescriptor) int { return strings.Compare(a.Path(), b.Path()) })
	return files, linker.built, nil
}

type linker struct {
	own   *linked
	files *protoregistry.Files
	// waiting has what is not built yet; nil stands for a file whose imports
	// are being built, or that could not be built.
	waiting map[string]*descriptorpb.FileDescriptorProto
	built   []protoreflect.FileDescriptor
	found   *collector
}

func (k *linker) wait(file *descriptorpb.FileDescriptorProto) {
	name := file.GetName()
	switch _, twice := k.waiting[name]; {
	case name == "":
		k.found.add(Problem{Text: "a file of the set has no name"})
	case k.own.has(name):
		// The hub's own counts.
	case twice:
		k.found.add(Problem{File: name, Text: "is in the set twice"})
	default:
		k.waiting[name] = file
	}
}

// add builds a file after its imports. It tells whether there is such a file
// or was a reason to report already.
func (k *linker) add(name string) bool {
	if k.own.has(name) {
		return true
	}
	file, ok := k.waiting[name]
	if file == nil {
		return ok
	}
	k.waiting[name] = nil
	complete := true
	for _, path := range file.GetDependency() {
		if !k.add(path) {
			complete = false
			k.found.addf(Problem{File: name}, "import %q is not in the set; a set holds its files with all their imports", path)
		}
	}
	if !complete {
		return true
	}
	built, err := protodesc.NewFile(file, k.files)
	if err == nil {
		err = k.files.RegisterFile(built)
	}
	switch {
	case err == nil:
		k.built = append(k.built, built)
	case importFailed.MatchString(err.Error()) && len(k.found.list) > 0:
		// The import's own problem is reported, or it is a cycle that shows
		// at its first file.
	default:
		k.found.add(Problem{File: name, Text: linkText(err)})
	}
	return true
}

// importFailed is protodesc's text where a file that is in the set could not
// be built.
var importFailed = regexp.MustCompile(`could not resolve import`)

// nameConflict is protoregistry's text, which goes on in Go's words.
var nameConflict = regexp.MustCompile(`^file ".*" has a name conflict over ([^ ;]+).*$`)

func linkText(err error) string {
	text := cleanProto(err.Error())
	if importFailed.MatchString(text) {
		return "imports itself: " + text
	}
	return nameConflict.ReplaceAllString(oneLine(text), "$1 is declared in another file already")
}

// checkStrays refuses option bytes that carry the hub's numbers and are not
// the hub's options: they would be ignored, and a declaration never is.
func (l *linked) checkStrays(m protoreflect.MessageDescriptor) error {
	unknown := m.Options().ProtoReflect().GetUnknown()
	for len(unknown) > 0 {
		number, _, n := protowire.ConsumeField(unknown)
		if n < 0 {
			return errors.New("the options are not valid protobuf")
		}
		if number == hubv1.E_Channel.TypeDescriptor().Number() || number == hubv1.E_Inbound.TypeDescriptor().Number() {
			return fmt.Errorf("field %d of the options is not a message; use the hub's own hub/v1/channel.proto", number)
		}
		unknown = unknown[n:]
	}
	return nil
}

// checkPredefined refuses rules of a source's own whose value is a message of
// its own: protovalidate decodes them as dynamic messages, in which the
// decoder panics on bytes that are made for it (see checkWire).
func checkPredefined(files []protoreflect.FileDescriptor, found *collector) {
	for _, file := range files {
		checkRules(file.Extensions(), found)
		checkNestedRules(file.Messages(), found)
	}
}

func checkNestedRules(list protoreflect.MessageDescriptors, found *collector) {
	for i := range list.Len() {
		checkRules(list.Get(i).Extensions(), found)
		checkNestedRules(list.Get(i).Messages(), found)
	}
}

func checkRules(list protoreflect.ExtensionDescriptors, found *collector) {
	for i := range list.Len() {
		x := list.Get(i)
		if x.Message() == nil || !strings.HasPrefix(string(x.ContainingMessage().FullName()), "buf.validate.") {
			continue
		}
		if name := x.Message().FullName(); name != "google.protobuf.Duration" && name != "google.protobuf.Timestamp" {
			found.addf(Problem{File: x.ParentFile().Path()},
				"the rule %s takes a %s; a rule takes a scalar, a Duration or a Timestamp", x.FullName(), name)
		}
	}
}
