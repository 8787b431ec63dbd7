package e2e_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/server"
)

// What a client of sdk/ts says of itself, beside its status; see driver/ts-listen.mjs.
const (
	gapTold   = "$gap"   // the subscription, the gap
	endTold   = "$end"   // the subscription, the error
	tokenTold = "$token" // the function was asked; the refusal's reason
)

// TestTypeScript holds the client of sdk/ts to its promises with a real hub. What
// a hub does seldom it meets in its own tests.
func TestTypeScript(t *testing.T) {
	needsClient(t)
	ts, err := startDriver(boot, "node", "driver/ts.mjs")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := ts.stop(); err != nil {
			t.Errorf("the driver ends with %v", err)
		}
	})
	for _, test := range []struct {
		name string
		run  func(t *testing.T, ts *driver)
	}{
		{"what was missed comes once and in order", tsRecovers},
		{"a channel without history says what is missing", tsReconnects},
		{"a hub that is restarted", tsSurvives},
		{"who joins later with a position", tsJoinsLate},
		{"a scope that is refused, and one that is lost", tsRefused},
		{"a subscription that an operator ends", tsAsksAgain},
		{"a token that ends", tsRefreshes},
		{"a token that has ended", tsRenews},
		{"a kick", tsKicked},
		{"a message whose ack is lost", tsSends},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, ts) })
	}
}

// needsClient is for tests of sdk/ts, which has to be built.
func needsClient(t *testing.T) {
	t.Helper()
	if _, err := os.Stat("../sdk/ts/dist/index.js"); err != nil {
		const missing = "sdk/ts is not built; run `make sdk/ts/dist/index.js`"
		if os.Getenv("CI") == "true" || os.Getenv("HUB_E2E") == "required" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
}

// listen subscribes a client of sdk/ts.
func (c *client) listen(channel string, options object) {
	c.t.Helper()
	c.call("subscribe", map[string]any{"channel": channel, "options": options})
}

// told takes what a client of sdk/ts says of a subscription, and is the reason in it.
func (c *client) told(what, name string) string {
	c.t.Helper()
	e := c.next(what)
	var reason string
	same(c.t, "whose "+what+" it is", string(e.arg(0)), quoted(name))
	decode(c.t, string(field(c.t, e.arg(1), "reason")), &reason)
	return reason
}

// sends sends, and is the outcome.
func (c *client) sends(channel string, payload, options object) string {
	c.t.Helper()
	return string(c.call("send", map[string]any{"channel": channel, "payload": payload, "options": options}))
}

// tokens are options of a client that asks for one after the other, and then
// waits for the one that the operation give brings.
func tokens(tokens ...string) options { return options{tokens: tokens} }

func tsRecovers(t *testing.T, ts *driver) {
	h := common.get(t)
	for _, m := range transports("4.8") {
		t.Run(m.name, func(t *testing.T) {
			cable, story := plug(t, h.addresses.HTTP), "e2e.story."+unique()
			c := dialBy(t, ts, cable.url, m, options{}, nil)
			c.listen(story, nil)
			c.listen(story, object{"as": "iterator", "iterator": true})
			c.ready()
			h.subscriptions(t, story, 1)
			next := 0
			for range 3 {
				h.tell(t, story, next, next+5)
				c.hears(story, next, next+5)
				c.hears("iterator", next, next+5)
				cable.cut()
				c.next("$waiting")
				h.tell(t, story, next+5, next+40)
				cable.mend()
				c.hears(story, next+5, next+40)
				c.hears("iterator", next+5, next+40)
				next += 40
			}
			c.call("leave", map[string]any{"name": story})
			h.tell(t, story, next, next+1)
			c.hears("iterator", next, next+1)
			c.call("leave", map[string]any{"name": "iterator"})
			if m.name != "polling" { // of which the hub keeps those that were cut until it misses their pongs
				h.subscriptions(t, story, 0)
			}
			c.none(story, "iterator", gapTold)
		})
	}
}

// subscriptions waits until a channel has as many.
func (h *testHub) subscriptions(t *testing.T, channel string, want int) {
	t.Helper()
	for begin := time.Now(); ; {
		list, err := h.admin.ListSessions(t.Context(), &hubv1.ListSessionsRequest{Channel: channel})
		if err != nil {
			t.Fatal(err)
		}
		if len(list.GetSessions()) == want {
			return
		}
		if time.Since(begin) > patience {
			t.Fatalf("%s has %d subscriptions, not %d", channel, len(list.GetSessions()), want)
		}
	}
}

func tsReconnects(t *testing.T, ts *driver) {
	h := common.get(t)
	cable, r := plug(t, h.addresses.HTTP), room()
	c := dialBy(t, ts, cable.url, modern, options{}, nil)
	c.listen(r, nil)
	h.subscriptions(t, r, 1)
	h.broadcast(t, r, `{"n":1}`)
	c.next(r)
	cable.cut()
	c.next("$waiting")
	h.broadcast(t, r, `{"n":2}`)
	cable.mend()
	if reason := c.told(gapTold, r); reason != "RECONNECTED" {
		t.Errorf("told %s", reason)
	}
	h.broadcast(t, r, `{"n":3}`)
	same(t, "what comes after the gap", string(field(t, c.next(r).arg(0), "n")), `"3"`)
}

// A hub that drains says when to return; the next one at its address has another history.
func tsSurvives(t *testing.T, ts *driver) {
	story := "e2e.story." + unique()
	before := startHub(t)
	c := dialBy(t, ts, before.url, modern, options{}, nil)
	c.listen(story, nil)
	before.subscriptions(t, story, 1)
	before.tell(t, story, 0, 2)
	c.hears(story, 0, 2)
	c.next("$ready")
	if err := before.end(); err != nil {
		t.Fatal(err)
	}
	same(t, "why it waits", string(c.next("$waiting").arg(0)), `"DRAINING"`)
	after := startHub(t, func(cfg *server.Config) { cfg.HTTP.Address = before.addresses.HTTP })
	if reason := c.told(gapTold, story); reason != "EPOCH_CHANGED" {
		t.Errorf("told %s", reason)
	}
	after.tell(t, story, 10, 12)
	c.hears(story, 10, 12)
}

func tsJoinsLate(t *testing.T, ts *driver) {
	h := common.get(t)
	story := "e2e.story." + unique()
	c := dialBy(t, ts, h.url, modern, options{}, nil)
	c.listen(story, nil)
	h.subscriptions(t, story, 1)
	h.tell(t, story, 0, 400) // more than a replay has
	at := c.hears(story, 0, 20)
	c.hears(story, 20, 400)
	c.listen(story, object{"as": "late", "since": at})
	h.tell(t, story, 400, 420)
	c.hears("late", 20, 420)
	c.hears(story, 400, 420)
	h.subscriptions(t, story, 1)
	c.none(gapTold)
}

func tsRefused(t *testing.T, ts *driver) {
	h := startHub(t)
	claims := func(end time.Duration, role string) string {
		return signed(t, jwt.SigningMethodHS256, secret, jwt.MapClaims{"sub": "user_1", "roles": []string{role}, "exp": time.Now().Add(end).Unix()})
	}
	c := dialBy(t, ts, h.url, modern, tokens(claims(30*time.Second, "editor")), nil)
	c.next(tokenTold)
	c.next(tokenTold) // because it ends so soon; not answered yet
	c.listen("e2e.post.user_2", object{"iterator": true})
	if reason := c.told(endTold, "e2e.post.user_2"); reason != "SCOPE_DENIED" {
		t.Errorf("told %s", reason)
	}
	c.listen("e2e.desk", nil)
	c.listen("e2e.members", nil)
	h.subscriptions(t, "e2e.desk", 1)
	h.broadcast(t, "e2e.desk", `{"text":"x"}`)
	c.next("e2e.desk")
	c.call("give", map[string]any{"token": claims(time.Hour, "reader")})
	if reason := c.told(endTold, "e2e.desk"); reason != "SCOPE_DENIED" {
		t.Errorf("told %s", reason)
	}
	h.broadcast(t, "e2e.members", `{"text":"x"}`)
	c.next("e2e.members")
	h.subscriptions(t, "e2e.desk", 0)
}

func tsAsksAgain(t *testing.T, ts *driver) {
	h := startHub(t)
	r := room()
	c := dialBy(t, ts, h.url, modern, options{}, nil)
	c.listen(r, nil)
	h.subscriptions(t, r, 1)
	if _, err := h.admin.Unsubscribe(t.Context(), &hubv1.UnsubscribeRequest{
		Channel: r, Sessions: &hubv1.SessionSelector{By: &hubv1.SessionSelector_Session{Session: c.ready().session(t)}},
	}); err != nil {
		t.Fatal(err)
	}
	if reason := c.told(gapTold, r); reason != "RECONNECTED" { // there is no history
		t.Errorf("told %s", reason)
	}
	h.broadcast(t, r, `{"n":1}`)
	c.next(r)
	c.none(endTold)
}

// session is a hub:ready's.
func (e event) session(t *testing.T) (id string) {
	t.Helper()
	decode(t, string(field(t, e.arg(0), "session")), &id)
	return id
}

func tsRefreshes(t *testing.T, ts *driver) {
	h := startHub(t)
	later := time.Now().Add(time.Hour)
	c := dialBy(t, ts, h.url, modern, tokens(until(t, "user_1", time.Now().Add(30*time.Second)), until(t, "user_1", later)), nil)
	c.next(tokenTold)
	same(t, "why it is asked again", string(c.next(tokenTold).arg(0)), `null`)
	for begin := time.Now(); ; {
		s := h.list(t, &hubv1.ListSessionsRequest{UserId: "user_1"}).GetSessions()
		if len(s) == 1 && s[0].GetExpiresAt().AsTime().Equal(later.UTC().Truncate(time.Second)) {
			break
		}
		if time.Since(begin) > patience {
			t.Fatalf("the operator sees %v", s)
		}
	}
	c.none("$waiting")
}

func tsRenews(t *testing.T, ts *driver) {
	h := common.get(t)
	expired := until(t, "user_1", time.Now().Add(-time.Hour))
	c := dialBy(t, ts, h.url, modern, tokens(expired, token(t, "user_1")), nil)
	same(t, "who it is", string(field(t, c.ready().arg(0), "userId")), `"user_1"`)
	c.next(tokenTold)
	same(t, "why it is asked again", string(c.next(tokenTold).arg(0)), `"CREDENTIALS_EXPIRED"`)

	hopeless := dialBy(t, ts, h.url, modern, tokens(expired, expired), nil)
	hopeless.listen("e2e.post.user_1", nil)
	if reason := hopeless.told(endTold, "e2e.post.user_1"); reason != "CREDENTIALS_EXPIRED" {
		t.Errorf("told %s", reason)
	}
	same(t, "why it ended", string(hopeless.next("$ended").arg(0)), `"CREDENTIALS_EXPIRED"`)
}

func tsKicked(t *testing.T, ts *driver) {
	for _, m := range transports("4.8") {
		t.Run(m.name, func(t *testing.T) {
			h := startHub(t)
			r := room()
			c := dialBy(t, ts, h.url, m, as(token(t, "user_1")), nil)
			c.listen(r, nil)
			h.subscriptions(t, r, 1)
			if _, err := h.admin.DisconnectSession(t.Context(), &hubv1.DisconnectSessionRequest{
				Sessions: &hubv1.SessionSelector{By: &hubv1.SessionSelector_UserId{UserId: "user_1"}}, Message: "you are banned",
			}); err != nil {
				t.Fatal(err)
			}
			same(t, "what it is told", string(c.next(endTold).arg(1)),
				`{"code":"PERMISSION_DENIED","reason":"SCOPE_DENIED","message":"you are banned","retryable":false,"violations":[]}`)
			c.next("$ended")
			h.sessions(t, 0)
			c.next("$ready")
			c.none("$waiting", "$connecting", "$ready")
		})
	}
}

// A worker that is told the same twice knows it by its id.
func tsSends(t *testing.T, ts *driver) {
	h := startHub(t)
	w := h.work(t, &hubv1.Attach{Group: "ask", Channels: []string{"e2e.asked.{room}"}})
	cable, asked := plug(t, h.addresses.HTTP), "e2e.asked."+unique()
	c := dialBy(t, ts, cable.url, modern, options{}, nil)
	c.ready()
	outcome := make(chan string, 1)
	go func() { outcome <- c.sends(asked, object{"n": 7}, object{"id": "mine"}) }()
	first := w.delivery()
	cable.cut()
	c.next("$waiting")
	w.ack(first)
	cable.mend()
	second := w.delivery()
	w.ack(second)
	if first.GetMessageId() != "mine" || second.GetMessageId() != "mine" || first.GetSender().GetSession() == second.GetSender().GetSession() {
		t.Errorf("delivered %v and %v", first, second)
	}
	same(t, "the outcome", <-outcome, `{"ok":true,"id":"mine"}`)

	refused := failureOf(t, field(t, []byte(c.sends(asked, object{"n": -1}, nil)), "error"))
	refused.want(t, "PAYLOAD_INVALID", violation{Field: "n", Rule: "int32.gte"})
	failureOf(t, field(t, []byte(c.sends(room(), object{"n": 1}, nil)), "error")).want(t, "INBOUND_NOT_ACCEPTED")
}

// The same client in a page, through an import map and nothing else: as its
// build is, no bundler has to help.
func TestChromiumHasTheTypeScriptClient(t *testing.T) {
	needsClient(t)
	chromium.get(t)
	mux := http.NewServeMux()
	serve := func(pattern, file string) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, file) })
	}
	serve("/{$}", "driver/ts.html")
	serve("/ts-listen.mjs", "driver/ts-listen.mjs")
	serve("/socket.io.esm.min.js", "node_modules/socket.io-client/dist/socket.io.esm.min.js")
	mux.Handle("/client/", http.StripPrefix("/client/", http.FileServer(http.Dir("../sdk/ts/dist"))))
	pages := httptest.NewServer(mux)
	t.Cleanup(pages.Close)
	h := startHub(t, func(cfg *server.Config) { cfg.HTTP.AllowedOrigins = []string{pages.URL} })
	w := h.work(t, &hubv1.Attach{Group: "ask", Channels: []string{"e2e.asked.{room}"}})

	for _, m := range transports("4.8") {
		t.Run(m.name, func(t *testing.T) {
			cable, story, asked := plug(t, h.addresses.HTTP), "e2e.story."+unique(), "e2e.asked."+unique()
			page := dialBy(t, chromium.get(t), cable.url, m, options{subscribe: []string{story}}, map[string]any{"site": pages.URL})
			page.ready()
			h.subscriptions(t, story, 1)
			h.tell(t, story, 0, 5)
			page.hears(story, 0, 5)
			cable.cut()
			page.next("$waiting")
			h.tell(t, story, 5, 50)
			cable.mend()
			page.hears(story, 5, 50)

			answer := make(chan string, 1)
			go func() {
				answer <- string(page.call("ack", map[string]any{"event": asked, "args": []any{object{"n": 1}, object{"id": "x"}}}))
			}()
			w.ack(w.delivery())
			same(t, "the outcome", <-answer, `{"ok":true,"id":"x"}`)
			page.none(pageError, gapTold, endTold)
		})
	}
}
