package main

import (
	"fmt"
	"regexp"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
)

// protoType is a field's type, messages and enums linked to where they are described.
func protoType(f protoreflect.FieldDescriptor) string {
	switch {
	case f.IsMap():
		return fmt.Sprintf("map of %s to %s", single(f.MapKey()), single(f.MapValue()))
	case f.IsList():
		return "list of " + single(f)
	case f.HasOptionalKeyword():
		return "optional " + single(f)
	}
	return single(f)
}

func single(f protoreflect.FieldDescriptor) string {
	switch {
	case f.Message() != nil:
		return reference(f.Message())
	case f.Enum() != nil:
		return reference(f.Enum())
	}
	return f.Kind().String()
}

// elsewhere are messages that others describe.
var elsewhere = map[protoreflect.FullName]string{
	"buf.validate.StringRules": "https://protovalidate.com/reference/rules/string_rules/",
}

// reference is a link to a message or an enum.
func reference(d protoreflect.Descriptor) string {
	file := d.ParentFile()
	switch {
	case file.Package() == "google.protobuf":
		return fmt.Sprintf("[%s](https://protobuf.dev/reference/protobuf/google.protobuf/)", d.Name())
	case elsewhere[d.FullName()] != "":
		return fmt.Sprintf("[%s](%s)", d.Name(), elsewhere[d.FullName()])
	}
	return fmt.Sprintf("[%s](%s#%s)", inFile(d), pageOf(file), anchor(inFile(d)))
}

// inFile is a name without its package: ChannelOptions.Slow.
func inFile(d protoreflect.Descriptor) string {
	return strings.TrimPrefix(string(d.FullName()), string(d.ParentFile().Package())+".")
}

// anchor is a heading's, as GitHub makes it.
func anchor(heading string) string { return strings.ReplaceAll(strings.ToLower(heading), ".", "") }

// isReason tells whether a word is one, without its prefix.
func isReason(word string) bool { return hubv1.Reason_value["REASON_"+word] != 0 }

var word = regexp.MustCompile("`?\\b[A-Z][A-Z_]+\\b`?")

// linked is text whose reasons are links to their pages.
func linked(text string) string {
	return word.ReplaceAllStringFunc(text, func(w string) string {
		if reason := strings.Trim(w, "`"); isReason(reason) {
			return fmt.Sprintf("[%#q](../errors/%s.md)", reason, reason)
		}
		return w
	})
}
