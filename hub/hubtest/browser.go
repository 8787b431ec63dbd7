package hubtest

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/realtime-hub/hub/hub/channel"
)

// Browser is a session at the hub's door to browsers: what socket.io-client
// would be in a page, in Go. It belongs to one goroutine, that of its test.
// Whatever it waits for longer than 10 s, and the end of its connection, ends
// the test. It has no goroutine of its own: one that is not asked for anything for
// 45 s answers no ping, and the hub ends it.
type Browser struct {
	// Static after Hub.Browser.
	t       testing.TB
	socket  *socket
	session string

	// Owned by the one goroutine.
	events []Event // have come and were not asked for yet
	acks   int     // how many were asked for
}

// Event is what the hub sent: a broadcast, or an event of the hub's own.
type Event struct {
	// Name is the channel's concrete name, or the hub's event, as hub:draining.
	Name string
	// Payload is the broadcast's message, or the event's argument, as JSON.
	Payload json.RawMessage
	// ID is the broadcast's id; empty for the hub's own events.
	ID string
}

// String is the name and the payload, for the texts of tests.
func (e Event) String() string { return e.Name + " " + string(e.Payload) }

// BrowserOption says who a browser is.
type BrowserOption func(*person)

type person struct {
	token string
	user  string
	roles []string
}

// As signs the browser in as a user with roles. Default: anonymous.
func As(userID string, roles ...string) BrowserOption {
	return func(p *person) { p.user, p.roles = userID, roles }
}

// WithToken signs the browser in with a token that the code under test made.
func WithToken(token string) BrowserOption {
	return func(p *person) { p.token = token }
}

// Browser is a session that has had its hub:ready. A connection that is refused
// ends the test. It is closed when the test ends.
func (h *Hub) Browser(t testing.TB, opts ...BrowserOption) *Browser {
	t.Helper()
	var who person
	for _, opt := range opts {
		opt(&who)
	}
	if who.user != "" {
		who.token = h.UserToken(t, who.user, who.roles...)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	s, err := dial(ctx, "ws://"+h.addresses.HTTP)
	if err != nil {
		t.Fatalf("hubtest: %v", err)
	}
	t.Cleanup(s.close)
	b := &Browser{t: t, socket: s}
	if b.session, err = s.connect(who.token); err != nil {
		t.Fatalf("hubtest: the browser does not connect: %v", err)
	}
	if first := b.Next(); first.Name != "hub:ready" {
		t.Fatalf("hubtest: the first event is %v, not hub:ready", first)
	}
	return b
}

// Session is the session's id, as [hub.ExceptSessions] takes it.
func (b *Browser) Session() string { return b.session }

// Subscribe joins a channel by its concrete name. A refusal ends the test; one
// that is wanted is seen with Emit("hub:subscribe", name).
func (b *Browser) Subscribe(name string) {
	b.t.Helper()
	if _, err := b.Emit("hub:subscribe", name); err != nil {
		b.t.Fatalf("hubtest: subscribing to %s: %v", name, err)
	}
}

// Emit sends an event and waits for its ack, which it returns. Arguments are
// anything that is JSON, or protobuf messages. A refusal is a *[hub.Error].
func (b *Browser) Emit(event string, args ...any) (json.RawMessage, error) {
	b.t.Helper()
	list := append(make([]any, 0, 1+len(args)), event)
	for _, arg := range args {
		if m, ok := arg.(proto.Message); ok {
			text, err := protojson.Marshal(m)
			if err != nil {
				b.t.Fatalf("hubtest: emitting %s: %v", event, err)
			}
			arg = json.RawMessage(text)
		}
		list = append(list, arg)
	}
	data, err := json.Marshal(list)
	if err != nil {
		b.t.Fatalf("hubtest: emitting %s: %v", event, err)
	}
	b.acks++
	id := fmt.Sprint(b.acks)
	if err := b.socket.write("42" + id + string(data)); err != nil {
		b.t.Fatalf("hubtest: emitting %s: %v", event, err)
	}
	for {
		answer, isAck := strings.CutPrefix(b.read("the ack of "+event), "43"+id)
		if isAck {
			return readAck([]byte(answer))
		}
		b.queue(answer)
	}
}

// Next is the next event that was not taken yet, in the order of their arrival;
// it waits for one. The hub's own events are among them.
func (b *Browser) Next() Event {
	b.t.Helper()
	for len(b.events) == 0 {
		b.queue(b.read("an event"))
	}
	next := b.events[0]
	b.events = b.events[1:]
	return next
}

// Pending are the events that were not taken yet, without waiting for more.
// Whatever the hub accepted before the call is among them, so that none means:
// nothing was sent to this browser.
func (b *Browser) Pending() []Event {
	b.t.Helper()
	// One connection has one order: what was sent before the ack comes before
	// it. Any request does; this one changes nothing.
	_, _ = b.Emit("hub:unsubscribe", "hubtest.nothing")
	pending := b.events
	b.events = nil
	return pending
}

// Receive is the next event's message, which must be a broadcast on the
// channel; anything else ends the test.
func Receive[M proto.Message](b *Browser, ch channel.Of[M]) M {
	b.t.Helper()
	var m M
	if err := ch.Err(); err != nil {
		b.t.Fatalf("hubtest: Receive: %v", err)
	}
	next := b.Next()
	if next.Name != ch.Name() {
		b.t.Fatalf("hubtest: want a broadcast on %s; what came instead: %v", ch.Name(), next)
	}
	m, _ = m.ProtoReflect().Type().New().Interface().(M) // a type's New is of the type
	if err := protojson.Unmarshal(next.Payload, m); err != nil {
		b.t.Fatalf("hubtest: %v is no %s: %v", next, m.ProtoReflect().Descriptor().FullName(), err)
	}
	return m
}

func (b *Browser) read(what string) string {
	b.t.Helper()
	text, err := b.socket.read()
	if err != nil {
		b.t.Fatalf("hubtest: %s was awaited; what came instead: %v", what, err)
	}
	return text
}

func (b *Browser) queue(packet string) {
	b.t.Helper()
	e, err := readEvent(packet)
	if err != nil {
		b.t.Fatalf("hubtest: %v", err)
	}
	b.events = append(b.events, e)
}
