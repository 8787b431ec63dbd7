package e2e_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/server"
)

// member is one as browsers have it.
type member struct {
	UserID   string
	Sessions *int
	Since    time.Time
}

// attendance is hub:presence's ack.
type attendance struct {
	OK        bool
	Channel   string
	Members   []member
	Anonymous *int
	Cursor    *string
}

// there asks who is there.
func (c *client) there(request any) (got attendance) {
	c.t.Helper()
	answer := c.ack("hub:presence", request)
	decode(c.t, answer, &got)
	if !got.OK || got.Channel == "" || got.Members == nil || got.Anonymous == nil {
		c.t.Errorf("the ack is %s", answer)
	}
	for _, m := range got.Members {
		if m.Sessions == nil || *m.Sessions == 0 || time.Since(m.Since) > time.Hour || time.Since(m.Since) < -time.Minute {
			c.t.Errorf("a member is %+v", m)
		}
	}
	return got
}

// String is "user_1*2", and how many are nobody.
func (a attendance) String() string {
	var out []string
	for _, m := range a.Members {
		out = append(out, fmt.Sprintf("%s*%d", m.UserID, *m.Sessions))
	}
	return strings.Join(append(out, fmt.Sprint(*a.Anonymous)), " ")
}

func (c *client) sees(channel, want string) {
	c.t.Helper()
	if got := c.there(channel).String(); got != want {
		c.t.Errorf("seen are %q, want %q", got, want)
	}
}

// hearsOf takes the next hub:presence, which must tell this: "+user_1 -user_2".
func (c *client) hearsOf(channel, want string) {
	c.t.Helper()
	e := c.next("hub:presence")
	var got struct {
		Channel      string
		Joined, Left []member
	}
	decode(c.t, string(e.arg(0)), &got)
	var words []string
	for _, m := range got.Joined {
		words = append(words, "+"+m.UserID)
	}
	for _, m := range got.Left {
		words = append(words, "-"+m.UserID)
	}
	if strings.Join(words, " ") != want || got.Channel != channel || got.Joined == nil || got.Left == nil {
		c.t.Errorf("told %s, want %q", e, want)
	}
}

// lounge is a channel with presence of one test's own.
func lounge() string { return "e2e.lounge." + unique() }

// waits until the operator sees as many members as the test wants.
func (h *testHub) waits(t *testing.T, channel string, patience time.Duration, done func(*hubv1.ListMembersResponse) bool) {
	t.Helper()
	for begin := time.Now(); ; {
		res, err := h.admin.ListMembers(t.Context(), &hubv1.ListMembersRequest{Channel: channel})
		if err != nil {
			t.Fatal(err)
		}
		if done(res) {
			return
		}
		if time.Since(begin) > patience {
			t.Fatalf("after %s there are %v", patience, res)
		}
	}
}

func TestWhoIsThereIsSeenAndTold(t *testing.T) {
	h := common.get(t)
	each(t, func(t *testing.T, m mode) {
		l := lounge()
		ann := h.connect(t, m, as(token(t, "user_1")))
		ann.sees(l, "0")
		ann.subscribe(l)
		ann.sees(l, "user_1*1 0")
		ann.hearsOf(l, "+user_1")

		first, second, nobody := h.connect(t, m, as(token(t, "user_2"))), h.connect(t, m, as(token(t, "user_2"))), h.connect(t, m, options{})
		first.subscribe(l)
		ann.hearsOf(l, "+user_2")
		second.subscribe(l)
		nobody.subscribe(l)
		nobody.sees(l, "user_1*1 user_2*2 1")

		// Of the second one's going nothing is told, or it would be before the third.
		second.leave()
		h.waits(t, l, patience, func(r *hubv1.ListMembersResponse) bool { return r.GetMembers()[1].GetSessions() == 1 })
		third := h.connect(t, m, as(token(t, "user_3")))
		third.subscribe(l)
		ann.hearsOf(l, "+user_3")
		third.ack("hub:unsubscribe", l)
		ann.hearsOf(l, "-user_3")
		first.leave()
		ann.hearsOf(l, "-user_2")
		ann.sees(l, "user_1*1 1")
		h.silence(t, ann, "hub:presence", "hub:gap")
	})
}

// However a subscription ends, presence does.
func TestWhoeverEndsIsGone(t *testing.T) {
	h := startHub(t)
	w := h.work(t, &hubv1.Attach{Group: "suites", Authorizer: true})
	w.answers(func(f *hubv1.HandleResponse) *hubv1.HandleRequest {
		decide := &hubv1.Decide{QuestionId: f.GetAuthorize().GetQuestionId(), Allow: true}
		if f.GetAuthorize().GetSender().GetUserId() == "user_2" {
			decide.ExpiresAt = timestamppb.New(time.Now().Add(time.Second))
		}
		return &hubv1.HandleRequest{Frame: &hubv1.HandleRequest_Decide{Decide: decide}}
	})
	second := &hubv1.SessionSelector{By: &hubv1.SessionSelector_UserId{UserId: "user_2"}}
	for name, test := range map[string]struct {
		channel string
		end     func(t *testing.T, channel string) error
	}{
		"kicked": {"e2e.lounge.", func(t *testing.T, _ string) error {
			_, err := h.admin.DisconnectSession(t.Context(), &hubv1.DisconnectSessionRequest{Sessions: second})
			return err
		}},
		"unsubscribed by an operator": {"e2e.lounge.", func(t *testing.T, channel string) error {
			_, err := h.admin.Unsubscribe(t.Context(), &hubv1.UnsubscribeRequest{Sessions: second, Channel: channel})
			return err
		}},
		"permission ended": {"e2e.suite.", func(*testing.T, string) error { return nil }},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, m mode) {
				channel := test.channel + unique()
				ann, bob := h.connect(t, m, as(token(t, "user_1"))), h.connect(t, m, as(token(t, "user_2")))
				ann.subscribe(channel)
				ann.hearsOf(channel, "+user_1")
				bob.subscribe(channel)
				ann.hearsOf(channel, "+user_2")
				if err := test.end(t, channel); err != nil {
					t.Fatal(err)
				}
				ann.hearsOf(channel, "-user_2")
				ann.sees(channel, "user_1*1 0")
			})
		})
	}
}

// A browser that dies without a word, its network with it, is gone after the ping
// time-out: 25 s to a ping, half as much again for the first, and 20 s. All die at
// once, so that the test waits once.
func TestWhoDiesWithoutAWordIsGone(t *testing.T) {
	t.Parallel() // it only waits
	h := startHub(t)
	l, cable := lounge(), plug(t, h.addresses.HTTP)
	ann := h.connect(t, modern, as(token(t, "user_1")))
	ann.subscribe(l)
	ann.hearsOf(l, "+user_1")
	missed := map[string]bool{}
	for n, m := range modes() {
		id := fmt.Sprintf("user_%d", 100+n)
		victim := dial(t, cable.url, m, as(token(t, id)))
		victim.ready()
		victim.subscribe(l)
		ann.hearsOf(l, "+"+id)
		if m.transports == nil {
			victim.next(upgraded)
		}
		missed[id] = true
	}
	cable.mute.Store(true)
	h.waits(t, l, 70*time.Second, func(r *hubv1.ListMembersResponse) bool { return len(r.GetMembers()) == 1 })
	for len(missed) > 0 {
		var told struct{ Joined, Left []member }
		decode(t, string(ann.next("hub:presence").arg(0)), &told)
		for _, m := range told.Left {
			if !missed[m.UserID] {
				t.Errorf("%s has left", m.UserID)
			}
			delete(missed, m.UserID)
		}
		if len(told.Joined) > 0 {
			t.Errorf("told %+v", told)
		}
	}
}

// Whoever comes and goes at once is not told. What one try cannot do in time, on a
// machine that is busy, the next one does.
func TestAFlickerIsNotTold(t *testing.T) {
	h := common.get(t)
	each(t, func(t *testing.T, m mode) {
		for range 20 {
			l := lounge()
			ann, bob, cid := h.connect(t, m, as(token(t, "user_1"))), h.connect(t, m, as(token(t, "user_2"))), h.connect(t, m, as(token(t, "user_3")))
			ann.subscribe(l)
			ann.hearsOf(l, "+user_1")
			begin := time.Now()
			bob.emit("hub:subscribe", l)
			bob.ack("hub:unsubscribe", l)
			took := time.Since(begin)
			cid.subscribe(l)
			if took < 200*time.Millisecond {
				ann.hearsOf(l, "+user_3")
				h.silence(t, ann, "hub:presence")
				return
			}
		}
		t.Error("no try was fast enough")
	})
}

func TestMembersAreReadPageByPage(t *testing.T) {
	h := common.get(t)
	l := lounge()
	const number = 7
	var want []string
	for n := range number {
		id := fmt.Sprintf(`user_%d "<ä>`, n)
		want = append(want, id)
		h.connect(t, modern, as(token(t, id))).subscribe(l)
	}
	h.connect(t, modern, options{}).subscribe(l)
	each(t, func(t *testing.T, m mode) {
		reader := h.connect(t, m, options{}) // who is not subscribed itself
		var got []string
		pages := 0
		for request := (object{"channel": l, "limit": 3}); ; pages++ {
			page := reader.there(request)
			for _, m := range page.Members {
				got = append(got, m.UserID)
			}
			if *page.Anonymous != 1 {
				t.Errorf("%d are nobody", *page.Anonymous)
			}
			if page.Cursor == nil {
				break
			}
			request["cursor"] = *page.Cursor
		}
		if !slices.Equal(got, want) || pages != 2 {
			t.Errorf("%d pages have %q", pages+1, got)
		}
		h.silence(t, reader, "hub:presence")
	})
	var got []string
	for cursor := ""; ; {
		page, err := h.admin.ListMembers(t.Context(), &hubv1.ListMembersRequest{Channel: l, Limit: 4, Cursor: cursor})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range page.GetMembers() {
			if got = append(got, m.GetUserId()); m.GetSessions() != 1 || m.GetSince().AsTime().IsZero() || page.GetAnonymous() != 1 {
				t.Errorf("the operator sees %v of %v", m, page)
			}
		}
		if cursor = page.GetCursor(); cursor == "" {
			break
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("the operator sees %q", got)
	}
}

// Who may join may see who is there, and nobody else.
func TestPresenceIsForWhoMayJoin(t *testing.T) {
	h := startHub(t, func(cfg *server.Config) {
		cfg.Tokens = []server.ServiceToken{
			{Name: "all", Token: "all-0123456789abcdef", Allow: []string{"ADMIN"}, Channels: []string{"*"}},
			{Name: "part", Token: "part-0123456789abcdef", Allow: []string{"ADMIN"}, Channels: []string{"e2e.kept"}},
			{Name: "none", Token: "none-0123456789abcdef", Allow: []string{"BROADCAST"}, Channels: []string{"*"}},
		}
	})
	const members = "e2e.kept.members"
	each(t, func(t *testing.T, m mode) {
		nobody := h.connect(t, m, options{})
		nobody.refused("hub:presence", members).want(t, "CREDENTIALS_REQUIRED")
		nobody.refused("hub:presence", room()).want(t, "NOT_ENABLED")
		nobody.refused("hub:presence", "e2e.members").want(t, "CREDENTIALS_REQUIRED") // not what it declares
		h.connect(t, m, as(token(t, "user_1"))).sees(members, "0")
	})
	h.connect(t, modern, as(token(t, "user_1"))).begin(members)
	list := func(token, channel string) (*hubv1.ListMembersResponse, error) {
		return h.admin.ListMembers(bearing(t, token), &hubv1.ListMembersRequest{Channel: channel})
	}
	if res, err := list("all-0123456789abcdef", members); err != nil || len(res.GetMembers()) != 1 || res.GetMembers()[0].GetUserId() != "user_1" {
		t.Errorf("all sees %v, %v", res, err)
	}
	for token, reasons := range map[string][3]string{
		"all-0123456789abcdef":  {"", "NOT_ENABLED", "CHANNEL_UNKNOWN"},
		"part-0123456789abcdef": {"SCOPE_DENIED", "SCOPE_DENIED", "CHANNEL_UNKNOWN"},
		"none-0123456789abcdef": {"SCOPE_DENIED", "SCOPE_DENIED", "SCOPE_DENIED"},
	} {
		for i, channel := range []string{members, "e2e.room.ab", "e2e.nothing"} {
			if reasons[i] != "" {
				_, err := list(token, channel)
				statusFailure(t, err).want(t, reasons[i])
			}
		}
	}
	if _, err := h.admin.ListMembers(context.WithoutCancel(t.Context()), &hubv1.ListMembersRequest{Channel: members}); err == nil {
		t.Error("without a token the members are listed")
	}
}
