package e2e_test

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
)

// worker is a stream of Handle's, spoken by hand.
type worker struct {
	t      *testing.T
	stream hubv1.HandlerService_HandleClient
	frames chan *hubv1.HandleResponse
	end    chan error
}

// work attaches a worker until the test ends.
func (h *testHub) work(t *testing.T, attach *hubv1.Attach) *worker {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	stream, err := h.handler.Handle(ctx)
	if err != nil {
		t.Fatal(err)
	}
	w := &worker{t: t, stream: stream, frames: make(chan *hubv1.HandleResponse, 1<<12), end: make(chan error, 1)}
	w.say(&hubv1.HandleRequest{Frame: &hubv1.HandleRequest_Attach{Attach: attach}})
	go func() {
		for {
			frame, err := stream.Recv()
			if err != nil {
				w.end <- err
				return
			}
			w.frames <- frame
		}
	}()
	if a := w.next().GetAttached(); a == nil {
		t.Fatal("the first frame is not attached")
	}
	return w
}

func (w *worker) say(frame *hubv1.HandleRequest) {
	w.t.Helper()
	if err := w.stream.Send(frame); err != nil {
		w.t.Fatal(err)
	}
}

func (w *worker) next() *hubv1.HandleResponse {
	w.t.Helper()
	select {
	case f := <-w.frames:
		return f
	case err := <-w.end:
		w.t.Fatalf("the stream has ended: %v", err)
	case <-time.After(patience):
		w.t.Fatal("no frame came")
	}
	return nil
}

func (w *worker) ack(d *hubv1.Delivery) {
	w.t.Helper()
	w.say(&hubv1.HandleRequest{Frame: &hubv1.HandleRequest_Ack{Ack: &hubv1.Ack{DeliveryId: d.GetDeliveryId()}}})
}

// delivery is the next one.
func (w *worker) delivery() *hubv1.Delivery {
	w.t.Helper()
	d := w.next().GetDelivery()
	if d == nil {
		w.t.Fatal("the frame is no delivery")
	}
	return d
}

func TestAMessageReachesAWorkerAndItsAckTheBrowser(t *testing.T) {
	h := common.get(t)
	w := h.work(t, &hubv1.Attach{Group: "ask", Channels: []string{"e2e.asked.{room}"}})
	each(t, func(t *testing.T, m mode) {
		c := h.connect(t, m, options{})
		room := "e2e.asked." + unique()
		answer := make(chan string, 1)
		go func() { answer <- c.ack(room, object{"n": 7}, object{"id": "once"}) }()
		d := w.delivery()
		if d.GetChannel() != room || d.GetMessageId() != "once" || d.GetAttempt() != 1 || d.GetSender().GetSession() != c.session {
			t.Errorf("delivered %v", d)
		}
		if want := "e2e.v1.Asked"; !strings.HasSuffix(d.GetMessage().GetTypeUrl(), "/"+want) {
			t.Errorf("delivered a %s", d.GetMessage().GetTypeUrl())
		}
		w.ack(d)
		same(t, "the ack", <-answer, `{"ok":true,"id":"once"}`)
	})
}

// 500 messages of one session arrive in order while others go on.
func TestMessagesOfASessionStayInOrder(t *testing.T) {
	const count = 500
	h := startHub(t)
	w := h.work(t, &hubv1.Attach{Group: "order", Channels: []string{"e2e.asked.{room}"}, Capacity: 16})
	r := h.rawSession(t)
	other := h.rawSession(t)
	go func() {
		for i := range count {
			r.say(`42["e2e.asked.one",{"n":` + strconv.Itoa(i) + `}]`)
			if i%10 == 0 {
				other.say(`42["e2e.asked.two",{"n":` + strconv.Itoa(i) + `}]`)
			}
		}
	}()
	next := map[string]int{}
	for seen := 0; seen < count+count/10; {
		d := w.delivery()
		step := 1
		if d.GetChannel() == "e2e.asked.two" {
			step = 10
		}
		var asked struct{ N int }
		decode(t, asJSON(t, d), &asked)
		if asked.N != next[d.GetChannel()] {
			t.Fatalf("on %s came %d, not %d", d.GetChannel(), asked.N, next[d.GetChannel()])
		}
		next[d.GetChannel()] += step
		seen++
		w.ack(d)
	}
}

// asJSON is a delivery's only field, n, read from its wire form: a varint.
func asJSON(t *testing.T, d *hubv1.Delivery) string {
	t.Helper()
	n, b := uint64(0), d.GetMessage().GetValue()
	for i := 1; i < len(b); i++ { // behind the tag
		n |= uint64(b[i]&0x7f) << (7 * (i - 1))
	}
	text, _ := json.Marshal(map[string]uint64{"n": n})
	return string(text)
}

func TestWhyAMessageIsRefused(t *testing.T) {
	h := startHub(t)
	c := h.connect(t, modern, options{auth: map[string]string{"token": token(t, "user_1")}})
	c.refused("e2e.asked.ab", object{"n": 1}).want(t, "NO_WORKER")
	h.work(t, &hubv1.Attach{Group: "why", Channels: []string{"e2e.asked.{room}"}})
	c.refused("e2e.asked.ab", object{"n": -1}).want(t, "PAYLOAD_INVALID")
	c.refused("e2e.asked.ab", object{"m": 1}).want(t, "PAYLOAD_MALFORMED")
	c.refused("e2e.asked.ab", object{"text": strings.Repeat("x", 66_000)}).want(t, "PAYLOAD_TOO_LARGE")
	c.refused("e2e.asked.ab").want(t, "REQUEST_INVALID")
	c.refused("e2e.asked.ab", object{"n": 1}, object{"no": 1}).want(t, "REQUEST_INVALID")
	c.refused("e2e.room.ab", object{"n": 1}).want(t, "INBOUND_NOT_ACCEPTED")
	c.refused("e2e.none.ab", object{"n": 1}).want(t, "CHANNEL_UNKNOWN")
	c.refused("e2e.staff", object{"n": 1}).want(t, "SCOPE_DENIED")
	c.emit("e2e.asked.ab", object{"n": -1}) // without an ack
	var failed struct {
		Event, Channel string
		Error          failure
	}
	decode(t, string(c.next("hub:error").arg(0)), &failed)
	if failed.Channel != "e2e.asked.ab" || failed.Error.Reason != "PAYLOAD_INVALID" {
		t.Errorf("hub:error says %+v", failed)
	}
}

func TestAWorkerThatSendsGarbageLosesItsStream(t *testing.T) {
	h := startHub(t)
	w := h.work(t, &hubv1.Attach{Group: "g", Channels: []string{"e2e.asked.{room}"}})
	c := h.connect(t, modern, options{})
	answer := make(chan string, 1)
	go func() { answer <- c.ack("e2e.asked.ab", object{"n": 1}) }()
	w.delivery()
	w.say(&hubv1.HandleRequest{Frame: &hubv1.HandleRequest_Ack{Ack: &hubv1.Ack{}}})
	select {
	case err := <-w.end:
		f := statusFailure(t, err)
		f.want(t, "REQUEST_INVALID")
	case <-time.After(patience):
		t.Fatal("the stream goes on")
	}
	other := h.work(t, &hubv1.Attach{Group: "g", Channels: []string{"e2e.asked.{room}"}})
	d := other.delivery()
	if d.GetAttempt() != 2 {
		t.Errorf("attempt %d", d.GetAttempt())
	}
	other.ack(d)
	if got := <-answer; !strings.Contains(got, `"ok":true`) {
		t.Errorf("acked %s", got)
	}
}
