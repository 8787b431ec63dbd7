package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/server"
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
		trace := map[string]string{"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "tracestate": "a=b"}
		go func() { answer <- c.ack(room, object{"n": 7}, object{"id": "once", "traceContext": trace}) }()
		d := w.delivery()
		if !maps.Equal(d.GetTraceContext(), trace) {
			t.Errorf("the trace is %v", d.GetTraceContext())
		}
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

// 500 messages of one session arrive in order while others go on. The browser
// has 32 unanswered at most: beyond 64 the hub would refuse them.
func TestMessagesOfASessionStayInOrder(t *testing.T) {
	const count, window, channels = 500, 32, 3
	h := startHub(t)
	w := h.work(t, &hubv1.Attach{Group: "order", Channels: []string{"e2e.asked.{room}"}, Capacity: 16})
	var asking sync.WaitGroup
	for i := range channels {
		r := h.rawSession(t)
		asking.Go(func() {
			for n, answered := 0, 0; answered < count; {
				for ; n < count && n-answered < window; n++ {
					r.say(fmt.Sprintf(`42%d["e2e.asked.r%d",{"n":%d}]`, n, i, n))
				}
				if answer := r.read(); !strings.HasPrefix(answer, fmt.Sprintf(`43%d[{"ok":true,`, answered)) {
					t.Errorf("%d is answered by %s", answered, answer)
					return
				}
				answered++
			}
		})
	}
	next := map[string]int{}
	for range count * channels {
		d := w.delivery()
		var asked struct{ N int }
		decode(t, asJSON(t, d), &asked)
		if asked.N != next[d.GetChannel()] {
			t.Fatalf("on %s came %d, not %d", d.GetChannel(), asked.N, next[d.GetChannel()])
		}
		next[d.GetChannel()]++
		w.ack(d)
	}
	asking.Wait()
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
	c.refused("e2e.asked.ab", object{"n": -1}).want(t, "PAYLOAD_INVALID", violation{Field: "n", Rule: "int32.gte"})
	c.refused("e2e.asked.ab", object{"m": 1}).want(t, "PAYLOAD_MALFORMED")
	c.refused("e2e.asked.ab", object{"text": strings.Repeat("x", 66_000)}).want(t, "PAYLOAD_TOO_LARGE")
	c.refused("e2e.asked.ab").want(t, "REQUEST_INVALID")
	c.refused("e2e.asked.ab", object{"n": 1}, object{"no": 1}).want(t, "REQUEST_INVALID")
	long := strings.Repeat("x", 513)
	c.refused("e2e.asked.ab", object{"n": 1}, object{"id": long}).want(t, "REQUEST_INVALID", violation{Field: "id", Rule: "string.max_bytes"})
	c.refused("e2e.asked.ab", object{"n": 1}, object{"traceContext": object{"baggage": "a=b"}}).
		want(t, "REQUEST_INVALID", violation{Field: `traceContext["baggage"]`, Rule: "string.in"})
	c.refused("e2e.asked.ab", object{"n": 1}, object{"traceContext": object{"tracestate": long}}).
		want(t, "REQUEST_INVALID", violation{Field: `traceContext["tracestate"]`, Rule: "string.max_bytes"})
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
		statusFailure(t, err).want(t, "REQUEST_INVALID", violation{Field: "ack.deliveryId", Rule: "string.min_bytes"})
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

func TestWorkersHearOfSessions(t *testing.T) {
	const connected, subscribed, unsubscribed, disconnected = hubv1.SessionEventKind_SESSION_EVENT_KIND_CONNECTED,
		hubv1.SessionEventKind_SESSION_EVENT_KIND_SUBSCRIBED, hubv1.SessionEventKind_SESSION_EVENT_KIND_UNSUBSCRIBED,
		hubv1.SessionEventKind_SESSION_EVENT_KIND_DISCONNECTED
	h := startHub(t)
	w := h.work(t, &hubv1.Attach{Group: "events", Events: []hubv1.SessionEventKind{connected, subscribed, unsubscribed, disconnected}})
	c := dial(t, h.url, modern, options{auth: map[string]string{"token": token(t, "user_1", "editor")}})
	c.ready()
	c.subscribe("e2e.room.ab")
	c.subscribe("e2e.room.ab") // twice is once
	c.ack("hub:unsubscribe", "e2e.room.ab")
	c.ack("hub:unsubscribe", "e2e.room.ab")
	c.call("disconnect", nil)
	for _, want := range []hubv1.SessionEventKind{connected, subscribed, unsubscribed, disconnected} {
		e := w.next().GetEvent()
		if e.GetKind() != want || e.GetSender().GetSession() != c.session || e.GetSender().GetUserId() != "user_1" {
			t.Fatalf("%v came, not %s", e, want)
		}
		if (e.GetChannel() == "e2e.room.ab") != (want == subscribed || want == unsubscribed) || (e.GetCause() != "") != (want == unsubscribed || want == disconnected) {
			t.Errorf("%v", e)
		}
		w.say(&hubv1.HandleRequest{Frame: &hubv1.HandleRequest_Ack{Ack: &hubv1.Ack{DeliveryId: e.GetDeliveryId()}}})
	}
}

// A session that dies without a word has all the same its last event, after
// what it did and with the cause, though it was cut in the middle.
func TestWorkersHearOfASessionThatDies(t *testing.T) {
	const connected, subscribed, disconnected = hubv1.SessionEventKind_SESSION_EVENT_KIND_CONNECTED,
		hubv1.SessionEventKind_SESSION_EVENT_KIND_SUBSCRIBED, hubv1.SessionEventKind_SESSION_EVENT_KIND_DISCONNECTED
	h := startHub(t)
	w := h.work(t, &hubv1.Attach{Group: "events", Events: []hubv1.SessionEventKind{connected, subscribed, disconnected}})
	for range 20 {
		r := h.rawSession(t)
		for n := range 3 {
			r.say(fmt.Sprintf(`42%d["hub:subscribe","e2e.room.r%d"]`, n, n))
		}
		_ = r.conn.NetConn().Close()
	}
	told, causes := map[string][]hubv1.SessionEventKind{}, 0
	for causes < 20 {
		e := w.next().GetEvent()
		session := e.GetSender().GetSession()
		told[session] = append(told[session], e.GetKind())
		if e.GetKind() == disconnected && e.GetCause() != "" {
			causes++
		}
		w.say(&hubv1.HandleRequest{Frame: &hubv1.HandleRequest_Ack{Ack: &hubv1.Ack{DeliveryId: e.GetDeliveryId()}}})
	}
	for session, kinds := range told {
		for i, kind := range kinds {
			if (kind == connected) != (i == 0) || (kind == disconnected) != (i == len(kinds)-1) {
				t.Errorf("of %s workers hear %v", session, kinds)
			}
		}
	}
}

// A drain is told to workers; what was accepted before is still theirs.
func TestADrainIsToldToWorkers(t *testing.T) {
	window := 500 * time.Millisecond
	h := startHub(t, func(cfg *server.Config) { cfg.DrainWindow = &window })
	w := h.work(t, &hubv1.Attach{Group: "g", Channels: []string{"e2e.asked.{room}"}})
	h.rawSession(t) // the drain begins with the oldest, and takes its time for the others
	r := h.rawSession(t)
	r.say(`421["e2e.asked.ab",{"n":1}]`)
	d := w.delivery()
	h.drain()
	if f := w.next(); f.GetDraining().GetTimeLeft().AsDuration() <= 0 {
		t.Errorf("%v came, not draining", f)
	}
	w.ack(d)
	_ = w.stream.CloseSend()
	// Before the session's end, which tells of the drain, comes the ack.
	last := r.ended()
	if len(last) < 3 || !strings.HasPrefix(last[0], `431[{"ok":true,`) || !strings.HasPrefix(last[1], `42["hub:draining",`) {
		t.Errorf("before its end the session heard %q", last)
	}
	if err := h.end(); err != nil {
		t.Error(err)
	}
}

// answers has a worker answer questions, by a function of each.
func (w *worker) answers(answer func(*hubv1.HandleResponse) *hubv1.HandleRequest) {
	go func() {
		for {
			select {
			case f := <-w.frames:
				if a := answer(f); a != nil && w.stream.Send(a) != nil {
					return
				}
			case <-w.stream.Context().Done():
				return
			}
		}
	}()
}

// A cookie session: a worker says who it is, and may not be asked in vain.
func TestAWorkerSaysWhoASessionIs(t *testing.T) {
	h := startHub(t, func(cfg *server.Config) { cfg.Auth.Worker = &server.WorkerAuth{Group: "sessions"} })
	cookies := func(value string) options {
		return options{headers: map[string]string{"Cookie": "other=1; session=" + value}}
	}
	connectFailure(t, dial(t, h.url, modern, cookies("stub"))).want(t, "NO_WORKER")

	w := h.work(t, &hubv1.Attach{Group: "sessions", Authenticator: true})
	w.answers(func(f *hubv1.HandleResponse) *hubv1.HandleRequest {
		ask := f.GetAuthenticate()
		answer := &hubv1.Identify{QuestionId: ask.GetQuestionId()}
		switch ask.GetCookies()["session"] {
		case "stub":
			answer.Identity = &hubv1.Identity{UserId: "user_1", Roles: []string{"editor"}}
		case "old":
			answer.Error = &hubv1.Error{Reason: "SIGNED_OUT", Message: "sign in again"}
		}
		if ask.GetAuth().GetFields()["who"].GetStringValue() == "me" {
			answer.Identity = &hubv1.Identity{UserId: "me"}
		}
		return &hubv1.HandleRequest{Frame: &hubv1.HandleRequest_Identify{Identify: answer}}
	})
	each(t, func(t *testing.T, m mode) {
		c := dial(t, h.url, m, cookies("stub"))
		same(t, "who it is", string(field(t, c.ready().arg(0), "userId")), `"user_1"`)
		c.subscribe("e2e.mail.user_1")
		c.subscribe("e2e.desk")

		anonymous := dial(t, h.url, m, cookies("none"))
		if id := field(t, anonymous.ready().arg(0), "userId"); id != nil && string(id) != "null" {
			t.Errorf("a session without an identity is %s", id)
		}
		out := dial(t, h.url, m, cookies("old"))
		if f := connectFailure(t, out); f.Reason != "SIGNED_OUT" || f.Message != "sign in again" {
			t.Errorf("refused with %+v", f)
		}
		// A bearer token is tried first.
		byToken := dial(t, h.url, m, as(token(t, "user_2")))
		same(t, "who it is", string(field(t, byToken.ready().arg(0), "userId")), `"user_2"`)
		if m.version == old {
			return // it has no auth object
		}
		// The CONNECT's auth object reaches the worker.
		me := dial(t, h.url, m, options{auth: map[string]string{"who": "me"}})
		same(t, "who it is", string(field(t, me.ready().arg(0), "userId")), `"me"`)
	})
}

// The handler scope: a worker decides at each join, and its word counts for sending.
func TestAWorkerDecidesWhoJoins(t *testing.T) {
	h := startHub(t)
	c := h.connect(t, modern, as(token(t, "user_1")))
	c.refused("hub:subscribe", "e2e.club.x").want(t, "NO_WORKER")
	c.refused("e2e.club.x", object{"text": "hello"}).want(t, "SCOPE_DENIED")
	w := h.work(t, &hubv1.Attach{Group: "clubs", Channels: []string{"e2e.club.{club}"}, Authorizer: true})
	w.answers(func(f *hubv1.HandleResponse) *hubv1.HandleRequest {
		if d := f.GetDelivery(); d != nil {
			return &hubv1.HandleRequest{Frame: &hubv1.HandleRequest_Ack{Ack: &hubv1.Ack{DeliveryId: d.GetDeliveryId()}}}
		}
		ask := f.GetAuthorize()
		allow := ask.GetParams()["club"] == "x" && ask.GetSender().GetUserId() == "user_1" && ask.GetSender().GetSession() != ""
		return &hubv1.HandleRequest{Frame: &hubv1.HandleRequest_Decide{Decide: &hubv1.Decide{
			QuestionId: ask.GetQuestionId(), Allow: allow, Message: "members only",
		}}}
	})
	c.subscribe("e2e.club.x")
	if got := c.ack("e2e.club.x", object{"text": "hello"}); !strings.Contains(got, `"ok":true`) {
		t.Errorf("acked %s", got)
	}
	no := c.refused("hub:subscribe", "e2e.club.y")
	no.want(t, "SCOPE_DENIED")
	if no.Message != "members only" {
		t.Errorf("refused with %q", no.Message)
	}
	c.refused("e2e.club.y", object{"text": "hello"}).want(t, "SCOPE_DENIED")
}

// The channel's rate is each session's: 100 at once, and 50 a second, where it
// does not say.
func TestMessagesBeyondTheRateAreRefused(t *testing.T) {
	h := startHub(t)
	fast := h.connect(t, modern, as(token(t, "user_1", "staff")))
	for n := 1; ; n++ {
		f := fast.refused("e2e.staff", object{"n": n})
		if f.Reason == "RATE_LIMITED" {
			f.want(t, "RATE_LIMITED")
			if n <= 100 {
				t.Errorf("message %d was one too many", n)
			}
			break
		}
		f.want(t, "NO_WORKER")
		if n > 5000 {
			t.Fatal("5,000 messages were none too many")
		}
	}
	h.connect(t, modern, as(token(t, "user_1", "staff"))).refused("e2e.staff", object{"n": 1}).want(t, "NO_WORKER")
}

// An answer holds until the time that came with it; asking again renews it.
func TestAPermissionEndsWithItsTime(t *testing.T) {
	h := startHub(t)
	w := h.work(t, &hubv1.Attach{Group: "clubs", Authorizer: true, Events: []hubv1.SessionEventKind{hubv1.SessionEventKind_SESSION_EVENT_KIND_UNSUBSCRIBED}})
	told := make(chan *hubv1.SessionEvent, 10)
	w.answers(func(f *hubv1.HandleResponse) *hubv1.HandleRequest {
		if e := f.GetEvent(); e != nil {
			told <- e
			return &hubv1.HandleRequest{Frame: &hubv1.HandleRequest_Ack{Ack: &hubv1.Ack{DeliveryId: e.GetDeliveryId()}}}
		}
		lives := map[string]time.Duration{"short": time.Second, "past": -time.Second}[f.GetAuthorize().GetParams()["club"]]
		return &hubv1.HandleRequest{Frame: &hubv1.HandleRequest_Decide{Decide: &hubv1.Decide{
			QuestionId: f.GetAuthorize().GetQuestionId(), Allow: true, ExpiresAt: timestamppb.New(time.Now().Add(lives)),
		}}}
	})
	c := h.connect(t, modern, as(token(t, "user_1")))
	c.refused("hub:subscribe", "e2e.club.past").want(t, "SCOPE_DENIED")
	c.subscribe("e2e.club.short")
	h.broadcast(t, "e2e.club.short", `{"text":"in time"}`)
	c.next("e2e.club.short")
	ended := c.next("hub:unsubscribed")
	same(t, "the channel", string(field(t, ended.arg(0), "channel")), `"e2e.club.short"`)
	failureOf(t, field(t, ended.arg(0), "error")).want(t, "SCOPE_DENIED")
	h.broadcast(t, "e2e.club.short", `{"text":"too late"}`)
	h.silence(t, c, "e2e.club.short")
	select {
	case e := <-told:
		if e.GetChannel() != "e2e.club.short" || e.GetCause() != "permission ended" {
			t.Errorf("the worker was told %v", e)
		}
	case <-time.After(patience):
		t.Error("the worker was not told")
	}
	c.subscribe("e2e.club.short")
}
