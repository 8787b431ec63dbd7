package load

import (
	"testing"
	"time"
)

func TestTheNextBroadcastWaitsForTheLastSubscriber(t *testing.T) {
	asked := 0
	f := &fanout{broadcast: func(n int) error { asked += n; return nil }, subscribers: 2, window: 3}
	a, b := &client{}, &client{}
	step := func(cl *client, n, want int) {
		t.Helper()
		if n > 0 {
			if err := f.arrived(cl, n); err != nil {
				t.Fatal(err)
			}
		}
		if err := f.next(); err != nil {
			t.Fatal(err)
		}
		if asked != want {
			t.Fatalf("%d broadcasts are asked for, not %d", asked, want)
		}
	}
	step(a, 0, 3) // the window
	step(a, 3, 3) // all with one, none with both
	step(b, 1, 4)
	step(b, 2, 6)
	f.stopped, f.drained = true, make(chan struct{})
	drained := f.drained
	step(a, 3, 6)
	select {
	case <-drained:
		t.Fatal("drained, and the other has not got three of them")
	default:
	}
	step(b, 3, 6)
	<-drained
	if err := f.arrived(a, 1); err == nil {
		t.Error("a delivery that nobody asked for is counted")
	}
}

func TestLatenessIsCountedFromTheAsking(t *testing.T) {
	f := &fanout{broadcast: func(int) error { return nil }, subscribers: 1, timed: true}
	if err := f.ask(1, time.Now().Add(-time.Minute)); err != nil {
		t.Fatal(err)
	}
	if err := f.arrived(&client{}, 1); err != nil {
		t.Fatal(err)
	}
	if len(f.late) != 1 || f.late[0] < time.Minute || f.late[0] > 2*time.Minute {
		t.Errorf("late: %v", f.late)
	}
}
