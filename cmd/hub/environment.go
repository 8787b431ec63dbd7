package main

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"
)

// environment is the process's variables as they were at start.
type environment map[string]string

// newEnvironment takes the form of os.Environ. Where a name is given twice,
// the last wins, as in most shells.
func newEnvironment(pairs []string) environment {
	e := environment{}
	for _, pair := range pairs {
		if name, value, ok := strings.Cut(pair, "="); ok {
			e[name] = value
		}
	}
	return e
}

// A setting is a field of the configuration that one variable can override: a
// scalar, a list of scalars, or a duration, by its path from the root.
type setting struct {
	fields []protoreflect.FieldDescriptor
}

// settings are all of them. Lists of messages have none: a variable per
// element would be a language of its own; they belong in the file.
func settings(message protoreflect.MessageDescriptor) iter.Seq[setting] {
	return func(yield func(setting) bool) { walk(message, nil, yield) }
}

func walk(message protoreflect.MessageDescriptor, above []protoreflect.FieldDescriptor, yield func(setting) bool) bool {
	for i := range message.Fields().Len() {
		field := message.Fields().Get(i)
		path := append(slices.Clone(above), field)
		switch {
		case field.IsMap(), field.IsList() && field.Message() != nil:
		case field.Message() == nil, isDuration(field):
			if !yield(setting{path}) {
				return false
			}
		default:
			if !walk(field.Message(), path, yield) {
				return false
			}
		}
	}
	return true
}

func isDuration(field protoreflect.FieldDescriptor) bool {
	return field.Message() != nil && field.Message().FullName() == "google.protobuf.Duration"
}

// path is the field's, as limits.max_ids.
func (s setting) path() string {
	names := make([]string, len(s.fields))
	for i, field := range s.fields {
		names[i] = string(field.Name())
	}
	return strings.Join(names, ".")
}

// variable is its name in the environment, as HUB_LIMITS_MAX_IDS.
func (s setting) variable() string {
	return "HUB_" + strings.ToUpper(strings.ReplaceAll(s.path(), ".", "_"))
}

// set puts text into message. created are the paths of the messages around the
// field that were absent before. The error never repeats the text: a
// secret may have been put into the wrong variable.
func (s setting) set(message protoreflect.Message, text string) (created []string, err error) {
	last := s.fields[len(s.fields)-1]
	texts := []string{text}
	if last.IsList() {
		texts = strings.Split(text, ",")
	}
	values := make([]protoreflect.Value, len(texts))
	for i, t := range texts {
		if values[i], err = parse(last, strings.TrimSpace(t)); err != nil {
			return nil, err
		}
	}
	for i, field := range s.fields[:len(s.fields)-1] {
		if !message.Has(field) {
			created = append(created, setting{s.fields[:i+1]}.path())
		}
		message = message.Mutable(field).Message()
	}
	if !last.IsList() {
		message.Set(last, values[0])
		return created, nil
	}
	message.Clear(last)
	list := message.Mutable(last).List()
	for _, value := range values {
		list.Append(value)
	}
	return created, nil
}

func parse(field protoreflect.FieldDescriptor, text string) (protoreflect.Value, error) {
	if isDuration(field) {
		d, err := time.ParseDuration(text)
		if err != nil {
			return protoreflect.Value{}, errors.New("must be a duration, as 30s or 1m30s")
		}
		return protoreflect.ValueOfMessage(durationpb.New(d).ProtoReflect()), nil
	}
	switch field.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(text), nil
	case protoreflect.BoolKind:
		if text != "true" && text != "false" {
			return protoreflect.Value{}, errors.New("must be true or false")
		}
		return protoreflect.ValueOfBool(text == "true"), nil
	case protoreflect.Uint32Kind:
		n, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			return protoreflect.Value{}, fmt.Errorf("must be a whole number from 0 to %d", uint32(1<<32-1))
		}
		return protoreflect.ValueOfUint32(uint32(n)), nil
	case protoreflect.Uint64Kind:
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return protoreflect.Value{}, fmt.Errorf("must be a whole number from 0 to %d", uint64(1<<64-1))
		}
		return protoreflect.ValueOfUint64(n), nil
	case protoreflect.EnumKind:
		values := field.Enum().Values()
		if v := values.ByName(protoreflect.Name(text)); v != nil {
			return protoreflect.ValueOfEnum(v.Number()), nil
		}
		var names []string
		for i := range values.Len() {
			if values.Get(i).Number() != 0 { // the unspecified one is no choice
				names = append(names, string(values.Get(i).Name()))
			}
		}
		return protoreflect.Value{}, fmt.Errorf("must be one of %s", strings.Join(names, ", "))
	default:
		// A test walks all settings, so a new kind fails there, not here.
		return protoreflect.Value{}, fmt.Errorf("fields of type %s cannot be set by a variable", field.Kind())
	}
}

// strays are HUB_ variables that look like a setting but are none: most likely
// a misspelling, which would otherwise be ignored without a word. Variables
// that the configuration names itself (known) are not, and neither are
// those that Kubernetes makes for a service called hub-grpc.
func (e environment) strays(message protoreflect.MessageDescriptor, known map[string]bool) []string {
	names := map[string]bool{}
	for s := range settings(message) {
		names[s.variable()] = true
	}
	var found []string
	for _, name := range slices.Sorted(maps.Keys(e)) {
		rest, ours := strings.CutPrefix(name, "HUB_")
		if !ours || names[name] || known[name] || strings.Contains(name, "_SERVICE_") || strings.Contains(name, "_PORT") {
			continue
		}
		section, _, _ := strings.Cut(rest, "_")
		if message.Fields().ByTextName(strings.ToLower(section)) != nil {
			found = append(found, name)
		}
	}
	return found
}
