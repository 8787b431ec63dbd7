package channel

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxParamBytes bounds a param's value, decoded. It has room for a UUID, an
// e-mail address or a URL's slug, and two of them still fit into a name.
const MaxParamBytes = 128

const upperHex = "0123456789ABCDEF"

// mustEscape tells whether the rune has a meaning in a name or could hide in
// one: the separator, the braces, the wildcards of token patterns and of the
// engine's bus, the escape itself, and what a reader cannot see.
func mustEscape(r rune) bool {
	switch r {
	case '.', '{', '}', '*', '>', '%':
		return true
	}
	return unicode.IsSpace(r) || unicode.IsControl(r)
}

// Escape writes a param's value as a segment of a concrete name. It refuses a
// value that is empty, longer than MaxParamBytes or not UTF-8.
func Escape(value string) (string, error) {
	if err := checkValue(value); err != nil {
		return "", err
	}
	return encode(value), nil
}

// Unescape is the value of a concrete name's segment. It takes only what
// Escape makes: an escape in lower case, of a byte that needs none, or cut
// short is refused, and a bare character that needs one is too. Otherwise one
// value had several names, and a rule or a subscription could be dodged by
// writing the name differently.
func Unescape(segment string) (string, error) {
	value, err := decode(segment)
	if err != nil {
		return "", err
	}
	return value, checkValue(value)
}

func checkValue(value string) error {
	switch {
	case value == "":
		return errors.New("the value is empty")
	case len(value) > MaxParamBytes:
		return fmt.Errorf("the value has %d bytes; at most %d are allowed", len(value), MaxParamBytes)
	case !utf8.ValidString(value):
		return errNotUTF8
	}
	return nil
}

var errNotUTF8 = errors.New("is not UTF-8")

func encode(value string) string {
	if strings.IndexFunc(value, mustEscape) < 0 {
		return value
	}
	var b strings.Builder
	for i, r := range value {
		if !mustEscape(r) {
			b.WriteRune(r)
			continue
		}
		for _, c := range []byte(value[i : i+utf8.RuneLen(r)]) {
			b.Write([]byte{'%', upperHex[c>>4], upperHex[c&0xF]})
		}
	}
	return b.String()
}

// decode is Unescape without the bounds of a value.
func decode(segment string) (string, error) {
	if strings.IndexByte(segment, '%') < 0 {
		return segment, checkBare(segment)
	}
	var b strings.Builder
	for i := 0; i < len(segment); i++ {
		if segment[i] != '%' {
			b.WriteByte(segment[i])
			continue
		}
		if i+2 >= len(segment) {
			return "", fmt.Errorf("%q is cut short; an escape is %% and two hex digits", segment[i:])
		}
		high, low := strings.IndexByte(upperHex, segment[i+1]), strings.IndexByte(upperHex, segment[i+2])
		if high < 0 || low < 0 {
			return "", fmt.Errorf("%q is not an escape; it is %% and two upper-case hex digits", segment[i:i+3])
		}
		b.WriteByte(byte(high<<4 | low)) //nolint:gosec // two hex digits
		i += 2
	}
	value := b.String()
	if !utf8.ValidString(value) {
		return "", errNotUTF8
	}
	// Whatever else is not canonical (an escape that need not be, a bare
	// character that needs one) shows here, in one place.
	if canonical := encode(value); canonical != segment {
		return "", fmt.Errorf("%q is not canonical; write %q", segment, canonical)
	}
	return value, nil
}

// checkBare refuses, in a segment without escapes, what needs one.
func checkBare(segment string) error {
	if !utf8.ValidString(segment) {
		return errNotUTF8
	}
	if i := strings.IndexFunc(segment, mustEscape); i >= 0 {
		r, _ := utf8.DecodeRuneInString(segment[i:])
		return fmt.Errorf("%q must be written %q", string(r), encode(string(r)))
	}
	return nil
}
