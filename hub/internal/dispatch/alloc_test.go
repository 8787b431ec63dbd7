//go:build !race

package dispatch_test

import (
	"testing"

	"google.golang.org/protobuf/types/known/anypb"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/dispatch"
	"github.com/realtime-hub/hub/hub/internal/gate"
	"github.com/realtime-hub/hub/hub/schema"
)

// acker acks what it is sent when it is told to.
type acker struct {
	*dispatch.Worker

	last string
}

func (a *acker) Send(f *hubv1.HandleResponse) { a.last = f.GetDelivery().GetDeliveryId() }
func (a *acker) Done()                        {}

// What a message costs between the browser's packet and its ack, protobuf and
// gRPC aside: its item, its delivery and their two timers, the frame, a reply.
func TestAllocsOfAMessage(t *testing.T) {
	const budget = 30
	registry := schema.New(schema.Config{})
	if _, err := registry.Load(t.Context(), "testdata"); err != nil {
		t.Fatal(err)
	}
	g, err := gate.New(gate.Config{})
	if err != nil {
		t.Fatal(err)
	}
	caller, err := g.Caller("", nil)
	if err != nil {
		t.Fatal(err)
	}
	s, a := dispatch.New(dispatch.Config{Schema: registry}), &acker{}
	if a.Worker, err = s.Attach(caller, &hubv1.Attach{Group: "g", Channels: []string{said}}, a); err != nil {
		t.Fatal(err)
	}
	defer a.Detach()
	match, err := registry.Snapshot().Match("room.1.said")
	if err != nil {
		t.Fatal(err)
	}
	sender, payload, acked := &hubv1.Sender{Session: "s1"}, &anypb.Any{Value: []byte("x")}, 0
	reply := func(error) { acked++ }
	n := testing.AllocsPerRun(200, func() {
		s.Submit(dispatch.Message{Match: match, ID: "id", Sender: sender, Payload: payload, Reply: reply})
		a.Ack(a.last)
	})
	if acked != 201 {
		t.Fatalf("%d of 201 messages were acked", acked)
	}
	if n > budget {
		t.Errorf("%v allocations for a message, at most %d", n, budget)
	}
}
