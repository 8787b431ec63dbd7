package dispatch_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/dispatch"
	"github.com/realtime-hub/hub/hub/internal/fault"
)

func (s *stream) question() string {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.frames[len(s.frames)-1]
	return f.GetAuthenticate().GetQuestionId() + f.GetAuthorize().GetQuestionId()
}

func decides(a *hubv1.Attach) { a.Authenticator, a.Authorizer = true, true }

func TestAWorkerAnswersWhoASessionIs(t *testing.T) {
	within(t, func(w *world) {
		other := w.attach("other", decides)
		s := w.attach("sessions", decides)
		got := make(chan string, 1)
		go func() {
			a, err := w.Service.Identify(t.Context(), "sessions", &hubv1.Authenticate{Cookies: map[string]string{"session": "stub"}})
			got <- fmt.Sprint(a.GetIdentity().GetUserId(), " ", err)
		}()
		id := s.question()
		other.Identify(&hubv1.Identify{QuestionId: id, Identity: &hubv1.Identity{UserId: "eve"}}) // not its question
		s.Identify(&hubv1.Identify{QuestionId: id, Identity: &hubv1.Identity{UserId: "ann"}})
		if answer := <-got; answer != "ann <nil>" {
			t.Errorf("answered %s", answer)
		}
		go func() {
			a, err := w.Service.Decide(t.Context(), &hubv1.Authorize{Channel: "room.1.said"})
			got <- fmt.Sprint(a.GetAllow(), " ", err)
		}()
		synctest.Wait()
		for _, one := range []*stream{other, s} { // whoever was asked
			one.Decide(&hubv1.Decide{QuestionId: one.question(), Allow: true})
		}
		if answer := <-got; answer != "true <nil>" {
			t.Errorf("answered %s", answer)
		}
	})
}

// Whatever keeps a worker from answering is no.
func TestQuestionsFailClosed(t *testing.T) {
	within(t, func(w *world) {
		ask := func() error {
			_, err := w.Service.Decide(context.WithoutCancel(t.Context()), &hubv1.Authorize{Channel: "room.1.said"})
			return err
		}
		if err := ask(); !fault.Is(err, fault.NoWorker) {
			t.Errorf("nobody there: %v", err)
		}
		s := w.attach("g", func(a *hubv1.Attach) { decides(a); a.Capacity = 1 })
		begin := time.Now()
		if err := ask(); !fault.Is(err, fault.HandlerTimeout) || time.Since(begin) != 5*time.Second {
			t.Errorf("no answer: %v, after %s", err, time.Since(begin))
		}
		errs := make(chan error, 2)
		for range 2 { // one is out, one waits for it
			go func() { errs <- ask() }()
		}
		synctest.Wait()
		s.Detach()
		for range 2 {
			if err := <-errs; !fault.Is(err, fault.NoWorker) || time.Since(begin) != 5*time.Second {
				t.Errorf("the worker is gone: %v, after %s", err, time.Since(begin))
			}
		}
	})
}

func TestADrainingWorkersStreamEndsWithItsLastQuestionAnsweredOrNot(t *testing.T) {
	within(t, func(w *world) {
		s := w.attach("g", decides)
		errs := make(chan error, 1)
		go func() {
			_, err := w.Service.Decide(context.WithoutCancel(t.Context()), &hubv1.Authorize{Channel: "room.1.said"})
			errs <- err
		}()
		synctest.Wait()
		s.Drain()
		if s.ended() {
			t.Error("the stream ends before what it was asked is answered")
		}
		if err := <-errs; !fault.Is(err, fault.HandlerTimeout) {
			t.Errorf("no answer: %v", err)
		}
		if !s.ended() {
			t.Error("the stream goes on, for a question whose time is over")
		}
	})
}

func TestWhoMayAttach(t *testing.T) {
	within(t, func(w *world) {
		for _, test := range []struct {
			name, caller string
			change       func(*hubv1.Attach)
			want         fault.Reason
		}{
			{"no right", "none", nil, fault.ScopeDenied},
			{"another's channel", "said", nil, fault.ScopeDenied},
			{"no authenticator", "said", func(a *hubv1.Attach) { a.Channels = nil; a.Authenticator = true }, fault.ScopeDenied},
			{"no authorizer", "said", func(a *hubv1.Attach) { a.Channels = nil; a.Authorizer = true }, fault.ScopeDenied},
			{"unknown channel", "all", func(a *hubv1.Attach) { a.Channels = []string{"room.none"} }, fault.ChannelUnknown},
			{"takes no messages", "all", func(a *hubv1.Attach) { a.Channels = []string{"room.{id}.quiet"} }, fault.InboundNotAccepted},
		} {
			if _, err := w.try(test.caller, "g", test.change); !fault.Is(err, test.want) {
				t.Errorf("%s: %v, want %s", test.name, err, test.want)
			}
		}
		w.Service.Drain(time.Second)
		if _, err := w.try("all", "g", nil); !fault.Is(err, fault.Draining) {
			t.Errorf("at a hub that drains: %v", err)
		}
	})
}

func TestASessionsEventsComeInOrderAndAgain(t *testing.T) {
	within(t, func(w *world) {
		const connected, joined, gone = hubv1.SessionEventKind_SESSION_EVENT_KIND_CONNECTED, hubv1.SessionEventKind_SESSION_EVENT_KIND_SUBSCRIBED, hubv1.SessionEventKind_SESSION_EVENT_KIND_DISCONNECTED
		all := func(a *hubv1.Attach) { a.Events = []hubv1.SessionEventKind{connected, joined, gone} }
		s := w.attach("g", all)
		deaf := w.attach("g", nil)
		narrow, err := w.try("said", "narrow", func(a *hubv1.Attach) { a.Channels = nil; all(a) })
		if err != nil {
			t.Fatal(err)
		}
		tell := func(kind hubv1.SessionEventKind, declared string) {
			w.Tell(dispatch.Event{Kind: kind, Sender: &hubv1.Sender{Session: "s1"}, Declared: declared, Channel: declared, Cause: "why"})
		}
		tell(connected, "")
		tell(joined, moved)
		tell(gone, "")
		kinds := func(s *stream) (kinds []hubv1.SessionEventKind) {
			for n := 0; ; n++ {
				events := s.events()
				if n == len(events) {
					return kinds
				}
				kinds = append(kinds, events[n].GetKind())
				s.Ack(events[n].GetDeliveryId())
			}
		}
		first := s.events()
		if len(first) != 1 || first[0].GetKind() != connected || first[0].GetAt() == nil || first[0].GetSender().GetSession() != "s1" {
			t.Fatalf("told %v", first)
		}
		s.Detach()
		other := w.attach("g", all)
		time.Sleep(150 * time.Millisecond) // in the bubble; the backoff
		if got := fmt.Sprint(kinds(other)); got != fmt.Sprint([]hubv1.SessionEventKind{connected, joined, gone}) {
			t.Errorf("the next worker is told %s", got)
		}
		// Its token does not cover the channel that was joined.
		if got := fmt.Sprint(kinds(narrow)); got != fmt.Sprint([]hubv1.SessionEventKind{connected, gone}) {
			t.Errorf("a narrow token is told %s", got)
		}
		if n := len(deaf.events()); n != 0 {
			t.Errorf("a worker that wants no events was told %d", n)
		}
	})
}
