package schema

import (
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
)

// Field numbers of descriptor.proto along the path to a message's options.
const (
	fileMessages   = 4
	messageFields  = 2
	messageNested  = 3
	messageOptions = 7
)

// optionName is one of the hub's two options.
type optionName struct {
	name protoreflect.ExtensionType
}

func channelOption() optionName { return optionName{hubv1.E_Channel} }
func inboundOption() optionName { return optionName{hubv1.E_Inbound} }

// text is the option as it is written in a proto file.
func (o optionName) text(field string) string {
	text := "option (" + string(o.name.TypeDescriptor().FullName()) + ")"
	if field != "" {
		text += "." + field
	}
	return text
}

// optionLine is the line of the option's field, else of the option, else of
// the message; 0 without source information.
func optionLine(m protoreflect.MessageDescriptor, option optionName, field string) int {
	path := append(pathOf(m), messageOptions, int32(option.name.TypeDescriptor().Number()))
	if first := option.name.TypeDescriptor().Message().Fields().ByName(protoreflect.Name(firstName(field))); first != nil {
		path = append(path, int32(first.Number()))
	}
	for len(path) >= 2 {
		if line := lineAt(m.ParentFile(), path); line > 0 {
			return line
		}
		path = path[:len(path)-1]
	}
	return 0
}

func messageLine(m protoreflect.MessageDescriptor) int { return lineAt(m.ParentFile(), pathOf(m)) }

func fieldLine(f protoreflect.FieldDescriptor) int {
	return lineAt(f.ParentFile(), append(pathOf(f.ContainingMessage()), messageFields, int32(f.Index()))) //nolint:gosec // small
}

func lineAt(file protoreflect.FileDescriptor, path protoreflect.SourcePath) int {
	if location := file.SourceLocations().ByPath(path); location.Path != nil {
		return location.StartLine + 1
	}
	return 0
}

// firstName is the first part of a path as `scope.user.param` or
// `params["x"]`.
func firstName(path string) string {
	if i := slices.IndexFunc([]byte(path), func(c byte) bool { return c == '.' || c == '[' }); i >= 0 {
		return path[:i]
	}
	return path
}

// pathOf is where the message stands in its file's descriptor.
func pathOf(m protoreflect.MessageDescriptor) protoreflect.SourcePath {
	if parent, ok := m.Parent().(protoreflect.MessageDescriptor); ok {
		return append(pathOf(parent), messageNested, int32(m.Index())) //nolint:gosec // small
	}
	return protoreflect.SourcePath{fileMessages, int32(m.Index())} //nolint:gosec // small
}
