package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"buf.build/go/protoyaml"
	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// position is where a value stands in a file, both from 1.
type position struct{ line, column int }

// A configFile remembers where each field stands, so that whatever turns out
// to be wrong later (a rule, a missing variable, an unreadable key) can be said
// with its line.
type configFile struct {
	// path is as the user gave it. Empty: there is no file.
	path   string
	fields map[string]position
	names  map[position]string
}

// readConfig reads a file into message. The mistakes are those of form: syntax,
// unknown and repeated fields, wrong types; rules are checked later, on
// the values that are in force. The error is for a file that cannot be read.
func readConfig(path string, message proto.Message) (*configFile, mistakes, error) {
	data, err := os.ReadFile(path) //nolint:gosec // the operator's own file
	if err != nil {
		return nil, nil, fmt.Errorf("the configuration cannot be read: %w", err)
	}
	f := &configFile{path: path, fields: map[string]position{}, names: map[position]string{}}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var document yaml.Node
	switch err := decoder.Decode(&document); {
	case errors.Is(err, io.EOF):
		return f, nil, nil // empty: all defaults
	case err != nil:
		return f, mistakes{f.syntax(err)}, nil
	}
	var found mistakes
	// protoyaml reads the first document only; a second one would be ignored.
	if next := new(yaml.Node); decoder.Decode(next) == nil && len(next.Content) > 0 {
		found = append(found, mistake{source: path, line: next.Line, column: next.Column, text: "a second YAML document; one is expected"})
	}
	found = append(found, f.index(document.Content[0], message.ProtoReflect().Descriptor(), "")...)
	if err := (protoyaml.UnmarshalOptions{Path: path}).Unmarshal(data, message); err != nil {
		found = append(found, f.form(err)...)
	}
	return f, found, nil
}

// index walks the file along the message and remembers the place of each
// field. It reports fields given twice: YAML forbids them, but protoyaml
// merges them, and which one counted would be a guess.
func (f *configFile) index(node *yaml.Node, message protoreflect.MessageDescriptor, path string) mistakes {
	var found mistakes
	if path != "" {
		f.remember(node, path)
	}
	if node.Kind != yaml.MappingNode {
		return nil
	}
	first := map[string]int{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		field := message.Fields().ByJSONName(key.Value)
		if field == nil {
			field = message.Fields().ByTextName(key.Value)
		}
		if field == nil {
			f.names[position{key.Line, key.Column}] = join(path, key.Value)
			continue
		}
		at := join(path, string(field.Name()))
		if line, again := first[at]; again {
			found = append(found, mistake{
				source: f.path, line: key.Line, column: key.Column, field: at,
				text: fmt.Sprintf("given a second time; the first is in line %d", line),
			})
		}
		first[at] = key.Line
		f.names[position{key.Line, key.Column}] = at
		f.remember(value, at)
		switch {
		case field.IsList() && value.Kind == yaml.SequenceNode:
			for n, item := range value.Content {
				itemAt := at + "[" + strconv.Itoa(n) + "]"
				f.remember(item, itemAt)
				if field.Message() != nil {
					found = append(found, f.index(item, field.Message(), itemAt)...)
				}
			}
		case !field.IsList() && field.Message() != nil:
			found = append(found, f.index(value, field.Message(), at)...)
		}
	}
	return found
}

func (f *configFile) remember(node *yaml.Node, path string) {
	at := position{node.Line, node.Column}
	f.fields[path] = at
	f.names[at] = path
}

// place is where a field stands, or the nearest field around it.
func (f *configFile) place(field string) position {
	for ; field != ""; field = parent(field) {
		if at, ok := f.fields[field]; ok {
			return at
		}
	}
	return position{1, 1}
}

// has tells whether the file has the field.
func (f *configFile) has(field string) bool {
	if f == nil {
		return false
	}
	_, ok := f.fields[field]
	return ok
}

// resolve makes a path of the file relative to the file's directory, so
// that a configuration means the same wherever the hub is started.
func (f *configFile) resolve(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(f.path), path)
}

// protoyaml's errors are of an unexported type, but their text begins with
// their place: PATH:LINE:COL.
var formPlace = regexp.MustCompile(`^:(\d+):(\d+) `)

// form makes mistakes of protoyaml's joined errors.
func (f *configFile) form(err error) mistakes {
	list := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		list = joined.Unwrap()
	}
	found := make(mistakes, 0, len(list))
	for _, e := range list {
		text, _, _ := strings.Cut(e.Error(), "\n")
		m := mistake{source: f.path, text: text}
		rest := strings.TrimPrefix(text, f.path)
		if at := formPlace.FindStringSubmatch(rest); at != nil {
			m.line, _ = strconv.Atoi(at[1])
			m.column, _ = strconv.Atoi(at[2])
			m.text = rest[len(at[0]):]
			m.field = f.names[position{m.line, m.column}]
		}
		found = append(found, m)
	}
	return found
}

var syntaxPlace = regexp.MustCompile(`^yaml: line (\d+): `)

// syntax makes a mistake of the YAML parser's error, which knows the line only.
func (f *configFile) syntax(err error) mistake {
	m := mistake{source: f.path, text: err.Error()}
	if at := syntaxPlace.FindStringSubmatch(m.text); at != nil {
		m.line, _ = strconv.Atoi(at[1])
		m.text = "not YAML: " + m.text[len(at[0]):]
	}
	return m
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// parent is the path without its last name or index.
func parent(path string) string {
	if i := strings.LastIndexAny(path, ".["); i >= 0 {
		return path[:i]
	}
	return ""
}
