package main

import (
	"fmt"
	"regexp"
	"strings"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	configv1 "github.com/realtime-hub/hub/gen/hub/config/v1"
)

const configurationHead = `<!-- Made by docs/internal/reference of proto/hub/config/v1/config.proto: run 'make generate'. -->
# Configuration

'hub serve' and 'hub check' read '--config', else 'HUB_CONFIG', else './hub.yaml' if it is there. Flags win over variables, variables
over the file, the file over defaults; no field has to be there. In a variable, elements of a list are separated by commas, and a
duration is '30s' or '1m30s'; an empty one counts as none. Lists of objects have no variable. Relative paths are relative to the file,
in variables to where the hub runs. 'hub check' names every mistake with its line and rule. [Running a hub](operations.md) has an example.
`

// configuration is the page of all fields.
func configuration() (string, error) {
	said, err := comments("hub/config/v1/config.proto")
	if err != nil {
		return "", err
	}
	w := &writer{said: said}
	fmt.Fprint(w, ticks(configurationHead))
	w.section("", (&configv1.Config{}).ProtoReflect().Descriptor(), true)
	return w.String(), nil
}

type writer struct {
	strings.Builder

	said map[protoreflect.FullName]string
}

// section is a message's table, and then those of the messages in it. bound
// tells that its fields have variables.
func (w *writer) section(path string, message protoreflect.MessageDescriptor, bound bool) {
	type inner struct {
		path  string
		field protoreflect.FieldDescriptor
		bound bool
	}
	var below []inner
	head := false
	for i := range message.Fields().Len() {
		field := message.Fields().Get(i)
		at := strings.TrimPrefix(path+"."+string(field.Name()), ".")
		if field.Message() != nil && !isDuration(field) {
			if field.IsList() {
				at += "[]"
			}
			below = append(below, inner{at, field, bound && !field.IsList()})
			continue
		}
		if !head {
			fmt.Fprint(w, "\n| field | type | default | meaning |\n|---|---|---|---|\n")
			head = true
		}
		w.row(at, field, bound)
	}
	for _, b := range below {
		w.title(b.path, b.field)
		w.section(b.path, b.field.Message(), b.bound)
	}
}

// title says what a section is for, what holds without it, and the message's
// own rules.
func (w *writer) title(path string, field protoreflect.FieldDescriptor) {
	message := field.Message()
	fmt.Fprintf(w, "\n## `%s`\n%s", path, sentence(w.said[message.FullName()], string(message.Name())))
	if m := preset.FindStringSubmatch(w.said[field.FullName()]); m != nil {
		fmt.Fprintf(w, " Default: %s.", m[1])
	}
	if rules, ok := proto.GetExtension(message.Options(), validate.E_Message).(*validate.MessageRules); ok {
		for _, rule := range rules.GetCel() {
			fmt.Fprintf(w, " Rule: %s.", rule.GetMessage())
		}
	}
	fmt.Fprintln(w)
}

// sentence is a comment without the name that Go's habit puts first.
func sentence(comment, name string) string {
	for _, verb := range []string{" is ", " are ", " "} {
		if rest, ok := strings.CutPrefix(comment, name+verb); ok {
			return strings.ToUpper(rest[:1]) + rest[1:]
		}
	}
	return comment
}

var preset = regexp.MustCompile(`\s*(?:Default: (.+?)|(Required))\.(?:\s|$)`)

// withoutDefault parts a comment from what it says of the default.
func withoutDefault(comment string) (meaning, standard string) {
	m := preset.FindStringSubmatch(comment)
	if m == nil {
		return comment, ""
	}
	return strings.TrimSpace(strings.Replace(comment, m[0], " ", 1)), m[1] + strings.ToLower(m[2])
}

func (w *writer) row(path string, field protoreflect.FieldDescriptor, bound bool) {
	meaning, standard := withoutDefault(w.said[field.FullName()])
	if field.Enum() != nil {
		meaning = strings.TrimSpace(meaning + " " + w.choices(field.Enum()))
	}
	if rules := rulesOf(field); rules != "" {
		meaning = strings.TrimSpace(meaning + " Rule: " + rules + ".")
	}
	name := "`" + path + "`"
	if bound {
		name += "<br>`HUB_" + strings.ToUpper(strings.ReplaceAll(path, ".", "_")) + "`"
	}
	fmt.Fprintf(w, "| %s | %s | %s | %s |\n", name, typeOf(field), cell(standard), cell(meaning))
}

// choices are an enum's values with what they mean.
func (w *writer) choices(enum protoreflect.EnumDescriptor) string {
	var out []string
	for i := range enum.Values().Len() {
		value := enum.Values().Get(i)
		if value.Number() == 0 {
			continue // the unspecified one is no choice
		}
		meaning := strings.TrimSuffix(w.said[value.FullName()], ".")
		out = append(out, "`"+string(value.Name())+"`: "+meaning)
	}
	return strings.Join(out, "; ") + "."
}

func typeOf(field protoreflect.FieldDescriptor) string {
	kind := field.Kind().String()
	switch {
	case isDuration(field):
		kind = "duration"
	case field.Enum() != nil:
		kind = "name"
	case kind == "uint32", kind == "uint64":
		kind = "number"
	}
	if field.IsList() {
		return "list of " + kind + "s"
	}
	return kind
}

func isDuration(field protoreflect.FieldDescriptor) bool {
	return field.Message() != nil && field.Message().FullName() == "google.protobuf.Duration"
}

// cell is text that does not end a table's cell.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }
