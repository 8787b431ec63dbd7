package schema

import (
	"regexp"
	"strings"
)

// maxTextBytes bounds what an error tells of foreign input.
const maxTextBytes = 256

// jsonPosition is where protojson puts the place of a mistake.
var jsonPosition = regexp.MustCompile(`^(syntax error )?\(line (\d+):(\d+)\): (?s:(.*))$`)

// JSONProblem is what an error of protojson or of proto.Unmarshal says, in
// words for whoever sent the input: without Go's prefixes, on one short line,
// the position at the end.
func JSONProblem(err error) string {
	text := cleanProto(err.Error())
	position := ""
	if found := jsonPosition.FindStringSubmatch(text); found != nil {
		text = found[4]
		position = " (line " + found[2] + ", column " + found[3] + ")"
	}
	text = strings.ReplaceAll(text, "\u00a0", " ")
	switch text {
	case "unexpected EOF", "syntax error: unexpected EOF":
		return "the JSON ends too early"
	case "exceeded max recursion depth", "exceeded maximum recursion depth":
		return "it nests too deep"
	}
	text = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(text, "�"), func(r rune) bool { return r == '\n' || r == '\r' }), " ")
	return truncate(text, maxTextBytes) + position
}
