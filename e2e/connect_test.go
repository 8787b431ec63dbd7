package e2e_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"
)

func TestHubReadyIsTheFirstEvent(t *testing.T) {
	h := common.get(t)
	end := time.Now().Add(time.Hour).Truncate(time.Second)
	each(t, func(t *testing.T, m mode) {
		for _, c := range []struct{ name, token, want string }{
			{"anonymous", "", `{"session":%q,"roles":[],"limits":{"maxPayloadBytes":65536,"maxSubscriptions":128}}`},
			{"known", until(t, "user_1", end), `{"session":%q,"userId":"user_1","roles":[],"expiresAt":"` + end.UTC().Format(time.RFC3339) +
				`","limits":{"maxPayloadBytes":65536,"maxSubscriptions":128}}`},
		} {
			t.Run(c.name, func(t *testing.T) {
				c, want := dial(t, h.url, m, as(c.token)), c.want
				var me struct{ ID, Transport string }
				decode(t, string(c.next(connected).arg(0)), &me)
				e := c.first()
				if e.name != "hub:ready" || len(e.args) != 1 {
					t.Fatalf("the first event is %s", e)
				}
				if m.version == old { // its id is its own: CONNECT did not tell it the session's
					decode(t, string(field(t, e.arg(0), "session")), &me.ID)
				}
				same(t, "hub:ready", string(e.arg(0)), fmt.Sprintf(want, me.ID))
				if m.transports == nil {
					same(t, "the upgrade", string(c.next(upgraded).arg(0)), `"websocket"`)
				} else if me.Transport != m.name {
					t.Errorf("connected by %s", me.Transport)
				}
			})
		}
	})
}

func TestRolesAreToldToTheirSession(t *testing.T) {
	h := common.get(t)
	c := dial(t, h.url, modern, as(token(t, "user_2", "editor", "chief")))
	var ready struct {
		UserID string `json:"userId"`
		Roles  []string
	}
	decode(t, string(c.ready().arg(0)), &ready)
	if ready.UserID != "user_2" || fmt.Sprint(ready.Roles) != "[editor chief]" {
		t.Errorf("hub:ready tells %+v", ready)
	}
}

func TestAcksAreWhatTheContractSays(t *testing.T) {
	h := common.get(t)
	each(t, func(t *testing.T, m mode) {
		c := h.connect(t, m, options{})
		r := room()
		ok := fmt.Sprintf(`{"ok":true,"channel":%q}`, r)
		object := map[string]any{"channel": r}
		for _, step := range []struct {
			event string
			arg   any
		}{
			{"hub:subscribe", r},
			{"hub:subscribe", object}, // twice changes nothing
			{"hub:unsubscribe", r},
			{"hub:unsubscribe", object}, // nor does leaving twice
			{"hub:subscribe", object},
			{"hub:unsubscribe", object},
		} {
			same(t, fmt.Sprint("the ack of ", step.event, step.arg), c.ack(step.event, step.arg), ok)
		}
		// A request without an ack that succeeds is not answered.
		c.emit("hub:subscribe", r)
		h.silence(t, c, "hub:error", r)
		h.broadcast(t, r, `{"n":1}`)
		c.next(r)
	})
}

func TestSubscribingTwiceDeliversOnce(t *testing.T) {
	h := common.get(t)
	c := h.connect(t, modern, options{})
	r := room()
	c.subscribe(r)
	c.subscribe(r)
	h.broadcast(t, r, `{}`)
	c.next(r)
	h.silence(t, c, r)
	c.ack("hub:unsubscribe", r)
	h.broadcast(t, r, `{}`)
	h.silence(t, c, r)
}

func TestClientComesBackAfterItsTransportBroke(t *testing.T) {
	h := common.get(t)
	each(t, func(t *testing.T, m mode) {
		cable := plug(t, h.addresses.HTTP)
		r := room()
		c := dial(t, cable.url, m, options{reconnect: true, subscribe: []string{r}})
		c.ready()
		c.next(subscribed)
		if m.transports == nil {
			c.next(upgraded)
		}
		h.broadcast(t, r, `{"n":1}`)
		same(t, "the first message", string(c.next(r).arg(0)), `{"n":"1","text":""}`)
		before := c.session

		cable.cut()
		c.lost()
		cable.mend()
		c.ready()
		if c.session == before {
			t.Error("a new session has the old one's id")
		}
		same(t, "the ack", string(c.next(subscribed).arg(0)), fmt.Sprintf(`{"ok":true,"channel":%q}`, r))
		h.broadcast(t, r, `{"n":2}`)
		same(t, "the second message", string(c.next(r).arg(0)), `{"n":"2","text":""}`)
		h.silence(t, c, r)
	})
}

// Many clients that come at once are all answered: a CONNECT or a probe that
// meets a server which is not listening yet would be lost.
func TestManyClientsComeAtOnce(t *testing.T) {
	h := common.get(t)
	each(t, func(t *testing.T, m mode) {
		r := room()
		clients := make([]*client, 25)
		for i := range clients {
			clients[i] = dial(t, h.url, m, options{subscribe: []string{r}})
		}
		for _, c := range clients {
			c.ready()
			c.next(subscribed)
			if m.transports == nil {
				c.next(upgraded)
			}
		}
		id, _ := json.Marshal(map[string]string{"id": h.broadcast(t, r, `{}`).GetId()})
		for _, c := range clients {
			same(t, "meta", string(c.next(r).arg(1)), string(id))
		}
	})
}
