package channel

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// MaxNameBytes bounds a concrete name, escaped, and a declared one. A name is
// sent with every message, is a key of every index, and becomes a subject of
// the engine's bus; NATS is at ease up to this length.
const MaxNameBytes = 255

// Reserved is the first segment of the hub's own events; no channel has it.
const Reserved = "hub"

// minSegments keeps one-word names free for Socket.IO's own events (connect,
// disconnect, error …), which a channel must never shadow.
const minSegments = 2

// Segment is one part of a template: exactly one of the two is set.
type Segment struct {
	// Literal stands for itself.
	Literal string
	// Param is the name of the value that stands here.
	Param string
}

// Template is a declared name. The zero value is not a name; ParseTemplate
// makes them.
type Template struct {
	declared string
	segments []Segment
	params   []string
}

// ParseTemplate reads a declared name: dot-separated segments of [a-z0-9_-]+,
// at least two, where a segment may be a {param} ([a-z][a-z0-9_]*), the first
// may not; no param twice; not under the reserved segment; at most
// MaxNameBytes.
func ParseTemplate(name string) (Template, error) {
	if name == "" {
		return Template{}, errors.New("the name is empty")
	}
	if len(name) > MaxNameBytes {
		return Template{}, fmt.Errorf("the name has %d bytes; at most %d are allowed", len(name), MaxNameBytes)
	}
	parts := strings.Split(name, ".")
	t := Template{declared: name, segments: make([]Segment, 0, len(parts))}
	for i, part := range parts {
		segment, err := parseSegment(part)
		if err != nil {
			return Template{}, fmt.Errorf("segment %d: %w", i+1, err)
		}
		if segment.Param != "" {
			if i == 0 {
				return Template{}, errors.New("segment 1: the first segment may not be a param")
			}
			if slices.Contains(t.params, segment.Param) {
				return Template{}, fmt.Errorf("segment %d: param %q is there twice", i+1, segment.Param)
			}
			t.params = append(t.params, segment.Param)
		}
		t.segments = append(t.segments, segment)
	}
	if err := checkShape(parts); err != nil {
		return Template{}, err
	}
	return t, nil
}

// checkShape is what declared and concrete names have in common.
func checkShape(parts []string) error {
	if parts[0] == Reserved {
		return fmt.Errorf("segment 1: %q is reserved for the hub's own events", Reserved)
	}
	if len(parts) < minSegments {
		return fmt.Errorf("the name has one segment; at least %d are needed, as %q", minSegments, "blog.feed")
	}
	return nil
}

func parseSegment(part string) (Segment, error) {
	if part == "" {
		return Segment{}, errEmptySegment
	}
	inner, isParam := strings.CutPrefix(part, "{")
	if !isParam {
		if i := strings.IndexFunc(part, func(r rune) bool { return !literalRune(r) }); i >= 0 {
			return Segment{}, fmt.Errorf("%q has a character other than a-z 0-9 _ -", part)
		}
		return Segment{Literal: part}, nil
	}
	inner, closed := strings.CutSuffix(inner, "}")
	if !closed || !paramName(inner) {
		return Segment{}, fmt.Errorf("%q is not a param: write {name}, name as [a-z][a-z0-9_]*", part)
	}
	return Segment{Param: inner}, nil
}

var errEmptySegment = errors.New("is empty")

func literalRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '_' || r == '-'
}

func paramName(s string) bool {
	if s == "" || s[0] < 'a' || s[0] > 'z' {
		return false
	}
	return strings.IndexFunc(s, func(r rune) bool { return r == '-' || !literalRune(r) }) < 0
}

// String is the name as declared.
func (t Template) String() string { return t.declared }

// Params are the params' names in the order of the name. The slice is the
// caller's own.
func (t Template) Params() []string { return slices.Clone(t.params) }

// Segments are the parts of the name. The slice is the caller's own.
func (t Template) Segments() []Segment { return slices.Clone(t.segments) }

// Fill makes a concrete name: values are escaped. A missing or unknown param,
// a value that is empty, longer than MaxParamBytes or not UTF-8, and a name
// longer than MaxNameBytes are errors.
func (t Template) Fill(p Params) (string, error) {
	if t.declared == "" {
		return "", errors.New("the zero template has no name")
	}
	for name := range p {
		if !slices.Contains(t.params, name) {
			return "", fmt.Errorf("param %q is not in the name", name)
		}
	}
	if len(t.params) == 0 {
		return t.declared, nil
	}
	var b strings.Builder
	for i, segment := range t.segments {
		if i > 0 {
			b.WriteByte('.')
		}
		if segment.Param == "" {
			b.WriteString(segment.Literal)
			continue
		}
		value, ok := p[segment.Param]
		if !ok {
			return "", fmt.Errorf("param %q: missing", segment.Param)
		}
		escaped, err := Escape(value)
		if err != nil {
			return "", fmt.Errorf("param %q: %w", segment.Param, err)
		}
		b.WriteString(escaped)
	}
	if b.Len() > MaxNameBytes {
		return "", fmt.Errorf("the name has %d bytes filled in; at most %d are allowed", b.Len(), MaxNameBytes)
	}
	return b.String(), nil
}

// Split takes a concrete name apart into raw segments, still escaped. An
// error says why it is no concrete name: it is empty or longer than
// MaxNameBytes, has fewer than two segments, an empty one or one that is not
// canonically escaped, begins with a reserved segment or with one that no
// template can begin with. That a segment's value may be too long for a param
// is not looked at: it may be a literal.
func Split(concrete string) ([]string, error) {
	if concrete == "" {
		return nil, errors.New("the name is empty")
	}
	if len(concrete) > MaxNameBytes {
		return nil, fmt.Errorf("the name has %d bytes; at most %d are allowed", len(concrete), MaxNameBytes)
	}
	parts := strings.Split(concrete, ".")
	for i, part := range parts {
		if part == "" {
			return nil, fmt.Errorf("segment %d: %w", i+1, errEmptySegment)
		}
		if _, err := decode(part); err != nil {
			return nil, fmt.Errorf("segment %d: %w", i+1, err)
		}
	}
	if strings.IndexFunc(parts[0], func(r rune) bool { return !literalRune(r) }) >= 0 {
		return nil, fmt.Errorf("segment 1: %q has a character other than a-z 0-9 _ -", parts[0])
	}
	if err := checkShape(parts); err != nil {
		return nil, err
	}
	return parts, nil
}
