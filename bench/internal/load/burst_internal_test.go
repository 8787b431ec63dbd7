package load

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/realtime-hub/hub/bench/internal/control"
)

// hearing is what a server says to a client that asks, in the hub's way.
func hearing(numbers ...int) (all []string) {
	for _, n := range numbers {
		all = append(all, `42["bench.kept.0",`+control.Kept(n)+`,{"id":"1"}]`)
	}
	return all
}

func TestAResumeIsEachMessageOnceInOrderAndThenTheAnswer(t *testing.T) {
	const clients, answer = 3, `ok {"recovered":true}`
	noCPU := func() (time.Duration, error) { return 0, nil }
	whole := append(hearing(1, 2, 3), answer)
	burst := Burst{Question: Question{Say: "ask", Answer: "ok"}, Holds: `"recovered":true`, Messages: 3, Beside: []string{"beside"}}
	for name, c := range map[string]struct {
		say  []string
		want string // of the error
	}{
		"all":                {whole, ""},
		"all in the answer":  {[]string{"ok " + strings.Join(hearing(1, 2, 3), ",") + `,"recovered":true`}, ""},
		"with one beside":    {append([]string{"beside"}, whole...), ""},
		"one lost":           {append(hearing(1, 3), answer), "the kept message 3 comes as the 2. of 3"},
		"one twice":          {append(hearing(1, 2, 2, 3), answer), "the kept message 2 comes as the 3. of 3"},
		"out of order":       {append(hearing(2, 1, 3), answer), "the kept message 2 comes as the 1. of 3"},
		"one too many":       {append(hearing(1, 2, 3, 4), answer), "the kept message 4 comes as the 4. of 3"},
		"answered too early": {append(append(hearing(1, 2), answer), hearing(3)...), "the answer comes after 2 of 3"},
		"not recovered":      {append(hearing(1, 2, 3), `ok {"recovered":false}`), `has no "recovered":true`},
		"answered twice":     {append(append([]string(nil), whole...), answer), "more answers than questions"},
		"never answered":     {hearing(1, 2, 3), `3 of 3 are never answered: "ask"`},
		"refused":            {[]string{`no {"reason":"NOT_IMPLEMENTED"}`}, ErrNotBuilt.Error()},
		"something else":     {[]string{"what"}, `nobody knows what "what" is for`},
	} {
		t.Run(name, func(t *testing.T) {
			s := answering(t, func(int) []string { return c.say })
			// The server's greeting is the whole introduction, so that it returns at once.
			crowd, spent, err := Return(t.Context(), s.listener.Addr().String(), Protocol{Path: "/", Script: []Step{{Hear: "hello"}}},
				clients, nil, burst, 300*time.Millisecond, noCPU)
			if err == nil {
				defer crowd.Close()
				// What comes behind the last answer is heard with the next.
				_, err = crowd.Burst(t.Context(), burst, 300*time.Millisecond, noCPU)
			}
			if c.want == "" && (err != nil || spent.Took <= 0 || spent.Bytes != clients*len(strings.Join(c.say, "")) || string(spent.Answer) != c.say[len(c.say)-1]) {
				t.Errorf("%+v, %v", spent, err)
			}
			if c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%v is no error with %q", err, c.want)
			}
			if (name == "refused") != errors.Is(err, ErrNotBuilt) {
				t.Errorf("%v: not built is %t", err, errors.Is(err, ErrNotBuilt))
			}
		})
	}
}

func TestMembersAreReadPageByPage(t *testing.T) {
	page := func(users, rest string) string { return `435[{"ok":true,"members":[` + users + `]` + rest + `}]` }
	const ann, bob = `{"userId":"ann","sessions":1,"since":"2026-11-24T10:00:00Z"}`, `{"userId":"bob","sessions":1,"since":"2026-11-24T10:00:00Z"}`
	for _, c := range []struct {
		answer, cursor string
		n              int
	}{
		{page("", ""), "", 0},
		{page(ann+","+bob, `,"anonymous":0`), "", 2},
		{page(ann, `,"anonymous":0,"cursor":"ann"`), "ann", 1},
	} {
		if n, cursor, err := hubMembers([]byte(c.answer)); n != c.n || cursor != c.cursor || err != nil {
			t.Errorf("%s: %d, %q, %v", c.answer, n, cursor, err)
		}
	}
	if _, _, err := hubMembers([]byte(page(strings.Replace(ann, "1", "2", 1), ""))); err == nil {
		t.Error("a user with two sessions is one session")
	}
	if n, _, err := centrifugeMembers([]byte(`{"id":7,"presence_stats":{"num_clients":12,"num_users":1}}`)); n != 12 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if _, _, err := centrifugeMembers([]byte(`{"id":7,"presence_stats":{}}`)); err == nil {
		t.Error("no number is a number")
	}
}

func TestAKeptMessageHasItsNumberAndItsLength(t *testing.T) {
	for _, n := range []int{1, 12_345_678} {
		if m := control.Kept(n); len(m) != control.MessageBytes {
			t.Errorf("%s has %d bytes", m, len(m))
		}
	}
}
