// Package enginetest holds every engine driver to the promises of engine.Log.
package enginetest

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/realtime-hub/hub/hub/internal/engine"
)

// Run runs the suite. open makes an empty engine for each test.
func Run(t *testing.T, open func(t *testing.T) engine.Log) {
	t.Helper()
	for _, test := range []struct {
		name string
		run  func(*testing.T, engine.Log)
	}{
		{"APublicationReachesEverySinkOfItsChannel", reachesEverySink},
		{"PublicationsOfAChannelKeepTheirOrder", keepsOrder},
		{"AJoinIsBetweenTwoPublications", joinIsAtomic},
		{"InterestsAreCounted", interestsAreCounted},
		{"AJoinerIsNotLostToTheLastLeave", joinRacesLastLeave},
		{"AnIDIsPublishedOncePerChannel", onceByID},
		{"ConcurrentDuplicatesArePublishedOnce", onceConcurrently},
		{"WithoutOnceAnIDMeansNothing", notOnce},
		{"WhatIsKeptHasAPositionAndIsReplayed", replays},
		{"ADuplicateHasTheFirstOnesPosition", duplicatesPosition},
		{"AReplayAndWhatFollowsIsEverythingOnce", replayIsAtomic},
		{"WhatIsNotProvenIsNotRecovered", notProven},
		{"AHistoryIsPagedInOrder", pages},
		{"ExceptionsAreForLiveDeliveryAlone", exceptionsAreLive},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, open(t)) })
	}
}

// recorder is a sink that keeps what it hears.
type recorder struct {
	mu    sync.Mutex
	heard []engine.Publication
}

func (r *recorder) Publication(p *engine.Publication) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.heard = append(r.heard, *p)
}

func (r *recorder) ids() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	ids := make([]string, len(r.heard))
	for i, p := range r.heard {
		ids[i] = p.ID
	}
	return ids
}

func join(t *testing.T, l engine.Log, channel string, s engine.Sink) {
	t.Helper()
	placed := false
	if err := l.Join(t.Context(), channel, s, engine.ReadOptions{}, func(engine.Replay) { placed = true }); err != nil || !placed {
		t.Fatalf("join %s: placed %v, %v", channel, placed, err)
	}
}

func publish(t *testing.T, l engine.Log, channel, id string, once bool) engine.PublishResult {
	t.Helper()
	res, err := l.Publish(t.Context(), &engine.Publication{Channel: channel, ID: id, Payload: []byte("{}")}, engine.PublishOptions{Once: once})
	if err != nil {
		t.Fatalf("publish %s to %s: %v", id, channel, err)
	}
	return res
}

func expect(t *testing.T, r *recorder, want ...string) {
	t.Helper()
	if got := r.ids(); !slices.Equal(got, want) {
		t.Errorf("heard %v, want %v", got, want)
	}
}

func reachesEverySink(t *testing.T, l engine.Log) {
	a, b, other := &recorder{}, &recorder{}, &recorder{}
	join(t, l, "x.y", a)
	join(t, l, "x.y", b)
	join(t, l, "x.z", other)
	publish(t, l, "x.y", "1", false)
	expect(t, a, "1")
	expect(t, b, "1")
	expect(t, other)
}

func keepsOrder(t *testing.T, l engine.Log) {
	r := &recorder{}
	join(t, l, "x.y", r)
	const messages = 1000
	want := make([]string, 0, messages)
	for i := range messages {
		id := fmt.Sprint(i)
		publish(t, l, "x.y", id, false)
		want = append(want, id)
	}
	expect(t, r, want...)
}

// joinIsAtomic has publishers run while sinks join: each sink, from inside
// place, notes that it heard nothing yet, and afterwards must have heard a gap-free tail.
func joinIsAtomic(t *testing.T, l engine.Log) {
	const messages, joiners = 2000, 50
	witness := &recorder{}
	join(t, l, "x.y", witness)
	var publisher sync.WaitGroup
	publisher.Go(func() {
		for i := range messages {
			publish(t, l, "x.y", fmt.Sprint(i), false)
		}
	})
	sinks := make([]*recorder, joiners)
	for i := range sinks {
		r := &recorder{}
		sinks[i] = r
		err := l.Join(t.Context(), "x.y", r, engine.ReadOptions{}, func(engine.Replay) {
			if n := len(r.ids()); n != 0 {
				t.Errorf("heard %d before it was placed", n)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	publisher.Wait()
	all := witness.ids()
	for _, r := range sinks {
		got := r.ids()
		if !slices.Equal(got, all[len(all)-len(got):]) {
			t.Errorf("a joiner's %d publications are not the channel's tail", len(got))
		}
	}
}

func interestsAreCounted(t *testing.T, l engine.Log) {
	r := &recorder{}
	join(t, l, "x.y", r)
	join(t, l, "x.y", r)
	publish(t, l, "x.y", "1", false)
	l.Leave("x.y", r)
	publish(t, l, "x.y", "2", false)
	l.Leave("x.y", r)
	l.Leave("x.y", r) // one too many harms nobody
	publish(t, l, "x.y", "3", false)
	expect(t, r, "1", "2")
}

// joinRacesLastLeave is a fault that the Socket.IO library has: a joiner ends
// up in a room that the last leave has just thrown away.
func joinRacesLastLeave(t *testing.T, l engine.Log) {
	for i := range 2000 {
		leaver, joiner := &recorder{}, &recorder{}
		join(t, l, "x.y", leaver)
		var both sync.WaitGroup
		both.Go(func() { l.Leave("x.y", leaver) })
		both.Go(func() { join(t, l, "x.y", joiner) })
		both.Wait()
		publish(t, l, "x.y", fmt.Sprint(i), false)
		expect(t, joiner, fmt.Sprint(i))
		l.Leave("x.y", joiner)
	}
}

func onceByID(t *testing.T, l engine.Log) {
	r, other := &recorder{}, &recorder{}
	join(t, l, "x.y", r)
	join(t, l, "x.z", other)
	first, again := publish(t, l, "x.y", "a", true), publish(t, l, "x.y", "a", true)
	if first.Duplicate || !again.Duplicate {
		t.Errorf("duplicate: first %v, again %v", first.Duplicate, again.Duplicate)
	}
	if publish(t, l, "x.z", "a", true).Duplicate {
		t.Error("an id of one channel counts on another")
	}
	expect(t, r, "a")
	expect(t, other, "a")
}

func onceConcurrently(t *testing.T, l engine.Log) {
	r := &recorder{}
	join(t, l, "x.y", r)
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			publish(t, l, "x.y", "a", true)
			if n := len(r.ids()); n != 1 {
				t.Errorf("a duplicate returned when %d had been published", n)
			}
		})
	}
	all.Wait()
}

func notOnce(t *testing.T, l engine.Log) {
	r := &recorder{}
	join(t, l, "x.y", r)
	publish(t, l, "x.y", "a", false)
	if publish(t, l, "x.y", "a", true).Duplicate {
		t.Error("an id that was not to be remembered was")
	}
	expect(t, r, "a", "a")
}
