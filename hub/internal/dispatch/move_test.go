package dispatch_test

import (
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/dispatch"
)

// Of a session and channel nothing is unacked at two workers: what is at most
// once does not wait for acks, so a second worker, which hashing may prefer, or
// the first one's drain, must not let it be passed.
func TestAtMostOnceStaysWithItsWorkerWhileItIsUnacked(t *testing.T) {
	within(t, func(w *world) {
		first := w.attach("g", nil)
		for _, session := range texts(20) {
			w.submit(session, "room.1.moved", session+" a")
		}
		second := w.attach("g", nil)
		for _, session := range texts(20) {
			w.submit(session, "room.1.moved", session+" b").ok()
		}
		second.none()
		if n := len(first.unacked()); n != 40 {
			t.Fatalf("%d are unacked", n)
		}
		for _, d := range first.unacked() {
			first.ack(string(d.GetMessage().GetValue()))
		}
		w.submit("free", "room.1.moved", "0")
		for _, session := range texts(20) {
			w.submit(session, "room.1.moved", session+" c").ok()
		}
		if len(second.unacked()) == 0 {
			t.Error("the second gets nothing, though it is free to")
		}
	})
}

func TestADrainDoesNotLetAtMostOnceBePassed(t *testing.T) {
	within(t, func(w *world) {
		first := w.attach("g", nil)
		for _, text := range texts(2) {
			w.submit("s1", "room.1.moved", text).ok()
		}
		second := w.attach("g", nil)
		first.Drain()
		third, fourth := w.submit("s1", "room.1.moved", "3"), w.submit("s2", "room.1.moved", "4")
		fourth.ok() // of another session
		second.ack("4")
		third.waits()
		first.ack("1")
		third.waits()
		first.ack("2")
		third.ok()
		if !first.ended() {
			t.Error("the drained stream goes on")
		}
		second.ack("3")
	})
}

func TestADeathFreesWhatIsAtMostOnce(t *testing.T) {
	within(t, func(w *world) {
		first := w.attach("g", func(a *hubv1.Attach) { a.Capacity = 2 })
		var told []*word
		for _, text := range texts(4) {
			told = append(told, w.submit("s1", "room.1.moved", text))
		}
		second := w.attach("g", nil)
		told[2].waits()
		first.Detach()
		for _, text := range []string{"3", "4"} { // and not what the first took with it
			second.ack(text)
		}
		for _, d := range told {
			d.ok()
		}
	})
}

// Rendezvous: sessions are spread evenly, and who comes takes its share alone.
func TestSessionsAreSpreadAndFewMove(t *testing.T) {
	const sessions = 2000
	within(t, func(w *world) {
		var workers []*stream
		attach := func() {
			workers = append(workers, w.attach("g", func(a *hubv1.Attach) { a.Capacity = 4096 }))
		}
		where := func() map[string]int {
			at := make(map[string]int, sessions)
			for _, session := range texts(sessions) {
				w.submit(session, "room.1.said", session)
			}
			for i, s := range workers {
				share := s.unacked()
				if even := sessions / len(workers); len(share) < even*7/10 || len(share) > even*13/10 {
					t.Errorf("worker %d of %d has %d sessions of %d", i, len(workers), len(share), sessions)
				}
				s.mu.Lock()
				s.frames = nil
				s.mu.Unlock()
				for _, d := range share {
					at[string(d.GetMessage().GetValue())] = i
					if err := s.Ack(d.GetDeliveryId()); err != nil {
						t.Error(err)
					}
				}
			}
			return at
		}
		for range 4 {
			attach()
		}
		before := where()
		attach()
		for session, i := range where() {
			if i != before[session] && i != 4 {
				t.Fatalf("session %s went from %d to %d", session, before[session], i)
			}
		}
	})
}

// Lifecycle events wait for a worker as messages do: a group of one worker
// that restarts must not miss who left meanwhile.
func TestEventsWaitForAGroupsNextWorker(t *testing.T) {
	const connected, joined, gone = hubv1.SessionEventKind_SESSION_EVENT_KIND_CONNECTED, hubv1.SessionEventKind_SESSION_EVENT_KIND_SUBSCRIBED, hubv1.SessionEventKind_SESSION_EVENT_KIND_DISCONNECTED
	within(t, func(w *world) {
		all := func(a *hubv1.Attach) {
			a.Channels, a.Events = nil, []hubv1.SessionEventKind{connected, joined, gone}
		}
		tell := func(kind hubv1.SessionEventKind, declared string) {
			w.Tell(dispatch.Event{Kind: kind, Sender: &hubv1.Sender{Session: "s1"}, Declared: declared})
		}
		first := w.attach("g", all)
		first.Drain()
		tell(connected, "")
		first.Detach()
		if !w.Wants(gone) {
			t.Error("nobody wants to know")
		}
		tell(joined, moved)
		time.Sleep(59 * time.Second) // in the bubble
		tell(gone, "")
		second := w.attach("g", all)
		var kinds []hubv1.SessionEventKind
		for n := range 3 {
			if len(second.events()) <= n {
				t.Fatalf("after %v comes nothing", kinds)
			}
			e := second.events()[n]
			kinds = append(kinds, e.GetKind())
			if err := second.Ack(e.GetDeliveryId()); err != nil {
				t.Error(err)
			}
		}
		if got := fmt.Sprint(kinds); got != fmt.Sprint([]hubv1.SessionEventKind{connected, joined, gone}) {
			t.Errorf("told %s", got)
		}
		second.Detach()
		time.Sleep(61 * time.Second) // in the bubble
		if w.Wants(gone) || w.Groups() != 0 {
			t.Errorf("after its time %d groups are remembered, and events wanted: %v", w.Groups(), w.Wants(gone))
		}
	})
}

// A channel that its group gives up takes no events with it, which are another
// worker's.
func TestEventsOutliveTheGroupsChannel(t *testing.T) {
	const joined = hubv1.SessionEventKind_SESSION_EVENT_KIND_SUBSCRIBED
	within(t, func(w *world) {
		w.attach("g", nil).Detach()
		listener := w.attach("g", func(a *hubv1.Attach) { a.Channels, a.Events = nil, []hubv1.SessionEventKind{joined} })
		time.Sleep(55 * time.Second) // in the bubble
		for range 2 {
			w.Tell(dispatch.Event{Kind: joined, Sender: &hubv1.Sender{Session: "s1"}, Declared: said, Channel: "room.1.said"})
		}
		time.Sleep(6 * time.Second) // in the bubble; nobody has come back for the channel
		for n := range 2 {
			if len(listener.events()) != n+1 {
				t.Fatalf("%d events came", len(listener.events()))
			}
			if err := listener.Ack(listener.events()[n].GetDeliveryId()); err != nil {
				t.Error(err)
			}
		}
	})
}

// What waits for a worker with room, and expires, must not leave behind it an
// event that is another worker's.
func TestAnEventDoesNotWaitForAWorkerThatDoesNotWantIt(t *testing.T) {
	const connected, gone = hubv1.SessionEventKind_SESSION_EVENT_KIND_CONNECTED, hubv1.SessionEventKind_SESSION_EVENT_KIND_DISCONNECTED
	within(t, func(w *world) {
		full := w.attach("g", func(a *hubv1.Attach) { a.Capacity, a.Events = 1, []hubv1.SessionEventKind{connected} })
		free := w.attach("g", func(a *hubv1.Attach) { a.Channels, a.Events = nil, []hubv1.SessionEventKind{gone} })
		w.Tell(dispatch.Event{Kind: connected, Sender: &hubv1.Sender{Session: "s1"}})
		again := &hubv1.Nack{DeliveryId: full.events()[0].GetDeliveryId(), Retry: true, RetryAfter: durationpb.New(30 * time.Second)}
		if err := full.Nack(again); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second) // in the bubble
		w.Tell(dispatch.Event{Kind: gone, Sender: &hubv1.Sender{Session: "s1"}})
		time.Sleep(19 * time.Second) // in the bubble

		for _, session := range texts(8) { // nobody acks them: each holds the only place for 10 s
			w.submit(session, "room.1.said", "x")
		}
		time.Sleep(40 * time.Second) // in the bubble; the first one's time is over
		if len(full.events()) != 1 || len(free.events()) != 1 {
			t.Errorf("%d and %d events came", len(full.events()), len(free.events()))
		}
	})
}
