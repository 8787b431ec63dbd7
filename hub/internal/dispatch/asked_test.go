package dispatch_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/fault"
)

// asking is sessions whose joins a worker decides.
type asking struct {
	w *world

	mu   sync.Mutex
	told map[string]error // guarded by mu
}

func (a *asking) heard(name string) (told bool, err error) {
	synctest.Wait()
	a.mu.Lock()
	defer a.mu.Unlock()
	err, told = a.told[name]
	return told, err
}

func (a *asking) ask(names ...string) {
	for _, name := range names {
		go func() {
			_, err := a.w.Service.Decide(context.WithoutCancel(a.w.t.Context()), &hubv1.Authorize{Channel: name})
			a.mu.Lock()
			defer a.mu.Unlock()
			a.told[name] = err
		}()
		synctest.Wait() // they are asked in this order
	}
}

// questions are those that the stream was asked and has not answered.
func (s *stream) questions() (open []*hubv1.Authorize) {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.frames {
		if q := f.GetAuthorize(); q != nil && !s.acked[q.GetQuestionId()] {
			open = append(open, q)
		}
	}
	return open
}

func (s *stream) decide() (channel string) {
	s.w.t.Helper()
	open := s.questions()
	if len(open) == 0 {
		s.w.t.Fatal("nothing was asked")
	}
	s.answered(open[0].GetQuestionId())
	s.mu.Lock()
	s.frames = slices.DeleteFunc(s.frames, func(f *hubv1.HandleResponse) bool { return f.GetAuthorize() == open[0] }) // a storm has many
	s.mu.Unlock()
	if err := s.Decide(&hubv1.Decide{QuestionId: open[0].GetQuestionId(), Allow: true}); err != nil {
		s.w.t.Error(err)
	}
	return open[0].GetChannel()
}

// A storm of questions waits: a worker has as many as its capacity, and gets
// the others in their order. What it has unacked does not count.
func TestAStormOfQuestionsWaitsItsTurn(t *testing.T) {
	const storm, capacity = 5000, 16
	within(t, func(w *world) {
		s := w.attach("g", func(a *hubv1.Attach) { decides(a); a.Capacity = capacity })
		for _, session := range texts(capacity) {
			w.submit(session, "room.1.said", "x")
		}
		told := make(chan error, storm)
		for range storm {
			go func() {
				_, err := w.Service.Decide(t.Context(), &hubv1.Authorize{Channel: "room.1.said"})
				told <- err
			}()
		}
		for n := range storm {
			if asked, want := len(s.questions()), min(capacity, storm-n); asked != want {
				t.Fatalf("%d are asked at once, not %d", asked, want)
			}
			s.decide()
			if err := <-told; err != nil {
				t.Fatal(err)
			}
		}
		first := asking{w: w, told: make(map[string]error)}
		names := texts(2*capacity + 1)
		first.ask(names...)
		var order []string
		for range names {
			order = append(order, s.decide())
		}
		if !slices.Equal(order, names) {
			t.Errorf("asked in the order of %v", order)
		}
	})
}

func TestQuestionsThatWaitAreBounded(t *testing.T) {
	const bound = 8192
	within(t, func(w *world) {
		s := w.attach("g", func(a *hubv1.Attach) { decides(a); a.Capacity = 1 })
		var told [3]int
		var mu sync.Mutex
		for range 1 + bound + 7 {
			go func() {
				_, err := w.Service.Decide(context.WithoutCancel(t.Context()), &hubv1.Authorize{Channel: "room.1.said"})
				mu.Lock()
				defer mu.Unlock()
				told[slices.Index([]bool{fault.Is(err, fault.Overloaded), fault.Is(err, fault.HandlerTimeout), true}, true)]++
			}()
		}
		synctest.Wait()
		if told[0] != 7 {
			t.Errorf("%d are refused, not 7", told[0])
		}
		time.Sleep(5 * time.Second) // in the bubble
		synctest.Wait()
		if want := [3]int{7, 1 + bound, 0}; told != want {
			t.Errorf("%v are refused, end with their time, or else; not %v", told, want)
		}
		s.answered(s.questions()[0].GetQuestionId())
		one := asking{w: w, told: make(map[string]error)}
		one.ask("after")
		if got := s.decide(); got != "after" {
			t.Errorf("%s was asked, whose time is over", got)
		}
	})
}

// A question whose worker goes is put to another, ahead of what waits; but not
// to a third, which it may kill as well.
func TestAQuestionOutlivesItsWorkerOnce(t *testing.T) {
	within(t, func(w *world) {
		one := func(a *hubv1.Attach) { decides(a); a.Capacity = 1 }
		workers := []*stream{w.attach("g", one)}
		a := asking{w: w, told: make(map[string]error)}
		a.ask("first", "second", "third")
		for range 3 {
			workers = append(workers, w.attach("g", one))
		}
		asked := func(i int) string {
			return fmt.Sprint(len(workers[i].questions()), workers[i].questions()[0].GetChannel())
		}
		if got := asked(1) + asked(2); got != "1second1third" {
			t.Fatalf("asked %s", got)
		}
		workers[0].Detach()
		if got := asked(3); got != "1first" {
			t.Errorf("asked %s", got)
		}
		workers[3].Detach()
		if _, err := a.heard("first"); !fault.Is(err, fault.NoWorker) {
			t.Errorf("told %v", err)
		}
		workers[1].decide()
		workers[2].Drain()
		workers[2].decide()
		for _, name := range []string{"second", "third"} {
			if told, err := a.heard(name); !told || err != nil {
				t.Errorf("%s was told: %v, %v", name, told, err)
			}
		}
	})
}

func TestQuestionsThatWaitEndWithTheLastWorker(t *testing.T) {
	within(t, func(w *world) {
		s := w.attach("g", func(a *hubv1.Attach) { decides(a); a.Capacity = 1 })
		a := asking{w: w, told: make(map[string]error)}
		a.ask("asked", "waits")
		s.Drain()
		if told, err := a.heard("waits"); !told || !fault.Is(err, fault.NoWorker) {
			t.Errorf("told %v", err)
		}
		s.decide()
		if told, err := a.heard("asked"); !told || err != nil || !s.ended() {
			t.Errorf("told %v; ended %v", err, s.ended())
		}
	})
}
