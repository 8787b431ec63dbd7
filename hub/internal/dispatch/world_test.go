package dispatch_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"
	"google.golang.org/protobuf/types/known/anypb"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/dispatch"
	"github.com/realtime-hub/hub/hub/internal/fault"
	"github.com/realtime-hub/hub/hub/internal/gate"
	"github.com/realtime-hub/hub/hub/schema"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	said  = "room.{id}.said"
	moved = "room.{id}.moved"
	brief = "room.{id}.brief"
)

// world is the flow with a real registry and gate.
type world struct {
	*dispatch.Service
	t      *testing.T
	schema *schema.Registry
	gate   *gate.Gate
}

// within runs a test in a bubble, where time passes when nobody does anything.
func within(t *testing.T, run func(w *world)) {
	t.Helper()
	registry := schema.New(schema.Config{})
	if _, err := registry.Load(t.Context(), "testdata"); err != nil {
		t.Fatal(err)
	}
	g, err := gate.New(gate.Config{Tokens: []gate.ServiceToken{
		{Name: "all", Token: token("all"), Allow: []gate.Right{gate.Handle, gate.Authenticate, gate.Authorize}, Channels: []string{"*"}},
		{Name: "said", Token: token("said"), Allow: []gate.Right{gate.Handle}, Channels: []string{said}},
		{Name: "none", Token: token("none"), Allow: []gate.Right{gate.Broadcast}, Channels: []string{"*"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		run(&world{Service: dispatch.New(dispatch.Config{Schema: registry, HubID: "hub"}), t: t, schema: registry, gate: g})
		synctest.Wait()
	})
}

func token(name string) string { return name + "-and-sixteen-more-bytes" }

// stream is a worker, and what it was sent.
type stream struct {
	*dispatch.Worker
	w *world

	mu     sync.Mutex
	frames []*hubv1.HandleResponse
	done   int
	most   int // deliveries that it had unacked at a time
	acked  map[string]bool
}

func (s *stream) Done() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done++
}

func (s *stream) ended() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.done > 0
}

func (s *stream) Send(f *hubv1.HandleResponse) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.frames = append(s.frames, f)
	s.most = max(s.most, len(s.open()))
}

// open are the deliveries that were not answered. The caller holds mu.
func (s *stream) open() (open []*hubv1.Delivery) {
	for _, f := range s.frames {
		if d := f.GetDelivery(); d != nil && !s.acked[d.GetDeliveryId()] {
			open = append(open, d)
		}
	}
	return open
}

func (s *stream) unacked() []*hubv1.Delivery {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open()
}

func (s *stream) events() (all []*hubv1.SessionEvent) {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.frames {
		if e := f.GetEvent(); e != nil {
			all = append(all, e)
		}
	}
	return all
}

func (w *world) attach(group string, change func(*hubv1.Attach)) *stream {
	w.t.Helper()
	s, err := w.try("all", group, change)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

func (w *world) try(caller, group string, change func(*hubv1.Attach)) (*stream, error) {
	w.t.Helper()
	who, err := w.gate.Caller("Bearer "+token(caller), nil)
	if err != nil {
		w.t.Fatal(err)
	}
	req := &hubv1.Attach{Group: group, Channels: []string{said, moved}}
	if change != nil {
		change(req)
	}
	s := &stream{w: w, acked: make(map[string]bool)}
	s.Worker, err = w.Service.Attach(who, req, s)
	return s, err
}

// next is the oldest delivery that was not answered, which must be this text.
func (s *stream) next(text string) *hubv1.Delivery {
	s.w.t.Helper()
	open := s.unacked()
	if len(open) == 0 {
		s.w.t.Fatalf("%s was not delivered", text)
	}
	if got := string(open[0].GetMessage().GetValue()); got != text {
		s.w.t.Fatalf("%s was delivered, not %s", got, text)
	}
	return open[0]
}

func (s *stream) none() {
	s.w.t.Helper()
	if open := s.unacked(); len(open) > 0 {
		s.w.t.Fatalf("%s was delivered", open[0].GetMessage().GetValue())
	}
}

func (s *stream) answered(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.acked[id] = true
}

// ack takes the next delivery, which must be this text, and acks it.
func (s *stream) ack(text string) *hubv1.Delivery {
	s.w.t.Helper()
	d := s.next(text)
	s.answered(d.GetDeliveryId())
	s.Ack(d.GetDeliveryId())
	return d
}

func (s *stream) nack(text string, n *hubv1.Nack) {
	s.w.t.Helper()
	n.DeliveryId = s.next(text).GetDeliveryId()
	s.answered(n.GetDeliveryId())
	s.Nack(n)
}

// word is what a sender was told.
type word struct {
	t *testing.T

	mu    sync.Mutex
	times int
	err   error
}

// submit sends a text, as the message's bytes, from a session on a channel.
func (w *world) submit(session, channel, text string) *word {
	w.t.Helper()
	match, err := w.schema.Snapshot().Match(channel)
	if err != nil {
		w.t.Fatal(err)
	}
	told := &word{t: w.t}
	w.Submit(dispatch.Message{
		Match: match, ID: "id-" + text, Sender: &hubv1.Sender{Session: session, UserId: "ann"},
		Payload: &anypb.Any{TypeUrl: "type.googleapis.com/t.v1.Said", Value: []byte(text)},
		Reply: func(err error) {
			told.mu.Lock()
			defer told.mu.Unlock()
			told.times++
			told.err = err
		},
	})
	return told
}

func (d *word) told() (bool, error) {
	synctest.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.times > 1 {
		d.t.Errorf("the sender was told %d times", d.times)
	}
	return d.times > 0, d.err
}

func (d *word) waits() {
	d.t.Helper()
	if told, err := d.told(); told {
		d.t.Fatalf("the sender was told %v", err)
	}
}

func (d *word) ok() {
	d.t.Helper()
	if told, err := d.told(); !told || err != nil {
		d.t.Fatalf("the sender was told: %v, %v; not ok", told, err)
	}
}

func (d *word) failed(want fault.Reason) *fault.Error {
	d.t.Helper()
	told, err := d.told()
	if !told || !fault.Is(err, want) {
		d.t.Fatalf("the sender was told: %v, %v; not %s", told, err, want)
	}
	return fault.Of(err)
}

// texts are 1 to n.
func texts(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprint(i + 1)
	}
	return all
}

func joined(ds []*hubv1.Delivery) string {
	var all []string
	for _, d := range ds {
		all = append(all, string(d.GetMessage().GetValue()))
	}
	slices.Sort(all)
	return strings.Join(all, ",")
}
