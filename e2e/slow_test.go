//go:build linux

package e2e_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/realtime-hub/hub/hub/server"
)

// laggard is a session on a narrow line that reads when the test wants it to.
type laggard struct {
	*light
	t *testing.T
}

func (h *testHub) laggard(t *testing.T, channel string) laggard {
	t.Helper()
	s, err := plugIn(h.addresses.HTTP, narrow)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	l, err := joinByWebSocket(s)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.request("hub:subscribe", channel); err != nil {
		t.Fatal(err)
	}
	if answer, err := l.next(); err != nil || !strings.Contains(answer, `"ok":true`) {
		t.Fatalf("hub:subscribe is answered by %q, %v", answer, err)
	}
	return laggard{l, t}
}

// next is the next event, its name and its first argument.
func (l laggard) next() (name string, argument json.RawMessage) {
	l.t.Helper()
	packet, err := l.light.next()
	if err != nil {
		l.t.Fatal(err)
	}
	var event []json.RawMessage
	decode(l.t, strings.TrimPrefix(packet, "2"), &event)
	decode(l.t, string(event[0]), &name)
	return name, event[1]
}

// number is a message's n.
func (l laggard) number(message json.RawMessage) (n int) {
	l.t.Helper()
	decode(l.t, string(field(l.t, message, "n")), &n)
	return n
}

// has tells whether there is a metric of the name, labels included.
func (h *testHub) has(t *testing.T, name string) bool {
	t.Helper()
	res, err := http.Get("http://" + h.addresses.Ops + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Contains(string(body), "\n"+name+" ")
}

// flood broadcasts until the metric says that something was skipped, and is
// the last message's number.
func (h *testHub) flood(t *testing.T, channel, reason string) (last int) {
	t.Helper()
	text := strings.Repeat("x", 4000)
	for n := 1; n < 10_000; n++ {
		h.broadcast(t, channel, fmt.Sprintf(`{"n":%d,"text":%q}`, n, text))
		if n%20 == 0 && h.has(t, `hub_wire_skipped_total{reason="`+reason+`"}`) {
			return n
		}
	}
	t.Fatal("10,000 messages waited, and none was skipped")
	return 0
}

func narrowHub(t *testing.T) *testHub {
	t.Helper()
	return startHub(t, func(cfg *server.Config) { cfg.Limits.MaxBacklogBytes = 256 << 10 })
}

// A channel of SLOW_DROP: what fits arrives in order, then the gap is told, and
// the session goes on.
func TestASlowBrowserIsToldWhatItMissed(t *testing.T) {
	h := narrowHub(t)
	r := "e2e.dropped." + unique()
	l := h.laggard(t, r)
	last := h.flood(t, r, "drop")
	seen := 0
	for {
		name, argument := l.next()
		if name == "hub:gap" {
			same(t, "hub:gap", string(argument), `{"channel":`+quoted(r)+`,"reason":"SLOW"}`)
			break
		}
		if n := l.number(argument); n != seen+1 {
			t.Fatalf("after %d comes %d, before the gap is told", seen, n)
		}
		seen++
	}
	if seen == 0 || seen >= last {
		t.Errorf("%d of %d messages came, and a gap was told", seen, last)
	}
	h.broadcast(t, r, `{"n":77777}`)
	if _, argument := l.next(); l.number(argument) != 77777 {
		t.Errorf("after the gap comes %s", argument)
	}
}

// Where the channel keeps history, the gap says from where on it was missed.
func TestWhatASlowBrowserMissedIsInTheHistory(t *testing.T) {
	h := narrowHub(t)
	r := "e2e.leaky." + unique()
	l := h.laggard(t, r)
	h.flood(t, r, "drop")
	seen := 0
	for {
		name, argument := l.next()
		if name != "hub:gap" {
			seen = l.number(argument)
			continue
		}
		var gap struct{ Position position }
		decode(t, string(argument), &gap)
		since, _ := json.Marshal(gap.Position)
		if err := l.say(fmt.Sprintf(`429["hub:history",{"channel":%q,"since":%s,"limit":1}]`, r, since)); err != nil {
			t.Fatal(err)
		}
		answer, err := l.light.next()
		if err != nil || !strings.Contains(answer, fmt.Sprintf(`"payload":{"n":%d,`, seen+1)) {
			t.Errorf("after %d comes %.200s, %v", seen, answer, err)
		}
		return
	}
}

// A channel of SLOW_LATEST: what comes is in order, the last of it always
// comes, and nothing is said of what it replaced.
func TestASlowBrowserGetsTheLatest(t *testing.T) {
	h := narrowHub(t)
	r := "e2e.latest." + unique()
	l := h.laggard(t, r)
	last := h.flood(t, r, "latest")
	seen, count := 0, 0
	for seen < last {
		name, argument := l.next()
		if name != r {
			t.Fatalf("%s%s must not come", name, argument)
		}
		n := l.number(argument)
		if n <= seen {
			t.Fatalf("after %d comes %d", seen, n)
		}
		seen = n
		count++
	}
	if count >= last {
		t.Errorf("all of %d messages came: none was replaced", last)
	}
}
