// Package samples holds four judges of a payload to each other: a hub's door for
// backends and its door for browsers, Go's protovalidate, and TypeScript's. The
// payloads are those that hub/schema/sample makes of every channel of the example,
// and of protos that have every kind of rule there is: each rule is broken once.
package samples_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/realtime-hub/hub/hub/hubtest"
	"github.com/realtime-hub/hub/hub/schema"
	"github.com/realtime-hub/hub/hub/schema/sample"
)

const (
	every = "../../hub/schema/sample/testdata"
	blog  = "../../examples/blog/proto"
)

func TestMain(m *testing.M) {
	_, noNode := exec.LookPath("node")
	_, noModules := os.Stat("../node_modules")
	if err := errors.Join(noNode, noModules); err != nil {
		if os.Getenv("CI") == "true" || os.Getenv("HUB_E2E") == "required" {
			fmt.Fprintln(os.Stderr, "samples:", err)
			os.Exit(1)
		}
		fmt.Println("samples: skipped:", err)
		return
	}
	goleak.VerifyTestMain(m)
}

// names are the concrete names of the templates.
var names = map[string]string{
	"blog.article.{article_id}.viewers": "blog.article.1.viewers",
	"blog.board.{board_id}.cursor":      "blog.board.b.cursor",
	"blog.notifications.{user_id}":      "blog.notifications.user_42",
}

// said is a message on a channel, one way or the other, and its samples.
type said struct {
	channel string // concrete
	inbound bool
	message *schema.Message
	cases   []sample.Case
}

func (s said) String() string {
	if s.inbound {
		return "browser → " + s.channel
	}
	return "backend → " + s.channel
}

// made is everything that may be said, once for all tests.
var made = sync.OnceValues(func() (out []said, err error) {
	r := schema.New(schema.Config{})
	if _, err := r.Load(context.Background(), every, blog); err != nil {
		return nil, err
	}
	add := func(c *schema.Channel, m *schema.Message, inbound bool) {
		set, failed := sample.Of(context.Background(), m.Descriptor(), sample.Config{})
		if _, ok := set.Passing(); !ok && failed == nil {
			failed = errors.New("nothing passes")
		}
		for _, u := range set.Untested {
			failed = errors.Join(failed, errors.New(u.String()))
		}
		if failed != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", m.Name(), failed))
		}
		out = append(out, said{cmp.Or(names[c.Name()], c.Name()), inbound, m, set.Cases})
	}
	for _, c := range r.Snapshot().Channels() {
		add(c, c.Payload, false)
		if c.Inbound != nil {
			add(c, c.Inbound.Message, true)
		}
	}
	return out, err
})

func all(t *testing.T) []said {
	t.Helper()
	everything, err := made()
	if err != nil {
		t.Fatal(err)
	}
	return everything
}

// verdict is what a judge says of a payload: the fields and rules that it breaks, in
// order; none where it passes. Another error than broken rules is a text of its own.
type verdict string

func verdictOf(broken ...string) verdict {
	slices.Sort(broken)
	return verdict(strings.Join(broken, "; "))
}

func broken(field, rule string) string { return strings.TrimSpace(field + " " + rule) }

// wanted is what the sample was made for. Fields are in JSON names at a hub, and in
// the proto's elsewhere.
func wanted(c sample.Case, field string) verdict {
	if c.Accepted {
		return ""
	}
	return verdictOf(broken(field, c.Rule))
}

// unlike are payloads that a judge sees differently, by message and name, and why. One that is not met any more fails the test: then it is to be taken out.
type unlike map[string]string

type differences struct {
	t     *testing.T
	known unlike
	met   map[string]bool
}

func compare(t *testing.T, known unlike) *differences {
	d := &differences{t: t, known: known, met: map[string]bool{}}
	t.Cleanup(func() {
		for key, why := range known {
			if !d.met[key] {
				t.Errorf("%s differs no more, take it out of the list: %s", key, why)
			}
		}
	})
	return d
}

func (d *differences) check(s said, c sample.Case, got, want verdict) {
	if got == want {
		return
	}
	key := fmt.Sprintf("%s %s", s.message.Name(), c.Name)
	if d.known[key] != "" {
		d.met[key] = true
		return
	}
	d.t.Errorf("%s: %s: %.200s\nshould break %q, not %q", s, c.Name, c.JSON, want, got)
}

func TestABackendsDoorJudgesAsMeant(t *testing.T) {
	h := hubtest.Start(t, hubtest.Channels(every, blog))
	backend, d := broadcasting(t, h), compare(t, nil)
	for _, s := range all(t) {
		if s.inbound {
			continue
		}
		for _, c := range s.cases {
			d.check(s, c, backend(s.channel, c.JSON), wanted(c, c.Field))
		}
	}
}

func TestABrowsersDoorJudgesAsMeant(t *testing.T) {
	h := hubtest.Start(t, hubtest.Channels(every, blog))
	everything, d := all(t), compare(t, nil)
	serve(t, h, everything)
	browser := h.Browser(t, hubtest.As("user_42", "editor"))
	for _, s := range everything {
		if !s.inbound {
			continue
		}
		for _, c := range s.cases {
			_, err := browser.Emit(s.channel, json.RawMessage(c.JSON))
			d.check(s, c, refusal(err), wanted(c, c.Field))
		}
	}
}

func TestGoJudgesAsMeant(t *testing.T) {
	everything, d := all(t), compare(t, nil)
	judge := newGoJudge(t, descriptors(t, everything))
	for _, s := range everything {
		for _, c := range s.cases {
			d.check(s, c, judge(s.message.Name(), c.JSON), wanted(c, c.Path))
		}
	}
}

// What @bufbuild/protovalidate 1.3.0 says otherwise than buf.build/go/protovalidate v1.4.0,
// which the hub has.
var typescriptsOwn = unlike{
	// Here TypeScript says what the rule says as validate.proto writes it in CEL; Go has code of its own.
	"every.v1.Formats looseValue: empty": "Go holds a loose header value to the pattern of a loose header name, which wants one character",
	`every.v1.Formats headerName: "a,b"`: "Go's pattern of a header name has no comma; in validate.proto `+-.` is a range, and the comma in it",
	// Not a rule's: it is not read.
	"every.v1.Old defined: the number 3, which has no name": "TypeScript reads no number without a name into a closed enum, Go does",
}

func TestTypeScriptJudgesAsMeant(t *testing.T) {
	everything, d := all(t), compare(t, typescriptsOwn)
	verdicts := typescript(t, descriptors(t, everything), everything)
	for i, s := range everything {
		for j, c := range s.cases {
			d.check(s, c, verdicts[i][j], wanted(c, c.Path))
		}
	}
}
