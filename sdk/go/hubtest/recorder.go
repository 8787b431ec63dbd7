// Package hubtest stands in for a hub in the tests of a backend: no server, no
// port, no waiting.
//
//	rec := hubtest.NewRecorder(t)
//	publish(ctx, rec, "Hello")                            // takes a hub.Broadcaster
//	article := hubtest.Only[*blogv1.ArticleFeed](t, rec)  // what it broadcast
//
// A [Recorder] judges every broadcast by the hub's own code: the channels that
// the messages linked into the test declare are loaded as a hub loads them. What
// a hub would refuse fails the test, and is answered by the error that a hub
// would give; so a test that passes is not surprised by the hub's rules later.
// Who may broadcast is not judged: tokens are the hub's configuration.
//
// [Contract] makes payloads of a channel's rules, and has the hub's code and
// protovalidate judge them alike.
//
// Handlers need nothing of this package: they are functions, and a test calls
// them. A real hub in the test's process is hub/hubtest, which is slower by
// some milliseconds, and has browsers.
package hubtest

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/realtime-hub/hub/hub/channel"
	"github.com/realtime-hub/hub/hub/schema"
	hub "github.com/realtime-hub/hub/sdk/go"
)

// Recorder is a [hub.Broadcaster] that keeps what is broadcast. It may be used
// by many goroutines at once, until its test ends.
type Recorder struct {
	// Static after NewRecorder.
	t        testing.TB
	channels *schema.Snapshot

	mu         sync.Mutex
	broadcasts []Broadcast   // guarded by mu; as they were accepted
	failures   []error       // guarded by mu; what the next broadcasts meet, nil is success
	ids        map[ofID]bool // guarded by mu; those that the callers gave
}

type ofID struct{ channel, id string }

var _ hub.Broadcaster = (*Recorder)(nil)

// Broadcast is one that was accepted.
type Broadcast struct {
	// Channel is the concrete name, as notifications.user.user_42.
	Channel string
	// Declared is the name as declared, as notifications.user.{user_id}.
	Declared string
	// Params are the values of its params, not escaped; nil without any.
	Params channel.Params
	// Payload is a copy of the message: changes that the sender makes later do
	// not show.
	Payload proto.Message
	// ID is the one given with [hub.WithID], else a random one.
	ID string
	// ExceptSessions do not get the message.
	ExceptSessions []string
}

// String is the channel and the payload as JSON, for the texts of tests.
func (b Broadcast) String() string { return b.Channel + " " + protojson.Format(b.Payload) }

// NewRecorder is a recorder without broadcasts. It fails the test where a hub
// would not start with the channels that are linked into it, and at the test's
// end where a failure that was ordered with [Recorder.FailNext] met no broadcast.
func NewRecorder(t testing.TB) *Recorder {
	t.Helper()
	channels, err := linked()
	if err != nil {
		t.Fatalf("hubtest: a hub would not take the channels that are linked into this test: %v", err)
	}
	r := &Recorder{t: t, channels: channels, ids: map[ofID]bool{}}
	t.Cleanup(func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if n := len(r.failures); n > 0 {
			t.Errorf("hubtest: FailNext was called for %d broadcasts that did not come", n)
		}
	})
	return r
}

// SendBroadcast implements [hub.Broadcaster]; code calls it by [hub.Broadcast].
//
// What a hub would refuse fails the test and returns the hub's *[hub.Error]. An
// id that was given before on the channel is a duplicate, as at the hub, and is
// not kept a second time; here it is remembered for the whole test.
func (r *Recorder) SendBroadcast(ctx context.Context, out hub.Outgoing) (hub.Receipt, error) {
	r.t.Helper()
	if err := ctx.Err(); err != nil { // not judged: a client would not have sent it
		s, late := status.FromContextError(err), errors.Is(err, context.DeadlineExceeded)
		return hub.Receipt{}, errors.Join(&hub.Error{Code: s.Code(), Message: s.Message(), Retryable: late}, err)
	}
	match, err := r.judge(out)
	if err != nil {
		r.t.Errorf("hubtest: a hub would refuse this broadcast on %q: %v%s", out.Channel, err, hint(out))
		return hub.Receipt{}, err
	}
	return r.keep(Broadcast{
		Channel: match.Name, Declared: match.Channel.Name(), Params: match.Params,
		Payload: proto.Clone(out.Payload), ID: out.ID, ExceptSessions: slices.Clone(out.ExceptSessions),
	})
}

func (r *Recorder) keep(b Broadcast) (hub.Receipt, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.failures) > 0 {
		err := r.failures[0]
		r.failures = r.failures[1:]
		if err != nil {
			return hub.Receipt{}, err
		}
	}
	if b.ID == "" {
		b.ID = rand.Text()
	} else if named := (ofID{b.Channel, b.ID}); r.ids[named] {
		return hub.Receipt{ID: b.ID, Duplicate: true}, nil
	} else {
		r.ids[named] = true
	}
	r.broadcasts = append(r.broadcasts, b)
	return hub.Receipt{ID: b.ID}, nil
}

// FailNext lets the next broadcast that a hub would accept fail with err, as
// &hub.Error{Code: codes.Unavailable, Reason: "DRAINING"}; it is not kept. Each call is for one
// broadcast, in their order; nil lets one pass.
func (r *Recorder) FailNext(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures = append(r.failures, err)
}

// Broadcasts are all that were accepted so far, in that order. The payloads are
// the recorder's: treat them as read-only.
func (r *Recorder) Broadcasts() []Broadcast {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.broadcasts)
}

// On are the payloads of one channel, in the order of their broadcasts.
func On[M proto.Message](rec *Recorder, ch channel.Of[M]) []M {
	rec.t.Helper()
	if err := ch.Err(); err != nil {
		rec.t.Errorf("hubtest: On: %v", err)
	}
	var out []M
	for _, b := range rec.Broadcasts() {
		if b.Channel != ch.Name() {
			continue
		}
		m, ok := b.Payload.(M)
		if !ok {
			rec.t.Errorf("hubtest: On: %s is a channel of %T, not of %T", b.Channel, b.Payload, m)
			continue
		}
		out = append(out, m)
	}
	return out
}

// Only is the payload of the one broadcast that was accepted. None, another
// type, and more than one end the test, which is told what there is instead.
func Only[M proto.Message](t testing.TB, rec *Recorder) M {
	t.Helper()
	all := rec.Broadcasts()
	if len(all) == 1 {
		if m, ok := all[0].Payload.(M); ok {
			return m
		}
	}
	texts := make([]string, len(all))
	for i, b := range all {
		texts[i] = "\n" + b.String()
	}
	var want M
	t.Fatalf("hubtest: want one broadcast, of %T; there are %d%s", want, len(all), strings.Join(texts, ""))
	return want
}
