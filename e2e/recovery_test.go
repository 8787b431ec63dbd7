package e2e_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
)

// position is one as browsers have it.
type position struct {
	Epoch  string `json:"epoch"`
	Offset string `json:"offset"`
}

// resumption is hub:subscribe's ack.
type resumption struct {
	OK        bool
	Position  *position
	Recovered *bool
	Reason    string
	Replayed  *int
}

// resume subscribes since a position.
func (c *client) resume(channel string, since *position) resumption {
	c.t.Helper()
	var j resumption
	decode(c.t, c.ack("hub:subscribe", object{"channel": channel, "since": since}), &j)
	if !j.OK || j.Recovered == nil || j.Replayed == nil || j.Position == nil || *j.Recovered != (j.Reason == "") {
		c.t.Fatalf("the ack is %+v", j)
	}
	return j
}

// begin subscribes without a position.
func (c *client) begin(channel string) resumption {
	c.t.Helper()
	var j resumption
	decode(c.t, c.ack("hub:subscribe", channel), &j)
	if !j.OK || j.Position == nil || j.Recovered != nil || j.Replayed != nil {
		c.t.Errorf("without a position the ack is %+v", j)
	}
	return j
}

// number is a story's n, and its position.
func (e event) number(t *testing.T) (n int, at *position) {
	t.Helper()
	var payload struct{ N int }
	var meta struct{ Position *position }
	decode(t, string(e.arg(0)), &payload)
	decode(t, string(e.arg(1)), &meta)
	if meta.Position == nil {
		t.Fatalf("%s has no position", e)
	}
	return payload.N, meta.Position
}

func (h *testHub) tell(t *testing.T, channel string, from, to int) {
	t.Helper()
	for n := from; n < to; n++ {
		if at := h.broadcast(t, channel, fmt.Sprintf(`{"n":%d}`, n)).GetPosition(); at.GetEpoch() == "" || at.GetOffset() == 0 {
			t.Fatalf("the backend hears the position %v", at)
		}
	}
}

// hears that the numbers come, each once and in order.
func (c *client) hears(channel string, from, to int) (last *position) {
	c.t.Helper()
	for n := from; n < to; n++ {
		got, at := c.next(channel).number(c.t)
		if got != n {
			c.t.Fatalf("%d came instead of %d", got, n)
		}
		last = at
	}
	return last
}

// A phone leaves the tunnel: what it missed comes before the ack, and what is
// live after it.
func TestWhatWasMissedIsReplayed(t *testing.T) {
	h := common.get(t)
	each(t, func(t *testing.T, m mode) {
		cable, story := plug(t, h.addresses.HTTP), "e2e.story."+unique()
		c := dial(t, cable.url, m, options{reconnect: true})
		c.ready()
		c.begin(story)
		if m.transports == nil {
			c.next(upgraded)
		}
		h.tell(t, story, 0, 3)
		last := c.hears(story, 0, 3)
		cable.cut()
		c.lost()
		h.tell(t, story, 3, 40)
		cable.mend()
		c.ready()
		back := c.resume(story, last)
		if !*back.Recovered || *back.Replayed != 37 {
			t.Errorf("the ack is %+v", back)
		}
		if !c.has(story) {
			t.Error("nothing had come when the ack did")
		}
		if last = c.hears(story, 3, 40); *last != *back.Position {
			t.Errorf("the last is at %v, the ack says %v", last, back.Position)
		}
		h.tell(t, story, 40, 43)
		last = c.hears(story, 40, 43)

		c.ack("hub:unsubscribe", story)
		if again := c.resume(story, last); !*again.Recovered || *again.Replayed != 0 {
			t.Errorf("nothing was missed, and the ack is %+v", again)
		}
		h.silence(t, c, story)
	})
}

func TestWhatCannotBeRecoveredIsSaid(t *testing.T) {
	h := common.get(t)
	story := "e2e.story." + unique()
	c := h.connect(t, modern, options{})
	h.tell(t, story, 0, 1)
	start := c.begin(story)
	c.ack("hub:unsubscribe", story)
	h.tell(t, story, 1, 302)
	for _, test := range []struct {
		since  position
		reason string
	}{
		{position{"another", "1"}, "EPOCH_CHANGED"},
		{position{start.Position.Epoch, "99999999"}, "EPOCH_CHANGED"},
		{*start.Position, "TOO_MANY"},
	} {
		if got := c.resume(story, &test.since); got.Reason != test.reason || *got.Replayed != 0 {
			t.Errorf("since %v: %+v, want %s", test.since, got, test.reason)
		}
		c.ack("hub:unsubscribe", story)
	}
	h.silence(t, c, story)
	c.refused("hub:subscribe", object{"channel": room(), "since": start.Position}).want(t, "NOT_ENABLED")
	c.refused("hub:subscribe", object{"channel": story, "since": object{"offset": "x"}}).want(t, "REQUEST_INVALID")
}

// Another hub's history is another history: who comes back to it is told.
func TestAHubThatWasRestartedRecoversNothing(t *testing.T) {
	story := "e2e.story." + unique()
	before := startHub(t)
	c := before.connect(t, modern, options{})
	c.begin(story)
	before.tell(t, story, 0, 2)
	last := c.hears(story, 0, 2)
	after := startHub(t)
	after.tell(t, story, 0, 5)
	if got := after.connect(t, modern, options{}).resume(story, last); *got.Recovered || got.Reason != "EPOCH_CHANGED" {
		t.Errorf("the ack is %+v", got)
	}
}

// A replay larger than a backlog may be ends nobody.
func TestALargeReplayIsNoSlowBrowser(t *testing.T) {
	h := narrowHub(t)
	each(t, func(t *testing.T, m mode) {
		c := h.connect(t, m, options{})
		story := "e2e.story." + unique()
		start := c.begin(story)
		c.ack("hub:unsubscribe", story)
		const number = 200
		text := strings.Repeat("x", 10_000)
		for n := range number {
			h.broadcast(t, story, fmt.Sprintf(`{"n":%d,"text":%q}`, n, text))
		}
		if got := c.resume(story, start.Position); !*got.Recovered || *got.Replayed != number {
			t.Errorf("the ack is %+v", got)
		}
		c.hears(story, 0, number)
	})
}

func TestHistoryIsReadPageByPage(t *testing.T) {
	h := common.get(t)
	story := "e2e.story." + unique()
	c := h.connect(t, modern, options{})
	var page struct {
		OK       bool
		Channel  string
		Position position
		Messages []struct {
			Payload json.RawMessage
			Meta    struct {
				ID       string
				Position *position
			}
		}
	}
	decode(t, c.ack("hub:history", story), &page)
	if !page.OK || page.Channel != story || page.Position.Epoch == "" || page.Messages == nil || len(page.Messages) > 0 {
		t.Errorf("of an empty channel: %+v", page)
	}
	h.tell(t, story, 0, 25)
	next := 0
	for since := (*position)(nil); next < 25; {
		request := object{"channel": story, "limit": 10}
		if since != nil {
			request["since"] = since
		}
		decode(t, c.ack("hub:history", request), &page)
		if len(page.Messages) == 0 {
			t.Fatalf("after %d comes nothing", next)
		}
		for _, m := range page.Messages {
			same(t, "a payload", string(m.Payload), fmt.Sprintf(`{"n":%d,"text":""}`, next))
			since = m.Meta.Position
			next++
		}
	}
	if *page.Messages[len(page.Messages)-1].Meta.Position != page.Position {
		t.Errorf("the last is not at %v", page.Position)
	}
	c.refused("hub:history", object{"channel": story, "since": position{"another", "1"}}).want(t, "POSITION_UNRECOVERABLE")
	c.refused("hub:history", room()).want(t, "NOT_ENABLED")

	list, err := h.admin.ListHistory(t.Context(), &hubv1.ListHistoryRequest{Channel: story, Limit: 5})
	if err != nil || len(list.GetMessages()) != 5 || list.GetMessages()[4].GetJson() != `{"n":4,"text":""}` || list.GetPosition().GetEpoch() != page.Position.Epoch {
		t.Errorf("the operator sees %v, %v", list, err)
	}
}
