package dispatch_test

import (
	"testing"
	"time"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/fault"
)

// An answer to what a stream was never given is a mistake, and told; one that
// is late, or given twice, may be honest, and is nothing.
func TestAnswersToWhatWasNeverGivenAreRefused(t *testing.T) {
	within(t, func(w *world) {
		mine, other := w.attach("a", decides), w.attach("b", nil)
		told := w.submit("s1", "room.1.said", "1")
		theirs := other.next("1").GetDeliveryId()
		own := mine.next("1").GetDeliveryId()
		a := asking{w: w, told: make(map[string]error)}
		a.ask("x")
		question := mine.questions()[0].GetQuestionId()
		for what, err := range map[string]error{
			"another's": mine.Ack(theirs), "none": mine.Ack("0000000000001"), "text": mine.Ack("no such"), "another form": mine.Ack(" " + own),
			"a question": mine.Ack(question), "nack": mine.Nack(&hubv1.Nack{DeliveryId: theirs}),
			"no question": mine.Decide(&hubv1.Decide{QuestionId: own, Allow: true}), "another's question": other.Decide(&hubv1.Decide{QuestionId: question, Allow: true}),
			"of nobody": mine.Identify(&hubv1.Identify{QuestionId: "0"}),
		} {
			if !fault.Is(err, fault.NotFound) {
				t.Errorf("%s: %v", what, err)
			}
		}
		if err := mine.Identify(&hubv1.Identify{QuestionId: question}); !fault.Is(err, fault.RequestInvalid) {
			t.Errorf("a question that is another: %v", err)
		}
		told.waits()
		for range 2 {
			if err := mine.Ack(own); err != nil {
				t.Errorf("once and again: %v", err)
			}
		}
		if err := mine.Nack(&hubv1.Nack{DeliveryId: own}); err != nil {
			t.Errorf("after its ack: %v", err)
		}
		other.ack("1")
		told.ok()
		mine.decide()
		if told, err := a.heard("x"); !told || err != nil {
			t.Errorf("the asker was told: %v, %v", told, err)
		}
	})
}

// A worker that has let a deadline pass may have stopped. Until it says
// something, others get what can go to them.
func TestASilentWorkerIsSpared(t *testing.T) {
	within(t, func(w *world) {
		workers := []*stream{w.attach("g", nil), w.attach("g", nil)}
		ask := func(session string) int {
			told := w.submit(session, "room.1.said", session)
			for i, s := range workers {
				if len(s.unacked()) > 0 {
					told.waits()
					return i
				}
			}
			t.Fatal("nobody has it")
			return 0
		}
		stopped := ask("s1")
		others := 1 - stopped
		time.Sleep(11 * time.Second) // in the bubble; the deadline, and the backoff
		workers[stopped].answered(workers[stopped].next("s1").GetDeliveryId())
		workers[others].ack("s1")
		for _, session := range texts(20) {
			if i := ask(session); i != others {
				t.Fatal("the stopped one gets more")
			}
			workers[others].ack(session)
		}
		if err := workers[stopped].Ack(workers[stopped].frames[1].GetDelivery().GetDeliveryId()); err != nil { // it goes on
			t.Error(err)
		}
		if i := ask("s1"); i != stopped {
			t.Error("it is not trusted again")
		}
		workers[stopped].Detach()
		workers[others].Detach()
	})
}
