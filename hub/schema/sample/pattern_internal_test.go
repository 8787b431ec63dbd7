package sample

import (
	"regexp"
	"testing"
	"unicode/utf8"
)

// The patterns are of real rules; each text is matched, and as long as was asked.
func TestTextsMatchTheirPattern(t *testing.T) {
	for _, expression := range []string{
		`^[a-z0-9-]+$`, `^user_[0-9]+$`, `^\+[0-9]{6,15}$`, `^(ab|c+d?){2,5}(x|yz)*$`, `^[A-Z]{3}-\d{1,4}(\.\d+)?$`, `a|b|`, `^$`, `^.{3,}$`,
		`(?i)^hub$`, `^[^a-z]+$`, `^\p{L}+$`, `^([a-z]+\.)+[a-z]{2,}$`, `^(?:a(?:b(?:c)?)?)?$`, `^[\x00-\x1f]$`, `^a{1000}$`, `^(a{0,30}b{0,30}){0,9}$`,
	} {
		p, ok := newPattern(expression)
		if !ok {
			t.Fatalf("%s is not parsed", expression)
		}
		least, ok := p.least()
		if !ok {
			t.Errorf("%s: no text", expression)
		}
		made := 0
		for n := least; n < least+40; n++ {
			text, ok := p.text(n)
			if !ok {
				continue
			}
			made++
			if utf8.RuneCountInString(text) != n || !regexp.MustCompile(expression).MatchString(text) {
				t.Errorf("%s: %q is no match of %d characters", expression, text, n)
			}
		}
		if made == 0 {
			t.Errorf("%s: nothing was made", expression)
		}
	}
	for _, expression := range []string{`[^\x00-\x{10FFFF}]`, `a{3`, `(`} {
		if p, ok := newPattern(expression); ok {
			if least, ok := p.least(); ok {
				if text, _ := p.text(least); !regexp.MustCompile(expression).MatchString(text) {
					t.Errorf("%s: %q is no match", expression, text)
				}
			}
		}
	}
}

// Whatever the pattern: no panic, and what is made is as long as was asked.
func FuzzPattern(f *testing.F) {
	for _, expression := range []string{`^[a-z]+$`, `(a|bc)*d{2,4}`, `\bx\b`, `(?s).+?`, `[^a]`, `((a*)*)*`} {
		f.Add(expression, 7)
	}
	f.Fuzz(func(t *testing.T, expression string, n int) {
		if len(expression) > 60 {
			return // what grows with it is bounded by the hub's limits of a set
		}
		p, ok := newPattern(expression)
		if !ok {
			return
		}
		if text, ok := p.text(n); ok && utf8.RuneCountInString(text) != n {
			t.Errorf("%q: %q has not %d characters", expression, text, n)
		}
	})
}
