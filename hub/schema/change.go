package schema

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// Change is what a load did, or would do: declared names, in order.
type Change struct {
	// Added are new.
	Added []string
	// Changed have another declaration, or other messages, than before.
	Changed []string
	// Decided are those of Changed whose joins a worker decides now, and none did before.
	Decided []string
	// Removed are gone.
	Removed []string
	// Unchanged are as they were.
	Unchanged []string
	// Before and After are the channels that were compared: those of one owner.
	Before, After []*Channel
}

// compare tells two sources of one owner apart; nil is an empty one.
func compare(before, after *source) Change {
	change := Change{Before: before.list(), After: after.list()}
	for _, c := range after.list() {
		switch old := before.lookup(c.Name()); {
		case old == nil:
			change.Added = append(change.Added, c.Name())
		case old.fingerprint != c.fingerprint:
			change.Changed = append(change.Changed, c.Name())
			if old.Options.GetScope().GetHandler() == nil && c.Options.GetScope().GetHandler() != nil {
				change.Decided = append(change.Decided, c.Name())
			}
		default:
			change.Unchanged = append(change.Unchanged, c.Name())
		}
	}
	for _, c := range before.list() {
		if after.lookup(c.Name()) == nil {
			change.Removed = append(change.Removed, c.Name())
		}
	}
	return change
}

// fingerprints notes for each channel what its declaration and all messages
// that its payloads can hold come to. Comments and places do not count.
func fingerprints(channels []*Channel, files []protoreflect.FileDescriptor) {
	predefined := predefinedRules(files)
	for _, c := range channels {
		h := sha256.New()
		h.Write(predefined)
		write(h, c.Options)
		messages := appendReachable(nil, map[protoreflect.FullName]bool{}, c.Payload.desc)
		if c.Inbound != nil {
			write(h, c.Inbound.Options)
			h.Write([]byte(c.Inbound.Message.Name()))
			messages = appendReachable(messages, seenOf(messages), c.Inbound.Message.desc)
		}
		for _, m := range messages {
			writeMessage(h, m)
		}
		h.Sum(c.fingerprint[:0])
	}
}

func seenOf(messages []protoreflect.MessageDescriptor) map[protoreflect.FullName]bool {
	seen := make(map[protoreflect.FullName]bool, len(messages))
	for _, m := range messages {
		seen[m.FullName()] = true
	}
	return seen
}

// writeMessage adds a message without what is only nested in it, its enums,
// and what of its file changes its meaning.
func writeMessage(h hash.Hash, m protoreflect.MessageDescriptor) {
	h.Write([]byte(m.FullName()))
	desc := protodesc.ToDescriptorProto(m)
	desc.NestedType, desc.EnumType, desc.Extension = nil, nil, nil
	write(h, desc)
	for i := range m.Fields().Len() {
		if enum := m.Fields().Get(i).Enum(); enum != nil {
			h.Write([]byte(enum.FullName()))
			write(h, protodesc.ToEnumDescriptorProto(enum))
		}
	}
	file := m.ParentFile()
	h.Write([]byte(file.Syntax().String()))
	if options, ok := file.Options().(*descriptorpb.FileOptions); ok {
		write(h, options.GetFeatures())
	}
}

// predefinedRules are the rules that a source adds to protovalidate's. Which
// messages use which is not followed: a change of one changes all.
func predefinedRules(files []protoreflect.FileDescriptor) []byte {
	h := sha256.New()
	for _, file := range files {
		for i := range file.Extensions().Len() {
			if x := file.Extensions().Get(i); strings.HasPrefix(string(x.ContainingMessage().FullName()), "buf.validate.") {
				write(h, protodesc.ToFieldDescriptorProto(x))
			}
		}
	}
	return h.Sum(nil)
}

func write(h hash.Hash, m proto.Message) {
	data, err := proto.MarshalOptions{Deterministic: true, AllowPartial: true}.Marshal(m)
	if err != nil {
		// Only text that is not UTF-8, which was decoded and so is none.
		data = []byte(err.Error())
	}
	h.Write(slices.Concat(binary.BigEndian.AppendUint64(nil, uint64(len(data))), data))
}
