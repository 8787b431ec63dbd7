package subscription_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/engine"
	"github.com/realtime-hub/hub/hub/internal/engine/memory"
	"github.com/realtime-hub/hub/hub/internal/fault"
	"github.com/realtime-hub/hub/hub/internal/gate"
	"github.com/realtime-hub/hub/hub/internal/session"
	"github.com/realtime-hub/hub/hub/internal/subscription"
	"github.com/realtime-hub/hub/hub/schema"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// deaf counts the publications that still find an interest.
type deaf struct{ heard int }

func (d *deaf) Publication(*engine.Publication) { d.heard++ }

type nowhere struct{ session.Conn }

func (nowhere) End(*fault.Error, bool) {}

type room struct {
	*subscription.Service

	t        testing.TB
	log      *memory.Log
	sink     *deaf
	table    *session.Table
	registry *schema.Registry
}

func open(t testing.TB, cfg subscription.Config) *room {
	t.Helper()
	registry := schema.New(schema.Config{})
	if _, err := registry.Load(t.Context(), "testdata"); err != nil {
		t.Fatal(err)
	}
	g, err := gate.New(gate.Config{Anonymous: true})
	if err != nil {
		t.Fatal(err)
	}
	r := &room{t: t, log: memory.New(memory.Config{}), sink: &deaf{}, table: session.NewTable(nil), registry: registry}
	cfg.Gate, cfg.Schema, cfg.Engine, cfg.Sink = g, registry, r.log, r.sink
	r.Service = subscription.New(cfg)
	return r
}

func (r *room) session(id gate.Identity) *session.Session {
	return r.table.Open(fmt.Sprint(r.table.Len()), id, "", nowhere{})
}

func (r *room) join(s *session.Session, channel string) (*hubv1.SubscribeResult, error) {
	var placed *hubv1.SubscribeResult
	_, err := r.Join(r.t.Context(), s, &hubv1.SubscribeArguments{Channel: channel}, func(res *hubv1.SubscribeResult, _ []*engine.Publication) { placed = res })
	return placed, err
}

// interest is how many publications of the channel still reach the sink.
func (r *room) interest(channel string) int {
	before := r.sink.heard
	if _, err := r.log.Publish(r.t.Context(), &engine.Publication{Channel: channel}, engine.PublishOptions{}); err != nil {
		r.t.Fatal(err)
	}
	return r.sink.heard - before
}

func TestTheEnginesInterestFollowsTheSubscriptions(t *testing.T) {
	r := open(t, subscription.Config{})
	ann, bob := r.session(gate.Identity{UserID: "ann"}), r.session(gate.Identity{})
	for _, s := range []*session.Session{ann, ann, bob} { // twice is once
		if res, err := r.join(s, "room.1.said"); err != nil || !res.GetOk() || res.GetChannel() != "room.1.said" {
			t.Fatalf("join: %v, %v", res, err)
		}
	}
	left := false
	if err := r.Leave(ann, "room.1.said", func(*hubv1.UnsubscribeResult) { left = true }); err != nil || !left {
		t.Fatalf("leave: %v, placed %v", err, left)
	}
	if r.interest("room.1.said") != 1 {
		t.Error("bob's interest went with ann's")
	}
	r.LeaveAll(bob)
	r.LeaveAll(bob)
	if r.interest("room.1.said") != 0 {
		t.Error("an interest is left of nobody")
	}
}

func TestARefusedJoinPlacesNothingAndLeavesNothing(t *testing.T) {
	r := open(t, subscription.Config{})
	ann := r.session(gate.Identity{UserID: "ann"})
	for channel, want := range map[string]fault.Reason{
		"room.1.secret": fault.ScopeDenied,
		"room.1.none":   fault.ChannelUnknown,
		"room..said":    fault.ChannelNameInvalid,
	} {
		res, err := r.join(ann, channel)
		if !fault.Is(err, want) || res != nil {
			t.Errorf("%s: %v, %v; want %s", channel, res, err, want)
		}
	}
	if held := r.Channels(ann); len(held) != 0 || r.interest("room.1.secret") != 0 {
		t.Errorf("ann holds %v", held)
	}
}

func TestASubscriptionSaysWhereItStartsAndWhetherAnythingIsMissing(t *testing.T) {
	r := open(t, subscription.Config{})
	publish := func(id string) engine.Position {
		t.Helper()
		res, err := r.log.Publish(t.Context(), &engine.Publication{Channel: "room.1.kept", ID: id, Payload: []byte("{}")},
			engine.PublishOptions{Keep: engine.Retention{Size: 10, TTL: time.Minute}})
		if err != nil {
			t.Fatal(err)
		}
		return res.Position
	}
	first, last := publish("1"), publish("2")
	no, yes := false, true
	for name, test := range map[string]struct {
		since     *hubv1.Position
		recovered *bool
		reason    string
		replayed  []string
	}{
		"without a position": {nil, nil, "", nil},
		"from the first":     {first.Proto(), &yes, "", []string{"2"}},
		"from the last":      {last.Proto(), &yes, "", nil},
		"of another history": {&hubv1.Position{Epoch: "another"}, &no, "EPOCH_CHANGED", nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := r.session(gate.Identity{UserID: "ann"})
			var res *hubv1.SubscribeResult
			var replayed []string
			_, err := r.Join(t.Context(), s, &hubv1.SubscribeArguments{Channel: "room.1.kept", Since: test.since},
				func(placed *hubv1.SubscribeResult, items []*engine.Publication) {
					res = placed
					for _, p := range items {
						replayed = append(replayed, p.ID)
					}
				})
			if err != nil || !proto.Equal(res.GetPosition(), last.Proto()) || res.GetReason() != test.reason || !slices.Equal(replayed, test.replayed) {
				t.Errorf("%v with %v, %v", res, replayed, err)
			}
			if (res.Recovered == nil) != (test.recovered == nil) || res.GetRecovered() != (test.recovered != nil && *test.recovered) ||
				int(res.GetReplayed()) != len(test.replayed) {
				t.Errorf("%v", res)
			}
		})
	}
	_, err := r.Join(t.Context(), r.session(gate.Identity{UserID: "ann"}), &hubv1.SubscribeArguments{Channel: "room.1.said", Since: first.Proto()},
		func(*hubv1.SubscribeResult, []*engine.Publication) { t.Error("placed") })
	if !fault.Is(err, fault.NotEnabled) {
		t.Errorf("where nothing is kept: %v", err)
	}
}

func TestSubscriptionsAreBoundedPerSession(t *testing.T) {
	r := open(t, subscription.Config{Max: 2})
	ann, bob := r.session(gate.Identity{UserID: "ann"}), r.session(gate.Identity{UserID: "ann"})
	for _, channel := range []string{"room.1.said", "room.2.said", "room.2.said"} {
		if _, err := r.join(ann, channel); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.join(ann, "room.3.said"); !fault.Is(err, fault.TooManySubscriptions) {
		t.Errorf("the third: %v", err)
	}
	if _, err := r.join(bob, "room.3.said"); err != nil {
		t.Errorf("another session of the same user: %v", err)
	}
	if err := r.Leave(ann, "room.1.said", func(*hubv1.UnsubscribeResult) {}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.join(ann, "room.3.said"); err != nil {
		t.Errorf("after leaving one: %v", err)
	}
	if held := r.Channels(ann); !slices.Equal(held, []string{"room.2.said", "room.3.said"}) {
		t.Errorf("ann holds %v", held)
	}
}

func TestLeavingWhatIsNotHeldIsNoError(t *testing.T) {
	r := open(t, subscription.Config{})
	ann := r.session(gate.Identity{UserID: "ann"})
	placed := false
	if err := r.Leave(ann, "gone.since.long", func(*hubv1.UnsubscribeResult) { placed = true }); err != nil || !placed {
		t.Errorf("placed %v, %v", placed, err)
	}
	if err := r.Leave(ann, "No Name", func(*hubv1.UnsubscribeResult) { t.Error("placed") }); !fault.Is(err, fault.ChannelNameInvalid) {
		t.Errorf("got %v", err)
	}
}
