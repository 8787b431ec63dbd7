package subscription_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/engine"
	"github.com/realtime-hub/hub/hub/internal/fault"
	"github.com/realtime-hub/hub/hub/internal/gate"
	"github.com/realtime-hub/hub/hub/internal/session"
	"github.com/realtime-hub/hub/hub/internal/subscription"
)

// crowded is the channel that declares presence.
const crowded = "room.1.crowd"

// soon is more than changes are gathered for, where the last telling was cheap.
const soon = 300 * time.Millisecond

// herald is an Audience that writes down what it is told.
type herald struct {
	mu   sync.Mutex
	told []string // guarded by mu; "+ann -bob", or "?" where it was too much
	each []int    // guarded by mu; how many an event had
}

func (h *herald) Changed(_ string, joined, left []subscription.Member) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var words []string
	for _, m := range joined {
		words = append(words, "+"+m.UserID)
	}
	for _, m := range left {
		words = append(words, "-"+m.UserID)
	}
	h.told = append(h.told, strings.Join(words, " "))
	h.each = append(h.each, len(words))
}

func (h *herald) Unsettled(string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.told = append(h.told, "?")
}

// hears what was told since it was asked last, once it is time.
func (h *herald) hears(t *testing.T, want ...string) {
	t.Helper()
	time.Sleep(soon) // in the bubble
	synctest.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	if !slices.Equal(h.told, want) {
		t.Errorf("told %.300q, want %.300q", h.told, want)
	}
	h.told, h.each = nil, nil
}

// square is a room whose channels have presence.
type square struct {
	*room
	*herald
}

// present runs a test in a bubble, where a quarter of a second takes no time.
func present(t *testing.T, run func(t *testing.T, s square)) {
	t.Helper()
	h := &herald{}
	s := square{open(t, subscription.Config{Audience: h}), h}
	synctest.Test(t, func(t *testing.T) { run(t, s) })
}

// user is a session of the user's that has joined.
func (r *room) user(id string) *session.Session {
	s := r.session(gate.Identity{UserID: id})
	r.enter(s, crowded)
	return s
}

func (r *room) enter(s *session.Session, channel string) {
	r.t.Helper()
	if _, err := r.join(s, channel); err != nil {
		r.t.Fatal(err)
	}
}

func (r *room) exit(s *session.Session) {
	r.t.Helper()
	if err := r.Leave(s, crowded, func(*hubv1.UnsubscribeResult) {}); err != nil {
		r.t.Fatal(err)
	}
}

// page is one of the crowd.
func (r *room) page(cursor string, limit int) (page subscription.Page) {
	r.t.Helper()
	match, err := r.registry.Snapshot().Match(crowded)
	if err != nil {
		r.t.Fatal(err)
	}
	if err := r.Members(match, cursor, limit, func(p subscription.Page) { page = p }); err != nil {
		r.t.Fatal(err)
	}
	return page
}

// seen is the whole crowd, as "ann*2" and how many are nobody.
func (r *room) seen() string {
	r.t.Helper()
	page := r.page("", 1000)
	var out []string
	for _, m := range page.Members {
		out = append(out, fmt.Sprintf("%s*%d", m.UserID, m.Sessions))
	}
	return strings.Join(append(out, fmt.Sprint(page.Anonymous)), " ")
}

func (r *room) sees(want string) {
	r.t.Helper()
	if got := r.seen(); got != want {
		r.t.Errorf("seen are %q, want %q", got, want)
	}
}

func TestTwoSessionsAreOneMember(t *testing.T) {
	present(t, func(t *testing.T, s square) {
		first := s.user("ann")
		s.sees("ann*1 0")
		s.hears(t, "+ann")
		second, nobody := s.user("ann"), s.session(gate.Identity{})
		s.enter(nobody, crowded)
		s.enter(second, crowded) // again is not one more
		s.sees("ann*2 1")
		since := s.page("", 1).Members[0].Since
		s.exit(first)
		s.sees("ann*1 1")
		s.hears(t)
		if now := s.page("", 1).Members[0].Since; now.Sub(since) != soon {
			t.Errorf("the session that is left is here since %v, the first was since %v", now, since)
		}
		s.LeaveAll(second)
		s.LeaveAll(nobody)
		s.sees("0")
		s.hears(t, "-ann")
	})
}

func TestWhatHappensWithinTheIntervalIsToldOnceOrNotAtAll(t *testing.T) {
	present(t, func(t *testing.T, s square) {
		ann, bob := s.user("ann"), s.user("bob")
		s.user("cid")
		s.exit(bob)
		s.hears(t, "+ann +cid")
		s.exit(ann)
		s.enter(ann, crowded)
		s.hears(t)
		s.exit(ann)
		s.enter(bob, crowded)
		s.hears(t, "+bob -ann")
	})
}

// A page shows what is, and who has it must not be left with it: what it may have
// shown is told, even where it is as before.
func TestWhatAPageHasShownIsTold(t *testing.T) {
	present(t, func(t *testing.T, s square) {
		ann := s.user("ann")
		s.sees("ann*1 0")
		s.exit(ann)
		s.hears(t, "-ann")
		s.enter(ann, crowded)
		s.hears(t, "+ann")
		s.exit(ann)
		s.sees("0")
		s.enter(ann, crowded)
		s.hears(t, "+ann")
	})
}

// Who is still on a page that is on its way must not be told to have left before it.
func TestAPageIsNotOvertaken(t *testing.T) {
	present(t, func(t *testing.T, s square) {
		ann := s.user("ann")
		s.hears(t, "+ann")
		match, err := s.registry.Snapshot().Match(crowded)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Members(match, "", 0, func(page subscription.Page) {
			s.exit(ann)
			time.Sleep(250 * time.Millisecond) // in the bubble: now it is told, by another goroutine
			for range 1000 {
				runtime.Gosched()
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			s.told = append(s.told, fmt.Sprintf("a page of %d", len(page.Members)))
		}); err != nil {
			t.Fatal(err)
		}
		s.hears(t, "a page of 1", "-ann")
	})
}

// Telling everyone of everyone is members times members: beyond a bound it is told
// that it was too much, and then nothing for a while.
func TestMoreThanCanBeToldIsTooMuch(t *testing.T) {
	present(t, func(t *testing.T, s square) {
		var all []*session.Session
		for n := range 3500 {
			all = append(all, s.user(fmt.Sprintf("user_%04d", n)))
		}
		s.hears(t, "?")
		for _, one := range all[3:] {
			s.LeaveAll(one)
		}
		s.hears(t)                  // not yet
		time.Sleep(3 * time.Second) // in the bubble
		synctest.Wait()
		if len(s.told) != 4 || s.each[0] != 1000 || s.each[3] != 497 {
			t.Errorf("then %v are told", s.each)
		}
		s.told, s.each = nil, nil
		s.exit(all[0])
		s.hears(t, "-user_0000") // few hear it: it is cheap
		s.sees("user_0001*1 user_0002*1 0")
	})
}

// What is dear is told less often, the first change all the same at once.
func TestACrowdIsToldAsOftenAsItCanBear(t *testing.T) {
	present(t, func(t *testing.T, s square) {
		for range 20_000 {
			s.enter(s.session(gate.Identity{}), crowded)
		}
		ann := s.user("ann")
		s.hears(t, "+ann")
		s.exit(ann)
		s.hears(t) // 20,000 events, and as much again would be too soon
		s.hears(t, "-ann")
	})
}

func TestOnlyWhatDeclaresPresenceHasAny(t *testing.T) {
	present(t, func(t *testing.T, s square) {
		ann := s.session(gate.Identity{UserID: "ann"})
		s.enter(ann, "room.1.said")
		s.hears(t)
		match, err := s.registry.Snapshot().Match("room.1.said")
		if err != nil {
			t.Fatal(err)
		}
		err = s.Members(match, "", 0, func(subscription.Page) { t.Error("placed") })
		if !fault.Is(err, fault.NotEnabled) {
			t.Errorf("got %v", err)
		}
	})
}

func TestAJoinThatIsRefusedIsNotPresent(t *testing.T) {
	present(t, func(t *testing.T, s square) {
		ann := s.session(gate.Identity{UserID: "ann"})
		_, err := s.Join(t.Context(), ann, &hubv1.SubscribeArguments{Channel: crowded, Since: &hubv1.Position{Epoch: "e"}},
			func(*hubv1.SubscribeResult, []*engine.Publication) {})
		if !fault.Is(err, fault.NotEnabled) {
			t.Fatalf("got %v", err)
		}
		s.sees("0")
		s.hears(t)
	})
}

func TestPagesHaveEveryMemberOnce(t *testing.T) {
	present(t, func(t *testing.T, s square) {
		const number = 250
		var all []*session.Session
		for n := range number {
			all = append(all, s.user(fmt.Sprintf("user_%03d", n)))
		}
		var got []string
		sizes := []int{}
		for cursor := ""; ; {
			page := s.page(cursor, 0)
			sizes = append(sizes, len(page.Members))
			for _, m := range page.Members {
				got = append(got, m.UserID)
			}
			if cursor = page.Next; cursor == "" {
				break
			}
			s.exit(all[len(got)-1]) // the cursor's own user leaves
		}
		if !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != number || !slices.Equal(sizes, []int{100, 100, 50}) {
			t.Errorf("pages of %v have %d, %v", sizes, len(got), got)
		}
		for cursor, want := range map[string]int{"user_248": 1, "user_249": 0, "zzz": 0, "\x00": 248, "a": 248, strings.Repeat("ä", 128): 0} {
			if page := s.page(cursor, 1000); len(page.Members) != want || page.Next != "" {
				t.Errorf("after %q come %d, then %q", cursor, len(page.Members), page.Next)
			}
		}
	})
}

// A page and an event have at most a thousand, or 64 KiB of user ids.
func TestPagesAndEventsAreBounded(t *testing.T) {
	for name, test := range map[string]struct {
		pad  int
		each []int
	}{
		"by number": {0, []int{1000, 500}},
		"by size":   {251, []int{256, 256, 256, 256, 256, 220}},
	} {
		t.Run(name, func(t *testing.T) {
			present(t, func(t *testing.T, s square) {
				for n := range 1500 {
					s.user(fmt.Sprintf("u%04d", n) + strings.Repeat("x", test.pad))
				}
				page := s.page("", 100_000)
				if len(page.Members) != test.each[0] || page.Next != page.Members[test.each[0]-1].UserID {
					t.Errorf("a page has %d, then comes %.9q", len(page.Members), page.Next)
				}
				time.Sleep(soon) // in the bubble
				synctest.Wait()
				if !slices.Equal(s.each, test.each) {
					t.Errorf("events have %v members, want %v", s.each, test.each)
				}
			})
		})
	}
}

// Whom a declaration makes present, or does not any more.
func TestADeclarationThatChanges(t *testing.T) {
	with, without := t.TempDir(), t.TempDir()
	declare(t, with, "presence: {}")
	declare(t, without, "")
	present(t, func(t *testing.T, s square) {
		load := func(dir string) {
			t.Helper()
			if _, err := s.registry.Load(t.Context(), dir); err != nil {
				t.Fatal(err)
			}
		}
		load(without)
		ann := s.user("ann")
		load(with)
		s.sees("0") // who was here before
		s.user("bob")
		s.hears(t, "+bob")
		s.enter(ann, crowded) // asks again, and need not leave for it
		s.hears(t, "+ann")
		s.sees("ann*1 bob*1 0")

		load(without)
		s.user("cid")
		s.LeaveAll(ann)
		s.hears(t)
		load(with)
		s.sees("bob*1 0")
	})
}

// declare writes the channel with an option.
func declare(t *testing.T, dir, option string) {
	t.Helper()
	text := strings.ReplaceAll(`syntax = "proto3";
package room.v1;
import "hub/v1/channel.proto";
message Crowd {
  option (hub.v1.channel) = {name: "room.{id}.crowd" scope: {public: {}} OPTION};
  string text = 1;
}
`, "OPTION", option)
	if err := os.WriteFile(filepath.Join(dir, "crowd.proto"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
