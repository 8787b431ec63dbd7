package subscription_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/engine"
	"github.com/realtime-hub/hub/hub/internal/gate"
	"github.com/realtime-hub/hub/hub/internal/session"
	"github.com/realtime-hub/hub/hub/internal/subscription"
)

// crowdedPlace is where browsers look at a crowd: what reaches them is in one order,
// as a connection's queue has it.
type crowdedPlace struct {
	*room

	mu       sync.Mutex
	browsers map[*browser]bool // guarded by mu; those that are subscribed
	events   int               // guarded by mu
}

// browser follows docs/protocol.md: it begins with nothing when it subscribes, adds whom
// pages and events bring, removes who left, and begins again at a gap.
type browser struct {
	*session.Session

	here map[string]bool // guarded by the place's mu
	gaps int             // guarded by the place's mu
}

func (p *crowdedPlace) Changed(_ string, joined, left []subscription.Member) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.events++
	for b := range p.browsers {
		for _, m := range joined {
			b.here[m.UserID] = true
		}
		for _, m := range left {
			delete(b.here, m.UserID)
		}
	}
}

func (p *crowdedPlace) Unsettled(string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for b := range p.browsers {
		b.gaps++
	}
}

func (p *crowdedPlace) subscribe(b *browser) {
	p.t.Helper()
	_, err := p.Join(p.t.Context(), b.Session, &hubv1.SubscribeArguments{Channel: crowded},
		func(*hubv1.SubscribeResult, []*engine.Publication) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.browsers[b], b.here = true, make(map[string]bool)
		})
	if err != nil {
		p.t.Error(err)
	}
}

func (p *crowdedPlace) unsubscribe(b *browser) {
	p.t.Helper()
	err := p.Leave(b.Session, crowded, func(*hubv1.UnsubscribeResult) {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.browsers, b)
	})
	if err != nil {
		p.t.Error(err)
	}
}

// look reads all pages, and is who was on them.
func (p *crowdedPlace) look(b *browser, limit int, pause func()) {
	p.t.Helper()
	match, err := p.registry.Snapshot().Match(crowded)
	if err != nil {
		p.t.Error(err)
		return
	}
	for cursor := ""; ; pause() {
		if err := p.Members(match, cursor, limit, func(page subscription.Page) {
			for range 50 {
				runtime.Gosched() // others would overtake a page that nothing holds in its place
			}
			p.mu.Lock()
			defer p.mu.Unlock()
			for _, m := range page.Members {
				b.here[m.UserID] = true
			}
			cursor = page.Next
		}); err != nil {
			p.t.Error(err)
		}
		if cursor == "" {
			return
		}
	}
}

// Whoever subscribes, asks for pages and follows the events ends with the truth,
// whatever happens at the same time: the rule of docs/protocol.md.
func TestWhoFollowsTheRuleEndsWithTheTruth(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			p := &crowdedPlace{browsers: make(map[*browser]bool)}
			p.room = open(t, subscription.Config{Audience: p})
			synctest.Test(t, func(t *testing.T) { p.turmoil(t, seed) })
		})
	}
}

func (p *crowdedPlace) turmoil(t *testing.T, seed uint64) {
	const users, browsers, steps, rounds = 12, 6, 100, 3 // so that much happens after all have looked
	// All sleep for multiples of the same time, so that many wake at once, also when
	// events are due: then the goroutines race.
	nap := func(r *rand.Rand) {
		time.Sleep(time.Duration(r.IntN(6)) * 50 * time.Millisecond) // in the bubble
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	truth := map[string]int{}
	present := func(user string, n int) {
		mu.Lock()
		defer mu.Unlock()
		if truth[user] += n; truth[user] == 0 {
			delete(truth, user)
		}
	}
	for n := range users * 2 { // two sessions each
		s := p.session(gate.Identity{UserID: fmt.Sprintf("user_%02d", n/2)})
		r := rand.New(rand.NewPCG(seed, uint64(n)))
		all.Go(func() {
			in := 0
			for range steps {
				nap(r)
				switch was := in; r.IntN(4) {
				case 0, 1:
					p.enter(s, crowded)
					in = 1
					present(s.Identity().UserID, in-was)
				case 2:
					p.exit(s)
					in = 0
					present(s.Identity().UserID, in-was)
				case 3:
					p.LeaveAll(s)
					in = 0
					present(s.Identity().UserID, in-was)
				}
			}
		})
	}
	var looking []*browser
	for n := range browsers {
		b := &browser{Session: p.session(gate.Identity{UserID: fmt.Sprintf("viewer_%d", n)})}
		looking = append(looking, b)
		present(b.Identity().UserID, 1)
		r := rand.New(rand.NewPCG(seed, uint64(1000+n)))
		all.Go(func() {
			for range rounds {
				p.subscribe(b)
				for range 1 + r.IntN(2) { // looking again does no harm
					p.look(b, 1+r.IntN(5), func() { nap(r) })
				}
				nap(r)
				p.unsubscribe(b)
				nap(r)
			}
			p.subscribe(b)
			p.look(b, 4, func() { nap(r) })
		})
	}
	all.Wait()
	time.Sleep(time.Minute) // in the bubble
	synctest.Wait()
	want := slices.Sorted(maps.Keys(truth))
	for _, m := range p.page("", 1000).Members {
		if m.Sessions != truth[m.UserID] {
			t.Errorf("%s has %d sessions, not %d", m.UserID, m.Sessions, truth[m.UserID])
		}
	}
	for _, b := range looking {
		if got := slices.Sorted(maps.Keys(b.here)); !slices.Equal(got, want) || b.gaps > 0 {
			t.Errorf("%s sees %v, there are %v", b.Identity().UserID, got, want)
		}
	}
	if p.events == 0 {
		t.Error("nothing was told")
	}
}
