package main

import (
	"errors"
	"testing"
)

func TestOnlyAFullRunReplacesWhatIsKept(t *testing.T) {
	for _, c := range []struct {
		args  []string
		whole bool
	}{
		{nil, true},
		{[]string{"-rounds", "3"}, true},
		{[]string{"-peers", "hub,raw"}, false},
		{[]string{"-subscribers", "200"}, false},
		{[]string{"-idle", "0"}, false},
	} {
		f, err := parseFlags(c.args)
		if err != nil || f.whole() != c.whole {
			t.Errorf("%q: whole is %t, %v", c.args, f.whole(), err)
		}
	}
}

func TestFlagsThatMakeNoSenseAreRefused(t *testing.T) {
	for _, args := range [][]string{{"-peers", "hub,what"}, {"-peers", ""}, {"-subscribers", "1"}, {"-idle", "-1"}, {"-rounds", "-1"}, {"more"}} {
		if f, err := parseFlags(args); err == nil {
			t.Errorf("%q is taken for %+v", args, f)
		}
	}
	if _, err := parseFlags([]string{"-h"}); !errors.Is(err, errUsage) {
		t.Errorf("-h: %v", err)
	}
}
