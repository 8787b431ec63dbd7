package dispatch_test

import (
	"strings"
	"testing"
	"time"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
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
