package e2e_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/server"
)

func (h *testHub) list(t *testing.T, req *hubv1.ListSessionsRequest) *hubv1.ListSessionsResponse {
	t.Helper()
	res, err := h.admin.ListSessions(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// bearing is the context of a call with a service token.
func bearing(t *testing.T, token string) context.Context {
	t.Helper()
	return metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+token)
}

func TestAnOperatorSeesWhoIsThere(t *testing.T) {
	each(t, func(t *testing.T, m mode) {
		h := startHub(t)
		r := room()
		ann := dial(t, h.url, m, as(token(t, "user_1", "editor")))
		ann.ready()
		ann.subscribe(r)
		ann.subscribe("e2e.mail.user_1")
		if m.transports == nil {
			ann.next(upgraded)
		}
		bob := h.connect(t, m, options{})
		want := "websocket"
		if len(m.transports) == 1 {
			want = m.transports[0]
		}

		mine := h.list(t, &hubv1.ListSessionsRequest{UserId: "user_1"}).GetSessions()
		if len(mine) != 1 {
			t.Fatalf("user_1 has %d sessions", len(mine))
		}
		s := mine[0]
		if s.GetSender().GetUserId() != "user_1" || !slices.Equal(s.GetSender().GetRoles(), []string{"editor"}) ||
			!slices.Equal(s.GetSubscriptions(), []string{"e2e.mail.user_1", r}) || s.GetTransport() != want ||
			s.GetSender().GetSession() != ann.session ||
			s.GetExpiresAt() == nil || s.GetConnectedAt() == nil || s.GetRemoteAddress() == "" || s.GetLastDrop() != "" {
			t.Errorf("user_1 is %v", s)
		}
		if in := h.list(t, &hubv1.ListSessionsRequest{Channel: r}).GetSessions(); len(in) != 1 || !proto.Equal(in[0].GetSender(), s.GetSender()) {
			t.Errorf("in %s are %v", r, in)
		}
		if all := h.list(t, &hubv1.ListSessionsRequest{}).GetSessions(); len(all) != 2 {
			t.Errorf("all are %v", all)
		}
		stats, err := h.admin.GetStats(t.Context(), &hubv1.GetStatsRequest{})
		if err != nil || stats.GetSessions() != 2 || stats.GetSubscriptions() != 2 || stats.GetChannels() != 2 || stats.GetHubId() == "" || stats.GetStartedAt() == nil {
			t.Errorf("stats are %v, %v", stats, err)
		}
		bob.leave()
		h.sessions(t, 1)
		if all := h.list(t, &hubv1.ListSessionsRequest{}).GetSessions(); len(all) != 1 {
			t.Errorf("when one has left there are %v", all)
		}
	})
}

func TestSessionsAreListedPageByPage(t *testing.T) {
	h := startHub(t)
	const number = 7
	for range number {
		h.rawSession(t)
	}
	h.sessions(t, number)
	var seen []string
	for cursor, pages := "", 1; ; pages++ {
		page := h.list(t, &hubv1.ListSessionsRequest{Limit: 3, Cursor: cursor})
		for _, s := range page.GetSessions() {
			seen = append(seen, s.GetSender().GetSession())
		}
		if cursor = page.GetCursor(); cursor == "" {
			if pages != 3 {
				t.Errorf("%d pages", pages)
			}
			break
		}
	}
	if !slices.IsSorted(seen) || len(slices.Compact(slices.Clone(seen))) != number {
		t.Errorf("the pages have %v", seen)
	}
}

// A kick is told, and meant: the client does not come back by itself.
func TestWhoIsDisconnectedStaysAway(t *testing.T) {
	each(t, func(t *testing.T, m mode) {
		h := startHub(t)
		ann := dial(t, h.url, m, options{auth: as(token(t, "user_1")).auth, reconnect: true})
		ann.ready()
		if m.transports == nil {
			ann.next(upgraded)
		}
		bob := h.connect(t, m, as(token(t, "user_2")))
		res, err := h.admin.DisconnectSession(t.Context(), &hubv1.DisconnectSessionRequest{
			Sessions: &hubv1.SessionSelector{By: &hubv1.SessionSelector_UserId{UserId: "user_1"}}, Message: "you are banned",
		})
		if err != nil || res.GetSessions() != 1 {
			t.Fatalf("%v, %v", res, err)
		}
		if f := failureOf(t, field(t, ann.next("hub:ended").arg(0), "error")); f.Reason != "SCOPE_DENIED" || f.Message != "you are banned" {
			t.Errorf("told %+v", f)
		}
		if e := ann.next(disconnected); string(e.arg(0)) != `"io server disconnect"` {
			t.Errorf("ended by %s", e)
		}
		h.sessions(t, 1)
		ann.none(reconnecting)
		bob.subscribe(room())

		_, err = h.admin.DisconnectSession(t.Context(), &hubv1.DisconnectSessionRequest{
			Sessions: &hubv1.SessionSelector{By: &hubv1.SessionSelector_Session{Session: "nobody"}},
		})
		statusFailure(t, err).want(t, "NOT_FOUND")
	})
}

func TestASubscriptionThatIsEndedIsToldAndMayBeAskedForAgain(t *testing.T) {
	each(t, func(t *testing.T, m mode) {
		h := startHub(t)
		r := room()
		editor, reader := h.connect(t, m, as(token(t, "user_1", "editor"))), h.connect(t, m, as(token(t, "user_2")))
		editor.subscribe(r)
		reader.subscribe(r)
		unsubscribe := func() uint32 {
			t.Helper()
			res, err := h.admin.Unsubscribe(t.Context(), &hubv1.UnsubscribeRequest{
				Sessions: &hubv1.SessionSelector{By: &hubv1.SessionSelector_Role{Role: "editor"}}, Channel: r,
			})
			if err != nil {
				t.Fatal(err)
			}
			return res.GetSubscriptions()
		}
		if n := unsubscribe(); n != 1 {
			t.Errorf("%d subscriptions ended", n)
		}
		h.broadcast(t, r, `{"n":1}`)
		ended := editor.next("hub:unsubscribed")
		same(t, "the channel", string(field(t, ended.arg(0), "channel")), quoted(r))
		failureOf(t, field(t, ended.arg(0), "error")).want(t, "SCOPE_DENIED")
		reader.next(r)
		h.silence(t, editor, r)
		if n := unsubscribe(); n != 0 {
			t.Errorf("%d subscriptions ended that were none", n)
		}
		editor.subscribe(r)
		h.broadcast(t, r, `{"n":2}`)
		editor.next(r)
	})
}

func TestAWatchShowsWhatSubscribersGet(t *testing.T) {
	h := startHub(t)
	r := room()
	watch, err := h.admin.Watch(t.Context(), &hubv1.WatchRequest{Channel: r})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := watch.Header(); err != nil { // from here on nothing is missed
		t.Fatal(err)
	}
	for n := range 5 {
		sent := h.broadcast(t, r, fmt.Sprintf(`{"n":%d}`, n))
		got, err := watch.Recv()
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(got.GetPublication().GetJson(), fmt.Sprintf(`"n":"%d"`, n)) || got.GetPublication().GetId() != sent.GetId() {
			t.Errorf("got %v of %v", got, sent)
		}
	}
	h.drain()
	if _, err = watch.Recv(); err == nil {
		t.Fatal("something came when the hub is going")
	}
	statusFailure(t, err).want(t, "DRAINING")
}

// verdicts are the gates that pass, and with a ! those that do not, with why.
func (h *testHub) verdicts(t *testing.T, channel string, id *hubv1.Identity) []string {
	t.Helper()
	res, err := h.admin.Explain(t.Context(), &hubv1.ExplainRequest{Channel: channel, Identity: id})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, g := range res.GetGates() {
		text := g.GetGate()
		if !g.GetPass() {
			text = "!" + text + " " + g.GetError().GetReason()
		}
		out = append(out, text)
	}
	return out
}

func TestAnExplanationIsWhatTheGatesDo(t *testing.T) {
	h := startHub(t)
	user := func(id string, roles ...string) *hubv1.Identity { return &hubv1.Identity{UserId: id, Roles: roles} }
	connected := h.connect(t, modern, as(token(t, "user_1", "editor")))
	connected.subscribe("e2e.desk")
	expired := user("user_1", "editor")
	expired.ExpiresAt = timestamppb.New(timestamppb.Now().AsTime().Add(-1))
	for _, c := range []struct {
		name, channel string
		who           *hubv1.Identity
		want          []string
	}{
		{"no such channel", "e2e.nothing", nil, []string{"!channel CHANNEL_UNKNOWN"}},
		{"no name", "nothing", nil, []string{"!channel CHANNEL_NAME_INVALID"}},
		{"not signed in", "e2e.desk", nil, []string{"channel", "connect", "!join CREDENTIALS_REQUIRED", "!subscribed ", "!inbound INBOUND_NOT_ACCEPTED"}},
		{"not the role", "e2e.desk", user("user_2"), []string{"channel", "connect", "!join SCOPE_DENIED", "!subscribed ", "!inbound INBOUND_NOT_ACCEPTED"}},
		{"the role, not there", "e2e.desk", user("user_2", "editor"), []string{"channel", "connect", "join", "!subscribed ", "!inbound INBOUND_NOT_ACCEPTED"}},
		{"there", "e2e.desk", user("user_1", "editor"), []string{"channel", "connect", "join", "subscribed", "!inbound INBOUND_NOT_ACCEPTED"}},
		{"a token that has ended", "e2e.desk", expired, []string{"channel", "!connect CREDENTIALS_EXPIRED", "!join CREDENTIALS_EXPIRED", "subscribed", "!inbound INBOUND_NOT_ACCEPTED"}},
		{"another user's", "e2e.mail.user_1", user("user_2"), []string{"channel", "connect", "!join SCOPE_DENIED", "!subscribed ", "!inbound INBOUND_NOT_ACCEPTED"}},
		{"nobody decides", "e2e.club.x", user("user_2"), []string{"channel", "connect", "!join NO_WORKER", "!subscribed ", "inbound", "send", "!worker NO_WORKER"}},
		{"may not send", "e2e.staff", user("user_2"), []string{"channel", "connect", "join", "!subscribed ", "inbound", "!send SCOPE_DENIED", "!worker NO_WORKER"}},
		{"may send, nobody listens", "e2e.talk", nil, []string{"channel", "connect", "join", "!subscribed ", "inbound", "send", "!worker NO_WORKER"}},
	} {
		if got := h.verdicts(t, c.channel, c.who); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	h.work(t, &hubv1.Attach{Group: "talkers", Channels: []string{"e2e.talk"}})
	if got := h.verdicts(t, "e2e.talk", nil); got[len(got)-1] != "worker" {
		t.Errorf("with a worker: %q", got)
	}
}

// What a token does not cover its owner neither sees nor ends.
func TestAnOperatorOfSomeChannelsSeesThose(t *testing.T) {
	h := startHub(t, func(cfg *server.Config) {
		cfg.Tokens = []server.ServiceToken{
			{Name: "all", Token: "all-0123456789abcdef", Allow: []string{"ADMIN"}, Channels: []string{"*"}},
			{Name: "part", Token: "part-0123456789abcdef", Allow: []string{"ADMIN"}, Channels: []string{"e2e.talk"}},
			{Name: "none", Token: "none-0123456789abcdef", Allow: []string{"BROADCAST"}, Channels: []string{"*"}},
		}
	})
	c := h.connect(t, modern, as(token(t, "user_1")))
	c.subscribe("e2e.talk")
	c.subscribe("e2e.members")
	all, part, none := bearing(t, "all-0123456789abcdef"), bearing(t, "part-0123456789abcdef"), bearing(t, "none-0123456789abcdef")
	anyone := &hubv1.SessionSelector{By: &hubv1.SessionSelector_UserId{UserId: "user_1"}}
	seen, err := h.admin.ListSessions(part, &hubv1.ListSessionsRequest{Channel: "e2e.talk"})
	if err != nil || len(seen.GetSessions()) != 1 || !slices.Equal(seen.GetSessions()[0].GetSubscriptions(), []string{"e2e.talk"}) {
		t.Errorf("of its channel part sees %v, %v", seen, err)
	}
	for name, call := range map[string]func() error{
		"part lists all": func() error { _, err := h.admin.ListSessions(part, &hubv1.ListSessionsRequest{}); return err },
		"part lists another channel": func() error {
			_, err := h.admin.ListSessions(part, &hubv1.ListSessionsRequest{Channel: "e2e.members"})
			return err
		},
		"part ends a session": func() error {
			_, err := h.admin.DisconnectSession(part, &hubv1.DisconnectSessionRequest{Sessions: anyone})
			return err
		},
		"part ends a subscription of another channel": func() error {
			_, err := h.admin.Unsubscribe(part, &hubv1.UnsubscribeRequest{Sessions: anyone, Channel: "e2e.members"})
			return err
		},
		"part watches another channel": func() error {
			w, err := h.admin.Watch(part, &hubv1.WatchRequest{Channel: "e2e.members"})
			if err == nil {
				_, err = w.Recv()
			}
			return err
		},
		"part explains another channel": func() error {
			_, err := h.admin.Explain(part, &hubv1.ExplainRequest{Channel: "e2e.members"})
			return err
		},
		"none learns what is declared": func() error {
			_, err := h.admin.Explain(none, &hubv1.ExplainRequest{Channel: "e2e.nothing"})
			return err
		},
		"none lists": func() error {
			_, err := h.admin.ListSessions(none, &hubv1.ListSessionsRequest{Channel: "e2e.talk"})
			return err
		},
		"none counts": func() error { _, err := h.admin.GetStats(none, &hubv1.GetStatsRequest{}); return err },
	} {
		t.Run(name, func(t *testing.T) { statusFailure(t, call()).want(t, "SCOPE_DENIED") })
	}
	if res, err := h.admin.Unsubscribe(part, &hubv1.UnsubscribeRequest{Sessions: anyone, Channel: "e2e.talk"}); err != nil || res.GetSubscriptions() != 1 {
		t.Errorf("part ends a subscription of its channel: %v, %v", res, err)
	}
	if res, err := h.admin.DisconnectSession(all, &hubv1.DisconnectSessionRequest{Sessions: anyone}); err != nil || res.GetSessions() != 1 {
		t.Errorf("all ends the session: %v, %v", res, err)
	}
}
