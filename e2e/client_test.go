package e2e_test

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// What a client sees of itself; see driver/lines.mjs.
const (
	connected    = "$connect"
	connectError = "$connect_error"
	disconnected = "$disconnect"
	reconnecting = "$reconnect_attempt"
	upgraded     = "$upgrade"
	subscribed   = "$subscribed"
)

// options are what a test says to io().
type options struct {
	auth      any               // the auth payload, as it is
	tokens    []string          // auth.token of one connect after the other
	headers   map[string]string // extraHeaders
	cookies   bool              // withCredentials: a page's cookies go to another origin too
	namespace string            // behind the URL
	reconnect bool              // whether the client comes back by itself
	subscribe []string          // at every hub:ready; acks come as $subscribed
}

// client is one Socket.IO client. Its events wait in the order in which they
// came until a test takes them.
type client struct {
	t       *testing.T
	driver  *driver
	name    string // the driver's
	session string // of the latest hub:ready that was taken

	mu     sync.Mutex
	events []event       // guarded by mu; those that no test took yet
	news   chan struct{} // closed and replaced when an event comes; guarded by mu
}

type event struct {
	name string
	args []json.RawMessage
}

func (e event) String() string {
	args := make([]string, len(e.args))
	for i, a := range e.args {
		args[i] = string(a)
		if len(args[i]) > 200 {
			args[i] = args[i][:200] + "…"
		}
	}
	return e.name + "(" + strings.Join(args, ", ") + ")"
}

// arg is the i-th argument, or null.
func (e event) arg(i int) json.RawMessage {
	if i < len(e.args) {
		return e.args[i]
	}
	return json.RawMessage("null")
}

// dial makes a client and lets it connect; it disconnects with the test.
func dial(t *testing.T, url string, m mode, o options) *client {
	t.Helper()
	return dialBy(t, js, url, m, o, nil)
}

// dialBy is dial for the clients of another driver, which may be told more.
func dialBy(t *testing.T, d *driver, url string, m mode, o options, more map[string]any) *client {
	t.Helper()
	c := &client{t: t, driver: d, news: make(chan struct{})}
	d.register(c)
	io := map[string]any{"reconnection": o.reconnect}
	if m.transports != nil {
		io["transports"] = m.transports
	}
	if o.auth != nil {
		io["auth"] = o.auth
	}
	if o.tokens != nil {
		io["tokens"] = o.tokens
	}
	if o.cookies {
		io["withCredentials"] = true
	}
	if o.headers != nil {
		io["extraHeaders"] = o.headers
	}
	request := map[string]any{"url": url + o.namespace, "version": m.version, "options": io, "subscribe": o.subscribe}
	maps.Copy(request, more)
	c.call("connect", request)
	t.Cleanup(func() {
		_, _ = d.call("disconnect", c.name, nil, patience)
		d.forget(c)
	})
	return c
}

func (c *client) call(op string, more map[string]any) json.RawMessage {
	c.t.Helper()
	result, err := c.driver.call(op, c.name, more, patience)
	if err != nil {
		c.t.Fatalf("%s %v: %v; what came instead: %v", op, more["event"], err, c.waiting())
	}
	return result
}

func (c *client) add(e event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.events = append(c.events, e)
	close(c.news)
	c.news = make(chan struct{})
}

func (c *client) waiting() []event {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.events)
}

// has tells whether an event of the name has come and was not taken.
func (c *client) has(name string) bool {
	return slices.ContainsFunc(c.waiting(), func(e event) bool { return e.name == name })
}

// take waits for an event that wanted accepts and removes it from the queue.
func (c *client) take(what string, wanted func(event) bool) event {
	c.t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		c.mu.Lock()
		if i := slices.IndexFunc(c.events, wanted); i >= 0 {
			e := c.events[i]
			c.events = slices.Delete(c.events, i, i+1)
			c.mu.Unlock()
			return e
		}
		news := c.news
		c.mu.Unlock()
		select {
		case <-news:
		case <-deadline.C:
			c.t.Fatalf("%s was awaited for %s; what came instead: %v", what, patience, c.waiting())
		}
	}
}

// next waits for the next event of the name; others stay where they are.
func (c *client) next(name string) event {
	c.t.Helper()
	return c.take(name, func(e event) bool { return e.name == name })
}

// first waits for the next event that came from the hub, whatever it is.
func (c *client) first() event {
	c.t.Helper()
	return c.take("an event of the hub", func(e event) bool { return e.name[0] != '$' })
}

// ready waits for the next hub:ready.
func (c *client) ready() event {
	c.t.Helper()
	e := c.next("hub:ready")
	var ready struct{ Session string }
	decode(c.t, string(e.arg(0)), &ready)
	c.session = ready.Session
	return e
}

// lost waits until the client sees that its transport is gone. After that it
// comes back by itself, which it would not after "io server disconnect". A
// poll that finds no session any more is an error, a WebSocket's end is none.
func (c *client) lost() {
	c.t.Helper()
	var reason string
	decode(c.t, string(c.next(disconnected).arg(0)), &reason)
	if reason != "transport close" && reason != "transport error" {
		c.t.Errorf("disconnected by %q", reason)
	}
}

// emit sends an event without an ack.
func (c *client) emit(name string, args ...any) {
	c.t.Helper()
	c.call("emit", map[string]any{"event": name, "args": args})
}

// ack sends an event and waits for its ack, which has exactly one argument.
func (c *client) ack(name string, args ...any) string {
	c.t.Helper()
	var answer []json.RawMessage
	result := c.call("ack", map[string]any{"event": name, "args": args})
	if err := json.Unmarshal(result, &answer); err != nil || len(answer) != 1 {
		c.t.Fatalf("the ack of %s is %s, not one object", name, result)
	}
	return string(answer[0])
}

// subscribe joins a channel, and fails the test if that is refused.
func (c *client) subscribe(channel string) {
	c.t.Helper()
	same(c.t, "the ack of hub:subscribe", c.ack("hub:subscribe", channel), `{"ok":true,"channel":`+quoted(channel)+`}`)
}

// refused sends a request that must fail, and is why it did.
func (c *client) refused(name string, args ...any) failure {
	c.t.Helper()
	answer := c.ack(name, args...)
	var got struct {
		OK    *bool
		Error json.RawMessage
	}
	decode(c.t, answer, &got)
	if got.OK == nil || *got.OK {
		c.t.Fatalf("%s%v was not refused: %s", name, args, answer)
	}
	return failureOf(c.t, got.Error)
}

// none fails the test if an event of the name has come. It proves something
// only after an event that must have come later; see hub.silence.
func (c *client) none(names ...string) {
	c.t.Helper()
	for _, e := range c.waiting() {
		if slices.Contains(names, e.name) {
			c.t.Errorf("%s must not come", e)
		}
	}
}

// same compares JSON: what it says, not how it is written.
func same(t *testing.T, what, got, want string) {
	t.Helper()
	var g, w any
	decode(t, got, &g)
	decode(t, want, &w)
	if !reflect.DeepEqual(g, w) {
		t.Errorf("%s is\n%s\nnot\n%s", what, got, want)
	}
}

func decode(t *testing.T, text string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatalf("%.200q is not as expected: %v", text, err)
	}
}

// quoted is a string in JSON.
func quoted(s string) string {
	text, _ := json.Marshal(s)
	return string(text)
}

// field is one field of an object, or nil.
func field(t *testing.T, object json.RawMessage, name string) json.RawMessage {
	t.Helper()
	var fields map[string]json.RawMessage
	decode(t, string(object), &fields)
	return fields[name]
}
