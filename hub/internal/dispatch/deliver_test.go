package dispatch_test

import (
	"strings"
	"testing"
	"time"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/dispatch"
	"github.com/realtime-hub/hub/hub/internal/fault"
)

func TestADeliverySaysWhatAWorkerNeeds(t *testing.T) {
	within(t, func(w *world) {
		s := w.attach("g", nil)
		a := s.frames[0].GetAttached()
		if a.GetCapacity() != 64 || a.GetHubId() != "hub" || a.GetWorkerId() == "" {
			t.Errorf("attached by %v", a)
		}
		told := w.submit("s1", "room.7.said", "hello")
		d := s.ack("hello")
		if d.GetChannel() != "room.7.said" || d.GetParams()["id"] != "7" || d.GetMessageId() != "id-hello" || d.GetSender().GetSession() != "s1" ||
			d.GetAttempt() != 1 || d.GetTimeLeft().AsDuration() != 10*time.Second {
			t.Errorf("delivered %v", d)
		}
		told.ok()
	})
}

func TestMessagesOfASessionOnAChannelComeOneAfterTheOther(t *testing.T) {
	within(t, func(w *world) {
		s := w.attach("g", nil)
		var told []*word
		for _, text := range texts(5) {
			told = append(told, w.submit("s1", "room.1.said", text))
		}
		other := w.submit("s1", "room.2.said", "other channel")
		third := w.submit("s2", "room.1.said", "other session")
		if got := joined(s.unacked()); got != "1,other channel,other session" {
			t.Fatalf("delivered %s", got)
		}
		for i, text := range texts(5) {
			told[i].waits()
			s.ack(text)
			told[i].ok()
			if i == 0 { // now the oldest are the others
				s.ack("other channel")
				s.ack("other session")
			}
		}
		other.ok()
		third.ok()
	})
}

func TestOneThatFailsForGoodDoesNotStopTheNext(t *testing.T) {
	within(t, func(w *world) {
		s := w.attach("g", nil)
		first, second := w.submit("s1", "room.1.said", "1"), w.submit("s1", "room.1.said", "2")
		s.nack("1", &hubv1.Nack{Error: &hubv1.Error{Code: "NOT_FOUND", Reason: "GONE", Message: "secret"}})
		if why := first.failed(fault.HandlerFailed); strings.Contains(why.Message, "secret") || fault.CodeName(why.Code) != "NOT_FOUND" {
			t.Errorf("told %v", why)
		}
		s.ack("2")
		second.ok()
		third := w.submit("s1", "room.1.said", "3")
		s.nack("3", &hubv1.Nack{Public: true, Error: &hubv1.Error{Code: "NOT_FOUND", Reason: "GONE", Message: "no such article"}})
		if why := third.failed("GONE"); why.Message != "no such article" {
			t.Errorf("told %v", why)
		}
	})
}

func TestAWorkerNeverHasMoreThanItsCapacity(t *testing.T) {
	within(t, func(w *world) {
		s := w.attach("g", func(a *hubv1.Attach) { a.Capacity = 3 })
		var told []*word
		for _, session := range texts(10) {
			told = append(told, w.submit(session, "room.1.said", "x"), w.submit(session, "room.1.moved", "x"))
		}
		for range 20 {
			if n := len(s.unacked()); n > 3 {
				t.Fatalf("%d are unacked", n)
			}
			s.ack("x")
		}
		for _, d := range told {
			d.ok()
		}
		if s.most != 3 {
			t.Errorf("at most %d were unacked", s.most)
		}
	})
}

func TestWhatWaitsIsBoundedPerSessionAndChannel(t *testing.T) {
	within(t, func(w *world) {
		s := w.attach("g", nil)
		var told []*word
		for range 64 {
			told = append(told, w.submit("s1", "room.1.said", "x"))
		}
		w.submit("s1", "room.1.said", "x").failed(fault.Overloaded)
		w.submit("s1", "room.2.said", "y").waits() // its other channels go on
		large := strings.Repeat("z", 200<<10)
		w.submit("s2", "room.1.said", large).waits()
		w.submit("s2", "room.1.said", large).failed(fault.Overloaded)
		s.ack("x")
		told[0].ok()
		w.submit("s1", "room.1.said", "x").waits()
	})
}

func TestNobodyToTakeIt(t *testing.T) {
	within(t, func(w *world) {
		if why := w.submit("s1", "room.1.said", "1").failed(fault.NoWorker); !why.Retryable {
			t.Error("it does not pass with time")
		}
		s := w.attach("g", nil)
		s.Detach()
		waiting := w.submit("s1", "room.1.said", "2") // the group is remembered
		waiting.waits()
		time.Sleep(59 * time.Second) // in the bubble
		waiting.waits()
		back := w.attach("g", nil)
		back.ack("2")
		waiting.ok()
		back.Detach()
		lost := w.submit("s1", "room.1.said", "3")
		time.Sleep(60 * time.Second) // in the bubble
		if told, err := lost.told(); !told || !fault.Is(err, fault.NoWorker) && !fault.Is(err, fault.HandlerTimeout) {
			t.Errorf("told %v, %v", told, err)
		}
		w.submit("s1", "room.1.said", "4").failed(fault.NoWorker)
	})
}

func TestAtMostOnceIsHandedOverInOrderWithoutWaiting(t *testing.T) {
	within(t, func(w *world) {
		s := w.attach("g", func(a *hubv1.Attach) { a.Capacity = 4 })
		var told []*word
		for _, text := range texts(6) {
			told = append(told, w.submit("s1", "room.1.moved", text))
		}
		for _, d := range told[:4] {
			d.ok()
		}
		told[4].waits() // no credit
		s.ack("1")
		told[4].ok()
		s.nack("2", &hubv1.Nack{Retry: true}) // returns the credit, and no more
		told[5].ok()
		other := w.attach("g", nil)
		s.Detach()
		time.Sleep(time.Minute) // in the bubble
		other.none()            // never twice
	})
}

// A session's queue keeps its place and its order when all that was in it
// expired before a worker had room.
func TestOrderSurvivesAQueueWhoseMessagesExpired(t *testing.T) {
	within(t, func(w *world) {
		s := w.attach("g", func(a *hubv1.Attach) { a.Capacity, a.Channels = 2, append(a.Channels, brief) })
		w.submit("a", "room.1.said", "a")
		w.submit("b", "room.1.said", "b")
		expired := w.submit("s1", "room.1.brief", "1")
		time.Sleep(3 * time.Second) // in the bubble
		expired.failed(fault.HandlerTimeout)
		second := w.submit("s1", "room.1.brief", "2")
		s.ack("a")
		third := w.submit("s1", "room.1.brief", "3")
		s.ack("b")
		if open := joined(s.unacked()); open != "2" {
			t.Errorf("a worker has %q at a time, of one session on one channel", open)
		}
		s.ack("2")
		second.ok()
		s.ack("3")
		third.ok()
	})
}

// What a worker says to a browser arrives whole: hub.v1.Error's rules bound it.
func TestAWorkersLongWordIsNotCutWithinACharacter(t *testing.T) {
	within(t, func(w *world) {
		s := w.attach("g", nil)
		told := w.submit("s1", "room.1.said", "1")
		text := strings.Repeat("€", 1365) // 4,095 bytes
		s.nack("1", &hubv1.Nack{Public: true, Error: &hubv1.Error{Reason: "GONE", Message: text}})
		if why := told.failed("GONE"); why.Message != text {
			t.Errorf("told %d bytes of %d", len(why.Message), len(text))
		}
	})
}

func TestAGroupIsForgottenWithItsLastQueue(t *testing.T) {
	within(t, func(w *world) {
		s := w.attach("g", func(a *hubv1.Attach) {
			a.Channels, a.Events = nil, []hubv1.SessionEventKind{hubv1.SessionEventKind_SESSION_EVENT_KIND_CONNECTED}
		})
		w.Tell(dispatch.Event{Kind: hubv1.SessionEventKind_SESSION_EVENT_KIND_CONNECTED, Sender: &hubv1.Sender{Session: "s1"}})
		s.Detach()
		if w.Groups() != 1 {
			t.Errorf("%d groups; the event still waits for a worker of this one", w.Groups())
		}
		time.Sleep(61 * time.Second) // in the bubble; the event's time is over
		if w.Groups() != 0 {
			t.Errorf("%d groups of which nothing is left are remembered", w.Groups())
		}
	})
}
