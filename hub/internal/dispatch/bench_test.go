package dispatch_test

import (
	"log/slog"
	"strconv"
	"testing"

	"google.golang.org/protobuf/types/known/anypb"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/dispatch"
	"github.com/realtime-hub/hub/hub/internal/gate"
	"github.com/realtime-hub/hub/hub/schema"
)

// What a message costs in the flow, from Submit to its ack, of a thousand
// sessions in turn; protobuf, gRPC and the browser aside.
func BenchmarkMessage(b *testing.B) {
	for _, channel := range []string{"said", "moved"} {
		b.Run("channel="+channel, func(b *testing.B) {
			registry := schema.New(schema.Config{})
			if _, err := registry.Load(b.Context(), "testdata"); err != nil {
				b.Fatal(err)
			}
			g, err := gate.New(gate.Config{})
			if err != nil {
				b.Fatal(err)
			}
			caller, err := g.Caller("", nil)
			if err != nil {
				b.Fatal(err)
			}
			s := dispatch.New(dispatch.Config{Schema: registry, Log: slog.New(slog.DiscardHandler)})
			workers := make([]*echo, 4)
			for i := range workers {
				workers[i] = &echo{}
				if workers[i].Worker, err = s.Attach(caller, &hubv1.Attach{Group: "g", Channels: []string{"room.{id}." + channel}}, workers[i]); err != nil {
					b.Fatal(err)
				}
				b.Cleanup(workers[i].Detach)
			}
			match, err := registry.Snapshot().Match("room.1." + channel)
			if err != nil {
				b.Fatal(err)
			}
			senders := make([]*hubv1.Sender, 1000)
			for i := range senders {
				senders[i] = &hubv1.Sender{Session: strconv.Itoa(i)}
			}
			payload := &anypb.Any{Value: []byte("x")}
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				s.Submit(dispatch.Message{Match: match, ID: "id", Sender: senders[n%1000], Payload: payload, Reply: func(error) {}})
				for _, w := range workers {
					if w.last != "" {
						w.Ack(w.last)
						w.last = ""
					}
				}
			}
		})
	}
}

// echo is a worker that knows its last delivery.
type echo struct {
	*dispatch.Worker

	last string
}

func (e *echo) Send(f *hubv1.HandleResponse) { e.last = f.GetDelivery().GetDeliveryId() }
func (e *echo) Done()                        {}
