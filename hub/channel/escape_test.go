package channel_test

import (
	"strings"
	"testing"

	"github.com/realtime-hub/hub/hub/channel"
)

func TestEscapeWritesOnlyWhatMustBe(t *testing.T) {
	for value, want := range map[string]string{
		"ann@example.com":   "ann@example%2Ecom",
		"{}*>%":             "%7B%7D%2A%3E%25",
		"\x20\t\n":          "%20%09%0A",
		"\x00\x7f\u0085":    "%00%7F%C2%85",
		"\u00a0\u2028":      "%C2%A0%E2%80%A8",
		"größe:日本/😀":        "größe:日本/😀",
		"a-Z_0~!?&=+#'\"\\": "a-Z_0~!?&=+#'\"\\",
		"\ufffd":            "\ufffd",
		"\u200b":            "\u200b", // zero width, but neither white space nor a control character
	} {
		got, err := channel.Escape(value)
		if err != nil || got != want {
			t.Errorf("%q is written %q, %v, not %q", value, got, err, want)
		}
		back, err := channel.Unescape(want)
		if err != nil || back != value {
			t.Errorf("%q is read as %q, %v, not %q", want, back, err, value)
		}
	}
}

func TestValuesHaveBounds(t *testing.T) {
	for _, value := range []string{"", strings.Repeat("x", 129), strings.Repeat("é", 65), "\xff"} {
		if got, err := channel.Escape(value); err == nil {
			t.Errorf("%q is written %q", value, got)
		}
		if got, err := channel.Unescape(value); err == nil {
			t.Errorf("%q is read as %q", value, got)
		}
	}
	// What counts is the value, not how it is written.
	long := strings.Repeat("%2E", 128)
	if got, err := channel.Unescape(long); err != nil || len(got) != 128 {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

func TestOneValueHasOneName(t *testing.T) {
	for _, segment := range []string{
		"%41", "%2e", "%2E%6A", "%", "%2", "%GG", "%2G", "%+1", "%FF", "%C0%AE", "%ED%A0%80", "%C2", ".", "a.b", "a b", "*", "%E2%82", "ü%C3%BC",
	} {
		if got, err := channel.Unescape(segment); err == nil {
			t.Errorf("%q is read as %q", segment, got)
		}
	}
}

func FuzzEscape(f *testing.F) {
	for _, value := range []string{"ann@example.com", "%41", "a b", "\u0085", "größe", "\xff", "😀", "", "%", "\u2028"} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		segment, err := channel.Escape(value)
		if err != nil {
			return
		}
		if strings.ContainsAny(segment, ".{}*> \t\r\n") {
			t.Errorf("%q is written %q", value, segment)
		}
		back, err := channel.Unescape(segment)
		if err != nil || back != value {
			t.Errorf("%q is written %q and read as %q, %v", value, segment, back, err)
		}
	})
}
