package e2e_test

import (
	"testing"
	"time"

	"github.com/realtime-hub/hub/hub/server"
)

// A hub that is told to stop says so, and its clients go to the next hub by
// themselves: they see a transport that broke, not a server that sent them away.
func TestADrainSendsClientsToTheNextHub(t *testing.T) {
	each(t, func(t *testing.T, m mode) {
		h := startHub(t)
		r := room()
		clients := []*client{
			dial(t, h.url, m, options{reconnect: true, subscribe: []string{r}}),
			dial(t, h.url, m, options{reconnect: true, subscribe: []string{r}}),
		}
		for _, c := range clients {
			c.ready()
			c.next(subscribed)
			if m.transports == nil {
				c.next(upgraded)
			}
		}
		h.drain()
		for _, c := range clients {
			draining := c.first()
			var told struct{ ReconnectInMs *int }
			decode(t, string(draining.arg(0)), &told)
			if draining.name != "hub:draining" || told.ReconnectInMs == nil || *told.ReconnectInMs < 0 || *told.ReconnectInMs > 60_000 {
				t.Errorf("the first that comes is %s", draining)
			}
			ended := c.first()
			if ended.name != "hub:ended" {
				t.Fatalf("the second that comes is %s", ended)
			}
			failureOf(t, field(t, ended.arg(0), "error")).want(t, "DRAINING")
			c.lost()
			c.next(reconnecting)
		}
		if err := h.end(); err != nil {
			t.Error(err)
		}
		next := startHub(t, func(cfg *server.Config) { cfg.HTTP.Address = h.addresses.HTTP })
		for _, c := range clients {
			c.ready()
			c.next(subscribed)
		}
		next.broadcast(t, r, `{"n":1}`)
		for _, c := range clients {
			c.next(r)
		}
	})
}

// A draining hub does not take new sessions, and delivers until each old one ends.
func TestADrainTakesItsWindow(t *testing.T) {
	window := time.Second
	h := startHub(t, func(cfg *server.Config) { cfg.DrainWindow = &window })
	r := room()
	first, last := h.connect(t, modern, options{}), h.connect(t, modern, options{})
	first.subscribe(r)
	last.subscribe(r)
	begin := time.Now()
	h.drain()
	first.next("hub:ended")
	refused := dial(t, h.url, mode{version: "4.8", transports: []string{"polling"}}, options{})
	refused.next(connectError)
	h.broadcast(t, r, `{"n":7}`)
	e := last.first()
	if e.name != r {
		t.Fatalf("%s came instead of the broadcast", e)
	}
	last.next("hub:ended")
	if took := time.Since(begin); took < window/2 {
		t.Errorf("the last session ended after %s", took)
	}
	refused.none("hub:ready")
	first.none(r)
}

// Real time passes here: a token's end is cut to seconds.
func TestAnIdentityEndsAndItsClientComesBackWithANewOne(t *testing.T) { //nolint:tparallel // its subtests are, inside of each
	t.Parallel()
	h := common.get(t)
	each(t, func(t *testing.T, m mode) {
		t.Parallel()
		end := time.Now().Add(2 * time.Second)
		r := room()
		c := dial(t, h.url, m, options{reconnect: true, subscribe: []string{r, "e2e.mail.user_1"}, tokens: []string{until(t, "user_1", end), token(t, "user_1")}})
		same(t, "who it is", string(field(t, c.ready().arg(0), "userId")), `"user_1"`)
		c.next(subscribed)
		c.next(subscribed)
		before := c.session

		ended := c.next("hub:ended")
		if now := time.Now(); now.Before(end.Truncate(time.Second)) || now.After(end.Add(5*time.Second)) {
			t.Errorf("it ended %s after its time", now.Sub(end))
		}
		failureOf(t, field(t, ended.arg(0), "error")).want(t, "CREDENTIALS_EXPIRED")
		c.lost()
		same(t, "who it is again", string(field(t, c.ready().arg(0), "userId")), `"user_1"`)
		if c.session == before {
			t.Error("the ended session goes on")
		}
		c.next(subscribed)
		c.next(subscribed)
		h.broadcast(t, "e2e.mail.user_1", `{"text":"x"}`)
		c.next("e2e.mail.user_1")
	})
}

// Without a new token it does not come back in.
func TestAnExpiredTokenIsNotTakenAgain(t *testing.T) {
	t.Parallel()
	h := common.get(t)
	c := dial(t, h.url, modern, options{reconnect: true, tokens: []string{until(t, "user_1", time.Now().Add(2*time.Second))}})
	c.ready()
	c.next("hub:ended")
	c.lost()
	failureOf(t, field(t, c.next(connectError).arg(0), "data")).want(t, "CREDENTIALS_EXPIRED")
}
