package session_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/realtime-hub/hub/hub/internal/gate"
	"github.com/realtime-hub/hub/hub/internal/session"
)

func ids(list []*session.Session) []string {
	var out []string
	for _, s := range list {
		out = append(out, s.ID)
	}
	slices.Sort(out)
	return out
}

func TestSessionsAreFoundByWhoTheyAre(t *testing.T) {
	table := session.NewTable(nil)
	editor := gate.Identity{UserID: "ann", Roles: []string{"editor", "reader"}}
	table.Open("a", editor, "", &ended{})
	table.Open("b", gate.Identity{UserID: "bob", Roles: []string{"reader"}}, "", &ended{})
	table.Open("c", editor, "", &ended{})
	gone := table.Open("d", editor, "", &ended{})
	table.Open("e", gate.Identity{}, "", &ended{})
	table.Remove(gone)

	notC := func(s *session.Session) bool { return s.ID != "c" }
	for name, test := range map[string]struct {
		which session.Selector
		want  []string
	}{
		"all":                   {session.Selector{}, []string{"a", "b", "c", "e"}},
		"one":                   {session.Selector{ID: "b"}, []string{"b"}},
		"one that has left":     {session.Selector{ID: "d"}, nil},
		"one of another user":   {session.Selector{ID: "b", User: "ann"}, nil},
		"a user's":              {session.Selector{User: "ann"}, []string{"a", "c"}},
		"a role's":              {session.Selector{Role: "reader"}, []string{"a", "b", "c"}},
		"a role's, not another": {session.Selector{Role: "editor", Also: notC}, []string{"a"}},
		"nobody's":              {session.Selector{User: "eve"}, nil},
	} {
		if got := ids(table.Select(test.which)); !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}

// Whoever pages while sessions come and go sees each that stays exactly once.
func TestPagesHaveEachSessionThatStaysOnce(t *testing.T) {
	table := session.NewTable(nil)
	var leaving *session.Session
	for i := range 10 {
		s := table.Open(fmt.Sprint("s", i), gate.Identity{}, "", &ended{})
		if i == 3 {
			leaving = s
		}
	}
	var seen []string
	for after, more := "", true; more; {
		var page []*session.Session
		page, more = table.Page(session.Selector{}, after, 4)
		for _, s := range page {
			seen = append(seen, s.ID)
		}
		after = seen[len(seen)-1]
		if len(page) == 4 { // the page's last one leaves, another comes before it
			table.Remove(leaving)
			table.Open("r"+after, gate.Identity{}, "", &ended{})
		}
	}
	if want := []string{"s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9"}; !slices.Equal(seen, want) {
		t.Errorf("seen %v, want %v", seen, want)
	}
}
