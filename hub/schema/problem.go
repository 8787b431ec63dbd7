package schema

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/realtime-hub/hub/hub/internal/fault"
)

// maxProblems bounds what one load reports: more do not help a reader, and
// they travel in a gRPC trailer.
const maxProblems = 50

// maxProblemBytes bounds one text: compilers quote what they were given.
const maxProblemBytes = 512

// Problem is one thing that keeps a set of declarations from loading. What
// does not apply is zero.
type Problem struct {
	// File is the proto file by its import path, or a path given to Load.
	File string
	// Line and Column count from 1.
	Line, Column int
	// Message is the full name of the proto message.
	Message string
	// Option is what of the message is wrong, as
	// `option (hub.v1.channel).scope`.
	Option string
	// Text says what is wrong and what to do.
	Text string
}

// String is `file:line:column: message M: option O: text`.
func (p Problem) String() string {
	if place := p.place(); place != "" {
		return place + ": " + p.Text
	}
	return p.Text
}

func (p Problem) place() string {
	var parts []string
	if p.File != "" {
		file := p.File
		if p.Line > 0 {
			file = fmt.Sprintf("%s:%d", file, p.Line)
		}
		if p.Column > 0 {
			file = fmt.Sprintf("%s:%d", file, p.Column)
		}
		parts = append(parts, file)
	}
	if p.Message != "" {
		parts = append(parts, "message "+p.Message)
	}
	if p.Option != "" {
		parts = append(parts, p.Option)
	}
	return strings.Join(parts, ": ")
}

func compareProblems(a, b Problem) int {
	return cmp.Or(
		strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
		strings.Compare(a.Message, b.Message), strings.Compare(a.Option, b.Option), strings.Compare(a.Text, b.Text),
	)
}

// Problems are why a set of declarations did not load: the first 50, sorted
// by place. In the chain is the fault for a peer, with a violation for each.
type Problems struct { //nolint:errname // it is what the list is called
	// List is never empty.
	List []Problem
	// More counts those beyond the list.
	More int

	reason fault.Reason
}

// Error has a line for each problem.
func (p *Problems) Error() string {
	lines := make([]string, 0, len(p.List)+1)
	for _, one := range p.List {
		lines = append(lines, one.String())
	}
	if p.More > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", p.More))
	}
	return strings.Join(lines, "\n")
}

// Unwrap is the fault: SCHEMA_INVALID, or CHANNEL_CONFLICT where another owner
// is in the way and nothing else is wrong.
func (p *Problems) Unwrap() error {
	violations := make([]fault.Violation, 0, len(p.List))
	for _, one := range p.List {
		violations = append(violations, fault.Violation{Field: one.place(), Message: one.Text})
	}
	return fault.Invalid(p.reason, violations)
}

// collector gathers problems while a set is looked at; the zero value works.
type collector struct{ list []Problem }

func (c *collector) add(p Problem) {
	p.File, p.Message, p.Option, p.Text = oneLine(p.File), oneLine(p.Message), oneLine(p.Option), oneLine(p.Text)
	c.list = append(c.list, p)
}

func (c *collector) addf(p Problem, format string, args ...any) {
	p.Text = fmt.Sprintf(format, args...)
	c.add(p)
}

func (c *collector) err(reason fault.Reason) error {
	if len(c.list) == 0 {
		return nil
	}
	slices.SortFunc(c.list, compareProblems)
	list := slices.Compact(c.list)
	shown := min(len(list), maxProblems)
	return &Problems{List: list[:shown:shown], More: len(list) - shown, reason: reason}
}

// oneLine keeps a foreign text to a line, valid and short: a problem is a
// line of a terminal and a string of a protobuf message.
func oneLine(text string) string {
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
	return truncate(strings.ToValidUTF8(text, "�"), maxProblemBytes)
}

func truncate(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit] + " …"
}
