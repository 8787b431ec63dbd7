package e2e_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/realtime-hub/hub/hub/server"
)

// witness is a client that has nothing to do with what others do wrong.
type witness struct {
	h    *testHub
	c    *client
	room string
}

// witness connects before something bad happens.
func (h *testHub) witness(t *testing.T) witness {
	t.Helper()
	w := witness{h: h, c: h.connect(t, modern, options{}), room: room()}
	w.c.subscribe(w.room)
	return w
}

// well proves that it harmed neither the witness nor who comes after.
func (w witness) well(t *testing.T) {
	t.Helper()
	late := w.h.connect(t, modern, options{})
	late.subscribe(w.room)
	w.h.broadcast(t, w.room, `{"text":"still here"}`)
	for _, c := range []*client{w.c, late} {
		same(t, "what a bystander gets", string(c.next(w.room).arg(0)), `{"n":"0","text":"still here"}`)
		c.none(disconnected, "hub:ended", "hub:error")
	}
}

// object is a JSON object.
type object = map[string]any

func TestBadRequestsAreAnswered(t *testing.T) {
	h := common.get(t)
	blank := violation{Field: "channel", Rule: "string.min_bytes"}
	bytes := object{"$bytes": "aGVsbG8="}
	here := "e2e.room.bad"
	requests := []struct {
		event      string
		args       []any
		reason     string
		violations []violation
	}{
		{"hub:subscribe", nil, "REQUEST_INVALID", nil},
		{"hub:subscribe", []any{nil}, "REQUEST_INVALID", nil},
		{"hub:subscribe", []any{1}, "REQUEST_INVALID", nil},
		{"hub:subscribe", []any{true}, "REQUEST_INVALID", nil},
		{"hub:subscribe", []any{[]string{here}}, "REQUEST_INVALID", nil},
		{"hub:subscribe", []any{here, here}, "REQUEST_INVALID", nil},
		{"hub:subscribe", []any{object{"channel": 1}}, "REQUEST_INVALID", nil},
		{"hub:subscribe", []any{object{"channel": here, "chanel": here}}, "REQUEST_INVALID", nil},
		{"hub:subscribe", []any{object{"channel": here, "since": "x"}}, "REQUEST_INVALID", nil},
		{"hub:subscribe", []any{object{"channel": here, "since": object{"epoch": "e", "offset": -1}}}, "REQUEST_INVALID", nil},
		{"hub:subscribe", []any{object{"channel": here, "since": object{"offset": "1"}}}, "REQUEST_INVALID", []violation{{Field: "since.epoch", Rule: "string.min_bytes"}}},
		{"hub:subscribe", []any{object{}}, "REQUEST_INVALID", []violation{blank}},
		{"hub:subscribe", []any{""}, "REQUEST_INVALID", []violation{blank}},
		{"hub:subscribe", []any{bytes}, "REQUEST_INVALID", nil},
		{"hub:subscribe", []any{object{"channel": here, "more": []any{bytes, bytes}}}, "REQUEST_INVALID", nil},
		{"hub:unsubscribe", nil, "REQUEST_INVALID", nil},
		{"hub:unsubscribe", []any{object{"channel": here, "since": nil, "x": 1}}, "REQUEST_INVALID", nil},
		{"hub:presence", nil, "REQUEST_INVALID", nil},
		{"hub:presence", []any{object{"channel": "e2e.kept", "limit": 1001}}, "REQUEST_INVALID", []violation{{Field: "limit", Rule: "uint32.lte"}}},
		{"hub:history", []any{object{"channel": "e2e.kept", "limit": -1}}, "REQUEST_INVALID", nil},
		{"hub:refresh", nil, "REQUEST_INVALID", nil},
		{"hub:refresh", []any{object{}}, "REQUEST_INVALID", []violation{{Field: "token", Rule: "string.min_bytes"}}},
		{"hub:nothing", []any{here}, "REQUEST_INVALID", nil},
		{"hub:", nil, "REQUEST_INVALID", nil},
		{"hub:ready", []any{object{}}, "REQUEST_INVALID", nil},

		{"hub:subscribe", []any{object{"channel": here, "since": object{"epoch": "e"}}}, "NOT_ENABLED", nil},
		{"hub:presence", []any{object{"channel": here}}, "NOT_ENABLED", nil},
		{"hub:history", []any{object{"channel": here}}, "NOT_ENABLED", nil},
		{"hub:presence", []any{object{"channel": "e2e.kept", "cursor": strings.Repeat("x", 257)}}, "REQUEST_INVALID", []violation{{Field: "cursor", Rule: "string.max_bytes"}}},
		{"hub:presence", []any{object{"channel": "e2e.kept.members"}}, "CREDENTIALS_REQUIRED", nil},
		{"hub:history", []any{object{"channel": "e2e.kept", "since": object{"epoch": "e", "offset": "1"}}}, "POSITION_UNRECOVERABLE", nil},
		{"hub:refresh", []any{object{"token": "x"}}, "CREDENTIALS_INVALID", nil},

		{here, []any{object{"text": "x"}}, "INBOUND_NOT_ACCEPTED", nil},
		{here, []any{bytes}, "REQUEST_INVALID", nil},
		{"e2e.members", []any{object{"text": "x"}}, "INBOUND_NOT_ACCEPTED", nil},
		{"e2e.board.b1.cursor", []any{object{"x": 1}}, "NO_WORKER", nil},
		{"e2e.talk", []any{object{"text": "x"}, object{"id": "1"}}, "NO_WORKER", nil},
		{"e2e.nothing", []any{object{}}, "CHANNEL_UNKNOWN", nil},
		{"chat message", []any{"hello"}, "CHANNEL_NAME_INVALID", nil},
		{"message", nil, "CHANNEL_NAME_INVALID", nil},
		{"", nil, "CHANNEL_NAME_INVALID", nil},
		{strings.Repeat("x", 10_000), nil, "CHANNEL_NAME_INVALID", nil},
	}
	each(t, func(t *testing.T, m mode) {
		w := h.witness(t)
		c := h.connect(t, m, options{})
		for _, r := range requests {
			t.Run(fmt.Sprintf("%.20s %.60s", r.event, fmt.Sprint(r.args...)), func(t *testing.T) {
				c.t = t
				c.refused(r.event, r.args...).want(t, r.reason, r.violations...)
			})
		}
		c.t = t
		// None of them joined anything, told anyone, or ended the session.
		for _, channel := range []string{here, "e2e.talk", "e2e.kept"} {
			h.broadcast(t, channel, `{"text":"x"}`)
		}
		h.silence(t, c, here, "e2e.talk", "e2e.kept", "hub:error", "hub:ended", disconnected)
		w.well(t)
	})
}

// A request that fails without an ack is told by hub:error, at most one a
// second per channel; none is left out of the count.
func TestFailuresWithoutAnAckAreToldAndCounted(t *testing.T) { //nolint:tparallel // its subtests are, inside of each
	t.Parallel()
	h := common.get(t)
	each(t, func(t *testing.T, m mode) {
		t.Parallel()
		c := h.connect(t, m, options{})
		type told struct {
			Event, Channel string
			Count          uint
		}
		next := func() (failure, told) {
			e := c.next("hub:error")
			var got told
			decode(t, string(e.arg(0)), &got)
			return failureOf(t, field(t, e.arg(0), "error")), got
		}
		first := time.Now()
		c.emit("hub:subscribe", "e2e.members")
		f, got := next()
		f.want(t, "CREDENTIALS_REQUIRED")
		if got != (told{"hub:subscribe", "e2e.members", 1}) {
			t.Errorf("hub:error tells %+v", got)
		}
		// Another channel has its own second, and so has what is about none.
		c.emit("e2e.nothing", object{})
		f, got = next()
		f.want(t, "CHANNEL_UNKNOWN")
		if got != (told{"e2e.nothing", "e2e.nothing", 1}) {
			t.Errorf("hub:error tells %+v", got)
		}
		c.emit("hub:nothing", object{"$bytes": "aGVsbG8="})
		f, got = next()
		f.want(t, "REQUEST_INVALID")
		if got != (told{"hub:nothing", "", 1}) {
			t.Errorf("hub:error tells %+v", got)
		}
		// The first fails five times more, and then never again: the rest is told
		// all the same, when the second is over. A slow machine may need two.
		const sent = 5
		for range sent {
			c.emit("hub:history", "e2e.members")
		}
		for told := uint(0); told < sent; {
			f, got = next()
			f.want(t, "CREDENTIALS_REQUIRED")
			if since := time.Since(first); since < time.Second || since > 5*time.Second {
				t.Errorf("told again after %s", since)
			}
			if told += got.Count; got.Event != "hub:history" || got.Channel != "e2e.members" || got.Count == 0 || told > sent {
				t.Errorf("hub:error tells %+v of %d failures", got, sent)
			}
		}
		h.silence(t, c, "hub:error", "e2e.members", disconnected)
	})
}

func TestASessionHasAsManySubscriptionsAsItMay(t *testing.T) {
	h := startHub(t, func(cfg *server.Config) { cfg.Limits.MaxSubscriptions = 3 })
	each(t, func(t *testing.T, m mode) {
		c := dial(t, h.url, m, options{})
		same(t, "the limits", string(field(t, c.ready().arg(0), "limits")), `{"maxPayloadBytes":65536,"maxSubscriptions":3}`)
		rooms := []string{room(), room(), room(), room()}
		for _, r := range rooms[:3] {
			c.subscribe(r)
		}
		c.refused("hub:subscribe", rooms[3]).want(t, "TOO_MANY_SUBSCRIPTIONS")
		c.subscribe(rooms[0]) // again is not one more
		h.broadcast(t, rooms[3], `{}`)
		c.ack("hub:unsubscribe", rooms[0])
		h.silence(t, c, rooms[3]) // takes the free place
		c.refused("hub:subscribe", rooms[3]).want(t, "TOO_MANY_SUBSCRIPTIONS")
	})
}

func TestOtherNamespacesAreRefused(t *testing.T) {
	h := common.get(t)
	each(t, func(t *testing.T, m mode) {
		w := h.witness(t)
		for _, namespace := range []string{"/admin", "/e2e.room.ab", "/" + strings.Repeat("x", 100)} {
			connectFailure(t, dial(t, h.url, m, options{namespace: namespace})).want(t, "REQUEST_INVALID")
			connectFailure(t, dial(t, h.url, m, options{namespace: namespace, auth: object{"token": token(t, "user_1")}})).want(t, "REQUEST_INVALID")
		}
		w.well(t)
	})
}
