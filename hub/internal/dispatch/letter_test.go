package dispatch_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
)

func (w *world) letters(channel string, limit int) (all []*hubv1.DeadLetter, dropped uint64) {
	return w.DeadLetters(channel, limit, func(string) bool { return true })
}

func texted(letters []*hubv1.DeadLetter) string {
	var all []string
	for _, l := range letters {
		all = append(all, string(l.GetMessage().GetValue()))
	}
	return strings.Join(all, ",")
}

func TestWhatFailsForGoodIsADeadLetter(t *testing.T) {
	within(t, func(w *world) {
		s := w.attach("g", func(a *hubv1.Attach) { a.Channels = append(a.Channels, brief) })
		observer := w.attach("o", func(a *hubv1.Attach) { a.Observe = true })
		w.submit("s1", "room.1.said", "final")
		s.nack("final", &hubv1.Nack{Error: &hubv1.Error{Code: "NOT_FOUND", Reason: "GONE", Message: "row 7 is gone"}})
		w.submit("s1", "room.2.said", "tried")
		for range 5 {
			s.nack("tried", &hubv1.Nack{Retry: true, Error: &hubv1.Error{Message: "the database is down"}})
			time.Sleep(5 * time.Second) // in the bubble; above every backoff
		}
		w.submit("s1", "room.1.brief", "late")
		time.Sleep(3 * time.Second) // in the bubble
		for range 2 {
			s.answered(s.next("late").GetDeliveryId())
		}

		// None of these failed for good, or was promised anything.
		w.submit("s1", "room.1.said", "answered")
		s.nack("answered", &hubv1.Nack{Public: true, Error: &hubv1.Error{Reason: "GONE", Message: "no such article"}})
		w.submit("s1", "room.1.said", "handled")
		s.ack("handled")
		w.submit("s1", "room.1.moved", "once")
		s.nack("once", &hubv1.Nack{})
		observer.nack("final", &hubv1.Nack{})

		letters, dropped := w.letters("", 100)
		if texted(letters) != "late,tried,final" || dropped != 0 {
			t.Fatalf("%s, %d dropped", texted(letters), dropped)
		}
		for i, want := range []string{"2 DEADLINE_EXCEEDED HANDLER_TIMEOUT", "5 INTERNAL HANDLER_FAILED the database is down", "1 NOT_FOUND GONE row 7 is gone"} {
			l := letters[i]
			if got := fmt.Sprintln(l.GetAttempts(), l.GetError().GetCode(), l.GetError().GetReason(), l.GetError().GetMessage()); !strings.HasPrefix(got, want) ||
				l.GetGroup() != "g" || l.GetSender().GetSession() != "s1" || l.GetMessageId() != "id-"+texted(letters[i:i+1]) || l.GetAt() == nil {
				t.Errorf("%v, not %s", l, want)
			}
		}
		if some, _ := w.letters("room.2.said", 100); texted(some) != "tried" {
			t.Errorf("of one channel %s", texted(some))
		}
		if some, _ := w.letters("", 1); texted(some) != "late" {
			t.Errorf("the newest is %s", texted(some))
		}
		if some, _ := w.DeadLetters("", 100, func(declared string) bool { return declared == brief }); texted(some) != "late" {
			t.Errorf("of what may be seen: %s", texted(some))
		}
	})
}

// A message that waits for a group of which nobody comes back has failed, too.
func TestAForgottenGroupsMessagesAreDeadLetters(t *testing.T) {
	within(t, func(w *world) {
		w.attach("g", nil).Detach()
		w.submit("s1", "room.1.said", "1")
		time.Sleep(61 * time.Second) // in the bubble
		if letters, _ := w.letters("", 100); texted(letters) != "1" || letters[0].GetAttempts() != 0 {
			t.Errorf("%v", letters)
		}
	})
}

func TestDeadLettersAreBounded(t *testing.T) {
	within(t, func(w *world) {
		s := w.attach("g", nil)
		fail := func(text string) {
			w.submit("s1", "room.1.said", text)
			s.mu.Lock()
			last := s.frames[len(s.frames)-1].GetDelivery()
			s.frames = nil
			s.mu.Unlock()
			if err := s.Nack(&hubv1.Nack{DeliveryId: last.GetDeliveryId()}); err != nil {
				t.Fatal(err)
			}
		}
		for _, text := range texts(1003) {
			fail(text)
		}
		letters, dropped := w.letters("", 2000)
		if len(letters) != 1000 || dropped != 3 || texted(letters[:1])+texted(letters[999:]) != "10034" {
			t.Errorf("%d letters from %s to %s, %d dropped", len(letters), texted(letters[999:]), texted(letters[:1]), dropped)
		}
		for range 100 { // of 400 KB: the id is as long
			fail(strings.Repeat("x", 200<<10))
		}
		letters, dropped = w.letters("", 2000)
		size := 0
		for _, l := range letters {
			size += len(l.GetMessage().GetValue())
		}
		if size > 8<<20 || len(letters) != 20 || dropped != 1103-20 {
			t.Errorf("%d letters of %d bytes, %d dropped", len(letters), size, dropped)
		}
	})
}
