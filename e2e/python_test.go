package e2e_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/realtime-hub/hub/hub/server"
)

// eachPython runs a test for both of python-socketio's clients, by every
// transport. Their upgrade is done before they say CONNECT.
func eachPython(t *testing.T, test func(t *testing.T, m mode)) {
	t.Helper()
	python.get(t)
	for _, kind := range []string{"sync", "async"} {
		for _, m := range transports(kind) {
			t.Run(kind+"/"+m.name, func(t *testing.T) { test(t, m) })
		}
	}
}

func TestPythonListens(t *testing.T) {
	eachPython(t, func(t *testing.T, m mode) {
		const count = 200
		h := startHub(t)
		r := room()
		p := dialBy(t, python.get(t), h.url, m, as(token(t, "user_1", "editor")), nil)

		var me struct{ ID, Transport string }
		decode(t, string(p.next(connected).arg(0)), &me)
		if m.transports == nil && me.Transport != "websocket" || m.transports != nil && me.Transport != m.name {
			t.Errorf("connected by %s", me.Transport)
		}
		ready := p.ready()
		same(t, "who it is", string(field(t, ready.arg(0), "userId")), `"user_1"`)
		same(t, "its roles", string(field(t, ready.arg(0), "roles")), `["editor"]`)
		if p.session != me.ID {
			t.Errorf("the session is %s, its client says %s", p.session, me.ID)
		}

		p.subscribe(r)
		p.subscribe("e2e.mail.user_1")
		p.refused("hub:subscribe", "e2e.mail.user_2").want(t, "SCOPE_DENIED")
		// All at once: it takes 16 packets of a poll at most, and leaves when
		// there are more.
		var got, want []int
		for n := range count {
			h.broadcast(t, r, fmt.Sprintf(`{"n":%d,"text":"größer 👩‍👩‍👧"}`, n))
			want = append(want, n)
		}
		for range count {
			e := p.next(r)
			same(t, "the text", string(field(t, e.arg(0), "text")), `"größer 👩‍👩‍👧"`)
			got = append(got, number(t, e))
		}
		if m.version == "sync" { // which has a thread for each event: they pass each other
			slices.Sort(got)
		}
		if !slices.Equal(got, want) {
			t.Errorf("it received %v", got)
		}
		h.silence(t, p, r)
		h.sessions(t, 1)
		p.none(disconnected, "hub:error", "hub:ended")

		p.leave()
		p.next(disconnected)
		h.sessions(t, 0)
	})
}

func TestPythonIsToldWhyItsTokenIsRefused(t *testing.T) {
	h := common.get(t)
	eachPython(t, func(t *testing.T, m mode) {
		p := dialBy(t, python.get(t), h.url, m, as("not a token"), nil)
		failureOf(t, field(t, p.next(connectError).arg(0), "data")).want(t, "CREDENTIALS_INVALID")
		p.none("hub:ready", connected)
	})
}

// At once, because the hub waits a second for a WebSocket that sync does not close.
func TestPythonComesBackAfterADrain(t *testing.T) {
	eachPython(t, func(t *testing.T, m mode) {
		t.Parallel()
		h := startHub(t)
		r := room()
		p := dialBy(t, python.get(t), h.url, m, options{reconnect: true, subscribe: []string{r}}, nil)
		p.ready()
		p.next(subscribed)
		h.drain()
		p.next("hub:draining")
		p.next("hub:ended")
		p.next(disconnected)
		if err := h.end(); err != nil {
			t.Error(err)
		}
		next := startHub(t, func(cfg *server.Config) { cfg.HTTP.Address = h.addresses.HTTP })
		p.ready()
		p.next(subscribed)
		next.broadcast(t, r, `{"n":1}`)
		same(t, "the message", string(p.next(r).arg(0)), `{"n":"1","text":""}`)
	})
}
