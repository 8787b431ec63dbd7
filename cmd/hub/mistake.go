package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A mistake is one thing that is wrong with the configuration, said so that it
// can be mended without a second look: where, which field, what, which rule.
type mistake struct {
	// source is who set the value: a file, a HUB_… variable or a flag. Empty:
	// nobody did, a default is missing.
	source string
	// line and column are where in a file; 0: not known.
	line, column int
	// field is the path in the configuration, as grpc.tokens[0].name. Empty: the
	// whole configuration.
	field string
	text  string
	// rule is the broken rule's id. Empty: no rule, the value itself cannot be used.
	rule string
}

// String is `hub.yaml:3:5: http.address: must be host:port (http.address)`, the
// form that editors and CI systems turn into a link.
func (m mistake) String() string {
	var b strings.Builder
	if m.source != "" {
		b.WriteString(m.source)
		if m.line > 0 {
			fmt.Fprintf(&b, ":%d", m.line)
		}
		if m.column > 0 {
			fmt.Fprintf(&b, ":%d", m.column)
		}
		b.WriteString(": ")
	}
	if m.field != "" {
		b.WriteString(m.field + ": ")
	}
	b.WriteString(m.text)
	if m.rule != "" {
		b.WriteString(" (" + m.rule + ")")
	}
	return b.String()
}

// mistakes are all that is wrong, so that one run of `hub check` suffices.
type mistakes []mistake

// Error has one line for each.
func (ms mistakes) Error() string {
	lines := make([]string, len(ms))
	for i, m := range ms {
		lines[i] = m.String()
	}
	return strings.Join(lines, "\n")
}

// err is nil without mistakes; else they are in the order of their places,
// those of the file in the order in which it is read, and each once.
func (ms mistakes) err() error {
	if len(ms) == 0 {
		return nil
	}
	slices.SortStableFunc(ms, func(a, b mistake) int {
		return cmp.Or(cmp.Compare(a.source, b.source), cmp.Compare(a.line, b.line), cmp.Compare(a.column, b.column))
	})
	return slices.Compact(ms)
}
