package dispatch_test

import (
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/fault"
)

func TestADeadWorkersMessagesGoToAnother(t *testing.T) {
	within(t, func(w *world) {
		dead := w.attach("g", nil)
		told := w.submit("s1", "room.1.said", "1")
		next := w.submit("s1", "room.1.said", "2")
		dead.next("1")
		other := w.attach("g", nil)
		other.none()
		dead.Detach()
		dead.Detach()
		time.Sleep(100*time.Millisecond - 1) // in the bubble
		other.none()                         // a message that kills its worker must not kill all at once

		time.Sleep(50 * time.Millisecond) // in the bubble
		if d := other.ack("1"); d.GetAttempt() != 2 || d.GetMessageId() != "id-1" {
			t.Errorf("delivered %v", d)
		}
		told.ok()
		other.ack("2")
		next.ok()
	})
}

func TestAMissedDeadlineGoesToAnotherAndLateAcksAreNothing(t *testing.T) {
	within(t, func(w *world) {
		first, second := w.attach("g", nil), w.attach("g", nil)
		told := w.submit("s1", "room.1.said", "1")
		slow, quick := first, second
		if len(first.unacked()) == 0 {
			slow, quick = second, first
		}
		late := slow.next("1").GetDeliveryId()
		time.Sleep(10*time.Second - 1) // in the bubble
		quick.none()
		time.Sleep(time.Second) // in the bubble
		quick.next("1")
		slow.Ack(late)
		told.waits()
		quick.ack("1")
		told.ok()
	})
}

func TestARetryWaitsAsLongAsTheWorkerSaid(t *testing.T) {
	within(t, func(w *world) {
		s := w.attach("g", nil)
		told := w.submit("s1", "room.1.said", "1")
		behind := w.submit("s1", "room.1.said", "2")
		s.nack("1", &hubv1.Nack{Retry: true, RetryAfter: durationpb.New(7 * time.Second)})
		time.Sleep(7*time.Second - 1) // in the bubble
		s.none()                      // nor may the second pass the first

		time.Sleep(time.Nanosecond) // in the bubble
		if d := s.ack("1"); d.GetAttempt() != 2 {
			t.Errorf("attempt %d", d.GetAttempt())
		}
		told.ok()
		s.ack("2")
		behind.ok()
	})
}

func TestFiveAttemptsAreAllAndTheSenderIsTold(t *testing.T) {
	within(t, func(w *world) {
		s := w.attach("g", nil)
		told := w.submit("s1", "room.1.said", "1")
		for range 5 {
			told.waits()
			s.nack("1", &hubv1.Nack{Retry: true})
			time.Sleep(5 * time.Second) // in the bubble; above every backoff
		}
		s.none()
		told.failed(fault.HandlerTimeout)
	})
}

func TestAMessageEndsWithItsExpiryWhereverItIs(t *testing.T) {
	within(t, func(w *world) {
		s := w.attach("g", func(a *hubv1.Attach) { a.Capacity = 1 })
		begin := time.Now()
		flying := w.submit("s1", "room.1.said", "1")
		queued := w.submit("s1", "room.1.said", "2")
		elsewhere := w.submit("s2", "room.1.said", "3") // waits for the credit
		for range 5 {
			s.unacked()
			time.Sleep(11 * time.Second) // in the bubble; nobody acks
		}
		time.Sleep(time.Until(begin.Add(61 * time.Second))) // in the bubble
		flying.failed(fault.HandlerTimeout)
		queued.failed(fault.HandlerTimeout)
		elsewhere.failed(fault.HandlerTimeout)
		s.acked = map[string]bool{}
		for _, d := range s.unacked() {
			s.acked[d.GetDeliveryId()] = true // all of them are late
		}
		after := w.submit("s1", "room.1.said", "4")
		s.ack("4") // the credit is free
		after.ok()
	})
}

func TestADrainingWorkerFinishesAndGetsNothingNew(t *testing.T) {
	within(t, func(w *world) {
		s := w.attach("g", nil)
		first := w.submit("s1", "room.1.said", "1")
		second := w.submit("s1", "room.1.said", "2")
		s.Drain()
		if s.ended() {
			t.Error("the stream ends before what it has is done")
		}
		s.ack("1")
		first.ok()
		s.none()
		if !s.ended() {
			t.Error("the stream of a worker that has drained goes on")
		}
		other := w.attach("g", nil)
		other.ack("2")
		second.ok()
	})
}

// Groups share nothing: each gets the message, and the sender waits for all of
// them, but not for observers.
func TestEachGroupGetsEachMessage(t *testing.T) {
	within(t, func(w *world) {
		a, b := w.attach("a", nil), w.attach("b", nil)
		watcher := w.attach("a", func(r *hubv1.Attach) { r.Observe, r.Capacity = true, 1 })
		told := w.submit("s1", "room.1.said", "1")
		a.ack("1")
		told.waits()
		b.ack("1")
		told.ok()
		watcher.next("1")
		told = w.submit("s1", "room.1.said", "2") // the watcher has no room: it misses it
		b.nack("2", &hubv1.Nack{})
		told.waits()
		a.ack("2")
		told.failed(fault.HandlerFailed)
		watcher.ack("1")
		watcher.none()
		w.submit("s1", "room.1.said", "3")
		watcher.ack("3")
		watcher.Detach()
	})
}
