package hubtest

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/channel"
	hub "github.com/realtime-hub/hub/sdk/go"
)

// Browser is a session at the hub's door to browsers: what socket.io-client
// would be in a page, in Go, over a WebSocket that is memory. It belongs to one
// goroutine, that of its test. Whatever it waits for longer than 10 s, and the end of
// its connection, ends the test. It takes what comes and answers pings also
// while its test does something else, so that it is never a slow browser.
type Browser struct {
	// Static after Hub.Browser.
	t   testing.TB
	hub *Hub
	who person

	// Owned by the one goroutine.
	socket  *socket
	session string
	events  []Event // have come and were not asked for yet
	acks    int     // how many were asked for
}

// Event is what the hub sent: a broadcast, or an event of the hub's own.
type Event struct {
	// Name is the channel's concrete name, or the hub's event, as hub:draining.
	Name string
	// Payload is the broadcast's message, or the event's argument, as JSON.
	Payload json.RawMessage
	// ID is the broadcast's id; empty for the hub's own events.
	ID string
	// Position is where a broadcast stands in its channel's history; the zero
	// value without one.
	Position hub.Position
}

// String is the name and the payload, for the texts of tests.
func (e Event) String() string { return e.Name + " " + string(e.Payload) }

// BrowserOption says who a browser is.
type BrowserOption func(*person)

type person struct {
	user   string
	roles  []string
	auth   map[string]any
	header http.Header
}

// As signs the browser in as a user with roles. Default: anonymous.
func As(userID string, roles ...string) BrowserOption {
	return func(p *person) { p.user, p.roles = userID, roles }
}

// WithToken signs the browser in with a token that the code under test made.
func WithToken(token string) BrowserOption { return WithAuth("token", token) }

// WithAuth gives a field of what socket.io-client calls auth, for workers that say
// who a session is. Given twice, both count. Default: none, but what As and WithToken say.
func WithAuth(field string, value any) BrowserOption {
	return func(p *person) { p.auth[field] = value }
}

// WithHeader gives a header of the connection, as Cookie, or Origin, which no
// browser of this package has by itself. Given twice, both count. Default: none.
func WithHeader(name, value string) BrowserOption {
	return func(p *person) { p.header.Add(name, value) }
}

// Browser is a session that has had its hub:ready. A connection that is refused
// ends the test. It is closed when the test ends. It needs no port.
func (h *Hub) Browser(t testing.TB, opts ...BrowserOption) *Browser {
	t.Helper()
	b := &Browser{t: t, hub: h, who: person{auth: map[string]any{}, header: http.Header{}}}
	for _, opt := range opts {
		opt(&b.who)
	}
	if b.who.user != "" {
		b.who.auth["token"] = h.UserToken(t, b.who.user, b.who.roles...)
	}
	t.Cleanup(b.Close)
	b.connect()
	return b
}

func (b *Browser) connect() {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(b.t.Context()), patience)
	defer cancel()
	dialer := &websocket.Dialer{}
	if web := b.hub.web; web != nil {
		dialer.NetDialContext = func(ctx context.Context, _, _ string) (net.Conn, error) { return web.dial(ctx) }
	}
	var err error
	if b.socket, err = dial(ctx, dialer, b.hub.addresses.HTTP, b.who.header); err != nil {
		b.t.Fatalf("hubtest: the browser does not reach the hub: %v", err)
	}
	if b.session, err = b.socket.connect(b.who.auth); err != nil {
		b.t.Fatalf("hubtest: the browser does not connect: %v", err)
	}
	if first := b.Next(); first.Name != "hub:ready" {
		b.t.Fatalf("hubtest: the first event is %v, not hub:ready", first)
	}
}

// Close closes the page: the hub finds the connection gone, and workers hear that
// the session has disconnected. Then only Reconnect, Session and Close may be called.
func (b *Browser) Close() {
	if b.socket != nil {
		b.socket.close()
	}
}

// Reconnect closes the connection, if Close has not, and opens another: a
// session of the same user, with another id, that is subscribed to nothing, as
// socket.io-client's after a cut. What has come and was not taken is forgotten.
func (b *Browser) Reconnect() {
	b.t.Helper()
	b.Close()
	b.events = nil
	b.connect()
}

// Session is the id of the session, or of the last one, as [hub.ExceptSessions] takes it.
func (b *Browser) Session() string { return b.session }

// Subscribe joins a channel by its concrete name. A refusal ends the test; one
// that is wanted is seen with Emit("hub:subscribe", name). It returns where the
// channel's history stands, for Resume; the zero value without one.
func (b *Browser) Subscribe(name string) hub.Position {
	b.t.Helper()
	return b.subscribe(&hubv1.SubscribeArguments{Channel: name}).Position
}

// Unsubscribe leaves a channel, also one that it is not in.
func (b *Browser) Unsubscribe(name string) {
	b.t.Helper()
	if _, err := b.Emit("hub:unsubscribe", name); err != nil {
		b.t.Fatalf("hubtest: unsubscribing from %s: %v", name, err)
	}
}

// Resumption is the hub's word on what a browser has missed.
type Resumption struct {
	// Recovered is that nothing is missing: what was missed are the next events.
	Recovered bool
	// Reason is why not, as EXPIRED.
	Reason string
	// Replayed is how many events that are.
	Replayed int
	// Position is where the channel stands now.
	Position hub.Position
}

// Resume joins a channel after a Reconnect, from the last event that was taken,
// or from Subscribe's position where there was none.
func (b *Browser) Resume(name string, since hub.Position) Resumption {
	b.t.Helper()
	return b.subscribe(&hubv1.SubscribeArguments{Channel: name, Since: &hubv1.Position{Epoch: since.Epoch, Offset: since.Offset}})
}

func (b *Browser) subscribe(arguments *hubv1.SubscribeArguments) Resumption {
	b.t.Helper()
	ack, err := b.Emit("hub:subscribe", arguments)
	var result hubv1.SubscribeResult
	if err == nil {
		err = protojson.Unmarshal(ack, &result)
	}
	if err != nil {
		b.t.Fatalf("hubtest: subscribing to %s: %v", arguments.GetChannel(), err)
	}
	return Resumption{
		Recovered: result.GetRecovered(),
		Reason:    result.GetReason(),
		Replayed:  int(result.GetReplayed()),
		Position:  position(result.GetPosition()),
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
