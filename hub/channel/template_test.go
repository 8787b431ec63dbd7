package channel_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/realtime-hub/hub/hub/channel"
)

func TestTemplateHasSegmentsAndParamsInOrder(t *testing.T) {
	for _, name := range []struct {
		declared string
		params   []string
		segments []channel.Segment
	}{
		{"blog.article", nil, []channel.Segment{{Literal: "blog"}, {Literal: "article"}}},
		{"a.{y}.b.{x}", []string{"y", "x"}, []channel.Segment{{Literal: "a"}, {Param: "y"}, {Literal: "b"}, {Param: "x"}}},
		{"0.-_", nil, []channel.Segment{{Literal: "0"}, {Literal: "-_"}}},
		{"hub-x.y", nil, []channel.Segment{{Literal: "hub-x"}, {Literal: "y"}}},
		{"a.hub", nil, []channel.Segment{{Literal: "a"}, {Literal: "hub"}}},
		{"a." + strings.Repeat("b", 253), nil, []channel.Segment{{Literal: "a"}, {Literal: strings.Repeat("b", 253)}}},
	} {
		got, err := channel.ParseTemplate(name.declared)
		if err != nil {
			t.Errorf("%s is refused: %v", name.declared, err)
			continue
		}
		if got.String() != name.declared || !reflect.DeepEqual(got.Params(), name.params) || !reflect.DeepEqual(got.Segments(), name.segments) {
			t.Errorf("%s has params %v and segments %v", got, got.Params(), got.Segments())
		}
	}
}

func TestMalformedTemplatesSayWhere(t *testing.T) {
	for declared, want := range map[string]string{
		"":                         `the name is empty`,
		"blog":                     `the name has one segment; at least 2 are needed, as "blog.feed"`,
		"hub.x":                    `segment 1: "hub" is reserved for the hub's own events`,
		"hub":                      `segment 1: "hub" is reserved for the hub's own events`,
		".a":                       `segment 1: is empty`,
		"a.":                       `segment 2: is empty`,
		"a..b":                     `segment 2: is empty`,
		"{a}.b":                    `segment 1: the first segment may not be a param`,
		"a.{x}.{x}":                `segment 3: param "x" is there twice`,
		"a.B":                      `segment 2: "B" has a character other than a-z 0-9 _ -`,
		"a.ü":                      `segment 2: "ü" has a character other than a-z 0-9 _ -`,
		"a.b c":                    `segment 2: "b c" has a character other than a-z 0-9 _ -`,
		"a.x{y}":                   `segment 2: "x{y}" has a character other than a-z 0-9 _ -`,
		"a.%41":                    `segment 2: "%41" has a character other than a-z 0-9 _ -`,
		"a.{}":                     `segment 2: "{}" is not a param: write {name}, name as [a-z][a-z0-9_]*`,
		"a.{":                      `segment 2: "{" is not a param: write {name}, name as [a-z][a-z0-9_]*`,
		"a.{1}":                    `segment 2: "{1}" is not a param: write {name}, name as [a-z][a-z0-9_]*`,
		"a.{x-y}":                  `segment 2: "{x-y}" is not a param: write {name}, name as [a-z][a-z0-9_]*`,
		"a.{X}":                    `segment 2: "{X}" is not a param: write {name}, name as [a-z][a-z0-9_]*`,
		"a.{x}y":                   `segment 2: "{x}y" is not a param: write {name}, name as [a-z][a-z0-9_]*`,
		"a." + longOf(254):         `the name has 256 bytes; at most 255 are allowed`,
		"a.\x00":                   `segment 2: "\x00" has a character other than a-z 0-9 _ -`,
		"a.*":                      `segment 2: "*" has a character other than a-z 0-9 _ -`,
		"a." + "{x}" + ".{user\n}": `segment 3: "{user\n}" is not a param: write {name}, name as [a-z][a-z0-9_]*`,
	} {
		if _, err := channel.ParseTemplate(declared); err == nil || err.Error() != want {
			t.Errorf("%q: %v, not %s", declared, err, want)
		}
	}
}

func longOf(n int) string { return strings.Repeat("b", n) }

func TestFillEscapesValues(t *testing.T) {
	template, err := channel.ParseTemplate("mail.{user}.{box}")
	if err != nil {
		t.Fatal(err)
	}
	name, err := template.Fill(channel.Params{"user": "ann@example.com", "box": "in box"})
	if err != nil || name != "mail.ann@example%2Ecom.in%20box" {
		t.Errorf("%q, %v", name, err)
	}
}

func TestFillRefusesWhatDoesNotFit(t *testing.T) {
	for _, fill := range []struct {
		declared string
		params   channel.Params
		want     string
	}{
		{"a.{x}", nil, `param "x": missing`},
		{"a.{x}", channel.Params{"x": ""}, `param "x": the value is empty`},
		{"a.{x}", channel.Params{"x": longOf(129)}, `param "x": the value has 129 bytes; at most 128 are allowed`},
		{"a.{x}", channel.Params{"x": "\xff"}, `param "x": is not UTF-8`},
		{"a.{x}", channel.Params{"x": "1", "y": "2"}, `param "y" is not in the name`},
		{"a.b", channel.Params{"y": "2"}, `param "y" is not in the name`},
		{"a.{x}", channel.Params{"x": strings.Repeat(".", 128)}, `the name has 386 bytes filled in; at most 255 are allowed`},
		{"a.{x}.{y}", channel.Params{"x": longOf(128), "y": longOf(126)}, `the name has 257 bytes filled in; at most 255 are allowed`},
	} {
		template, err := channel.ParseTemplate(fill.declared)
		if err != nil {
			t.Fatal(err)
		}
		if name, err := template.Fill(fill.params); err == nil || err.Error() != fill.want {
			t.Errorf("%s of %v: %q, %v, not %s", fill.declared, fill.params, name, err, fill.want)
		}
	}
	if _, err := (channel.Template{}).Fill(nil); err == nil {
		t.Error("the zero template has a name")
	}
}

func TestTemplateHandsOutCopies(t *testing.T) {
	template, err := channel.ParseTemplate("a.{x}")
	if err != nil {
		t.Fatal(err)
	}
	template.Params()[0] = "y"
	template.Segments()[0] = channel.Segment{Literal: "z"}
	if name, err := template.Fill(channel.Params{"x": "1"}); name != "a.1" || err != nil {
		t.Errorf("%q, %v", name, err)
	}
}

func TestConcreteNamesThatAreRefused(t *testing.T) {
	for name, want := range map[string]string{
		"":                 `the name is empty`,
		"a":                `the name has one segment; at least 2 are needed, as "blog.feed"`,
		"hub.x":            `segment 1: "hub" is reserved for the hub's own events`,
		"hub:subscribe":    `segment 1: "hub:subscribe" has a character other than a-z 0-9 _ -`,
		"A.b":              `segment 1: "A" has a character other than a-z 0-9 _ -`,
		"%20.b":            `segment 1: "%20" has a character other than a-z 0-9 _ -`,
		"a..b":             `segment 2: is empty`,
		"a.b ":             `segment 2: " " must be written "%20"`,
		"a.*":              `segment 2: "*" must be written "%2A"`,
		"a.>":              `segment 2: ">" must be written "%3E"`,
		"a.{x}":            `segment 2: "{" must be written "%7B"`,
		"a.\u2028":         "segment 2: \"\\u2028\" must be written \"%E2%80%A8\"",
		"a.\x7f":           `segment 2: "\x7f" must be written "%7F"`,
		"a.\xff":           `segment 2: is not UTF-8`,
		"a.%41":            `segment 2: "%41" is not canonical; write "A"`,
		"a.%2e":            `segment 2: "%2e" is not an escape; it is % and two upper-case hex digits`,
		"a.%":              `segment 2: "%" is cut short; an escape is % and two hex digits`,
		"a.x%2":            `segment 2: "%2" is cut short; an escape is % and two hex digits`,
		"a.%FF":            `segment 2: is not UTF-8`,
		"a.%C3%BC":         `segment 2: "%C3%BC" is not canonical; write "ü"`,
		"a.%2E%41":         `segment 2: "%2E%41" is not canonical; write "%2EA"`,
		"a.%20 ":           `segment 2: "%20 " is not canonical; write "%20%20"`,
		"a." + longOf(254): `the name has 256 bytes; at most 255 are allowed`,
	} {
		if _, err := channel.Split(name); err == nil || err.Error() != want {
			t.Errorf("%q: %v, not %s", name, err, want)
		}
	}
}

// A segment may be a literal, and those are as long as the name lets them be.
func TestSplitKeepsSegmentsRaw(t *testing.T) {
	name := "a.x%2Ey.Ü." + longOf(200)
	got, err := channel.Split(name)
	if err != nil || !reflect.DeepEqual(got, []string{"a", "x%2Ey", "Ü", longOf(200)}) {
		t.Errorf("%q, %v", got, err)
	}
}

func FuzzTemplate(f *testing.F) {
	for _, name := range []string{"blog.article.feed", "notifications.user.{user_id}", "a.{x}.{y}", "hub.x", "{x}.a", "a.{x}.{x}", "a..b", "a.{", ""} {
		f.Add(name, "value")
	}
	f.Add("a.{x}", "ann@example.com")
	f.Fuzz(func(t *testing.T, declared, value string) {
		template, err := channel.ParseTemplate(declared)
		if err != nil {
			return
		}
		params := channel.Params{}
		for _, p := range template.Params() {
			params[p] = value
		}
		name, err := template.Fill(params)
		if err != nil {
			return
		}
		segments, err := channel.Split(name)
		if err != nil {
			t.Fatalf("%q filled with %q is %q, which is no name: %v", declared, value, name, err)
		}
		for i, s := range template.Segments() {
			got, err := channel.Unescape(segments[i])
			if s.Param != "" && (err != nil || got != value) {
				t.Errorf("%q came back as %q, %v", value, got, err)
			}
			if s.Literal != "" && segments[i] != s.Literal {
				t.Errorf("the literal %q became %q", s.Literal, segments[i])
			}
		}
	})
}

func FuzzSplit(f *testing.F) {
	for _, name := range []string{"a.b", "a.x%2Ey", "a.%41", "a.%", "hub.x", "a.\xff", "a.%FF", "a..b", "a.%F0%9F%98%80", "a.*.>"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		segments, err := channel.Split(name)
		if err != nil {
			return
		}
		if strings.Join(segments, ".") != name || len(name) > channel.MaxNameBytes || len(segments) < 2 || segments[0] == channel.Reserved {
			t.Errorf("%q has the segments %q", name, segments)
		}
		for _, s := range segments {
			value, err := channel.Unescape(s)
			if err != nil {
				if len(s) <= channel.MaxParamBytes {
					t.Errorf("%q is a segment of %q and not a value: %v", s, name, err)
				}
				continue
			}
			if again, err := channel.Escape(value); again != s || err != nil {
				t.Errorf("the value of %q is written %q, %v: it has two names", s, again, err)
			}
		}
	})
}
