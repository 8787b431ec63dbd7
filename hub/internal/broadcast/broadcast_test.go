package broadcast_test

import (
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/broadcast"
	"github.com/realtime-hub/hub/hub/internal/engine"
	"github.com/realtime-hub/hub/hub/internal/engine/memory"
	"github.com/realtime-hub/hub/hub/internal/fault"
	"github.com/realtime-hub/hub/hub/internal/gate"
	"github.com/realtime-hub/hub/hub/schema"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// audience hears what subscribers would.
type audience struct {
	mu    sync.Mutex
	heard []engine.Publication
}

func (a *audience) Publication(p *engine.Publication) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.heard = append(a.heard, *p)
}

const backend = "a-token-of-sixteen-bytes-or-more"

// room is the flow with a real registry, gate and engine around it.
func room(t *testing.T) (*broadcast.Service, *gate.Caller, *audience) {
	t.Helper()
	registry := schema.New(schema.Config{MaxPayloadBytes: 100})
	if _, err := registry.Load(t.Context(), "testdata"); err != nil {
		t.Fatal(err)
	}
	g, err := gate.New(gate.Config{Tokens: []gate.ServiceToken{
		{Name: "room", Token: backend, Allow: []gate.Right{gate.Broadcast}, Channels: []string{"room.*"}},
		{Name: "other", Token: "the-token-of-another-one", Allow: []gate.Right{gate.Broadcast}, Channels: []string{"other.*"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	caller, err := g.Caller("Bearer "+backend, nil)
	if err != nil {
		t.Fatal(err)
	}
	log, a := memory.New(memory.Config{}), &audience{}
	if err := log.Join(t.Context(), "room.1.said", a, engine.ReadOptions{}, func(engine.Replay) {}); err != nil {
		t.Fatal(err)
	}
	return broadcast.New(broadcast.Config{Schema: registry, Engine: log}), caller, a
}

func said(json string) *hubv1.BroadcastRequest {
	return &hubv1.BroadcastRequest{Channel: "room.1.said", Payload: &hubv1.BroadcastRequest_Json{Json: json}}
}

func TestAMessageIsPublishedAsCanonicalJSON(t *testing.T) {
	v, caller, a := room(t)
	req := said(` { "number" : 9007199254740993, "text":"hi" } `)
	req.ExceptSessions = []string{"s"}
	res, err := v.Send(t.Context(), caller, req)
	if err != nil {
		t.Fatal(err)
	}
	if len(a.heard) != 1 {
		t.Fatalf("heard %d", len(a.heard))
	}
	p := a.heard[0]
	if string(p.Payload) != `{"text":"hi","number":"9007199254740993"}` || p.ID != res.GetId() || p.Channel != "room.1.said" || len(p.Except) != 1 {
		t.Errorf("heard %s, %+v", p.Payload, p)
	}
	if len(res.GetId()) < 16 || res.GetDuplicate() {
		t.Errorf("answered %v", res)
	}
}

func TestWhatIsRefusedReachesNobody(t *testing.T) {
	v, caller, a := room(t)
	for name, test := range map[string]struct {
		req  *hubv1.BroadcastRequest
		want fault.Reason
	}{
		"unknown channel": {&hubv1.BroadcastRequest{Channel: "other.1.said", Payload: said(`{}`).GetPayload()}, fault.ChannelUnknown},
		"bad name":        {&hubv1.BroadcastRequest{Channel: "room..said", Payload: said(`{}`).GetPayload()}, fault.ChannelNameInvalid},
		"broken rule":     {said(`{"text":""}`), fault.PayloadInvalid},
		"unknown field":   {said(`{"text":"a","more":1}`), fault.PayloadMalformed},
		"no JSON":         {said(`{`), fault.PayloadMalformed},
		"too large":       {said(`{"text":"` + strings.Repeat("x", 100) + `"}`), fault.PayloadTooLarge},
		"no payload":      {&hubv1.BroadcastRequest{Channel: "room.1.said"}, fault.RequestInvalid},
	} {
		if _, err := v.Send(t.Context(), caller, test.req); !fault.Is(err, test.want) {
			t.Errorf("%s: %v, want %s", name, err, test.want)
		}
	}
	if len(a.heard) != 0 {
		t.Errorf("heard %v", a.heard)
	}
}

func TestACallerStaysWithinItsChannels(t *testing.T) {
	registry := schema.New(schema.Config{})
	if _, err := registry.Load(t.Context(), "testdata"); err != nil {
		t.Fatal(err)
	}
	g, err := gate.New(gate.Config{Tokens: []gate.ServiceToken{{
		Name: "other", Token: backend, Allow: []gate.Right{gate.Broadcast}, Channels: []string{"other.*"},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	caller, err := g.Caller("Bearer "+backend, nil)
	if err != nil {
		t.Fatal(err)
	}
	v := broadcast.New(broadcast.Config{Schema: registry, Engine: memory.New(memory.Config{})})
	if _, err := v.Send(t.Context(), caller, said(`{"text":"a"}`)); !fault.Is(err, fault.ScopeDenied) {
		t.Errorf("got %v", err)
	}
}

func TestAnIDIsSentOnceWhateverItsPayload(t *testing.T) {
	v, caller, a := room(t)
	for i, text := range []string{"first", "second"} {
		req := said(`{"text":"` + text + `"}`)
		req.Id = "order-1"
		res, err := v.Send(t.Context(), caller, req)
		if err != nil || res.GetId() != "order-1" || res.GetDuplicate() != (i > 0) {
			t.Errorf("%s: %v, %v", text, res, err)
		}
	}
	if len(a.heard) != 1 {
		t.Errorf("heard %d", len(a.heard))
	}
	// A refused message leaves nothing behind: its id is free.
	req := said(`{"text":""}`)
	req.Id = "order-2"
	if _, err := v.Send(t.Context(), caller, req); err == nil {
		t.Error("a broken rule passed")
	}
	req = said(`{"text":"mended"}`)
	req.Id = "order-2"
	if res, err := v.Send(t.Context(), caller, req); err != nil || res.GetDuplicate() {
		t.Errorf("the mended message: %v, %v", res, err)
	}
}

func TestABatchKeepsOrderAndGoesOnAfterAFailure(t *testing.T) {
	v, caller, a := room(t)
	long := said(`{"text":"x"}`)
	long.Id = strings.Repeat("x", 129)
	results := v.SendBatch(t.Context(), caller, []*hubv1.BroadcastRequest{
		said(`{"text":"1"}`), said(`{"text":""}`), said(`{"text":"2"}`), long, {}, said(`{"text":"3"}`),
	})
	var outcomes []string
	for _, r := range results {
		outcomes = append(outcomes, r.GetError().GetReason())
	}
	if got := strings.Join(outcomes, ","); got != ",PAYLOAD_INVALID,,REQUEST_INVALID,REQUEST_INVALID," {
		t.Errorf("outcomes %s", got)
	}
	if results[1].GetError().GetViolations()[0].GetField() != "text" || results[3].GetError().GetViolations()[0].GetField() != "id" {
		t.Errorf("violations %v, %v", results[1], results[3])
	}
	var texts []string
	for _, p := range a.heard {
		texts = append(texts, string(p.Payload))
	}
	if got := strings.Join(texts, ""); got != `{"text":"1","number":"0"}{"text":"2","number":"0"}{"text":"3","number":"0"}` {
		t.Errorf("heard %s", got)
	}
}
