package main

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
)

func (f *fakeHub) remember(request proto.Message) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, request)
}

// last is the latest request of an operator.
func (f *fakeHub) last() proto.Message {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.asked) == 0 {
		return nil
	}
	return f.asked[len(f.asked)-1]
}

// ListSessions pages by two, whatever the limit: a client goes by the cursor.
func (f *fakeHub) ListSessions(_ context.Context, request *hubv1.ListSessionsRequest) (*hubv1.ListSessionsResponse, error) {
	f.remember(request)
	from := 0
	if request.GetCursor() != "" {
		fmt.Sscan(request.GetCursor(), &from)
	}
	to := min(from+2, len(f.sessions))
	response := &hubv1.ListSessionsResponse{Sessions: f.sessions[from:to]}
	if to < len(f.sessions) {
		response.Cursor = fmt.Sprint(to)
	}
	return response, f.refuse
}

func (f *fakeHub) DisconnectSession(_ context.Context, request *hubv1.DisconnectSessionRequest) (*hubv1.DisconnectSessionResponse, error) {
	f.remember(request)
	return &hubv1.DisconnectSessionResponse{Sessions: f.ended}, f.refuse
}

func (f *fakeHub) Unsubscribe(_ context.Context, request *hubv1.UnsubscribeRequest) (*hubv1.UnsubscribeResponse, error) {
	f.remember(request)
	return &hubv1.UnsubscribeResponse{Subscriptions: f.ended}, f.refuse
}

func (f *fakeHub) Explain(_ context.Context, request *hubv1.ExplainRequest) (*hubv1.ExplainResponse, error) {
	f.remember(request)
	return &hubv1.ExplainResponse{Gates: f.gates}, f.refuse
}

func (f *fakeHub) GetStats(context.Context, *hubv1.GetStatsRequest) (*hubv1.GetStatsResponse, error) {
	return &hubv1.GetStatsResponse{
		HubId: "h_\x1b1", Sessions: 12, Subscriptions: 30, Channels: 4, Workers: 2, BacklogBytes: 1536,
		StartedAt: timestamppb.New(time.Now().Add(-3 * time.Hour)),
	}, f.refuse
}

func (f *fakeHub) Watch(request *hubv1.WatchRequest, stream hubv1.AdminService_WatchServer) error {
	f.remember(request)
	if f.refuse != nil {
		return f.refuse
	}
	if f.watch == nil {
		<-stream.Context().Done()
		return nil
	}
	return f.watch(stream)
}

func session(id, user string, subscriptions ...string) *hubv1.SessionInfo {
	return &hubv1.SessionInfo{
		Sender: &hubv1.Sender{Session: id, UserId: user}, ConnectedAt: timestamppb.New(time.Now().Add(-5 * time.Minute)),
		RemoteAddress: "192.0.2.7:4711", Transport: "websocket", Subscriptions: subscriptions,
	}
}

func threeSessions() []*hubv1.SessionInfo {
	slow := session("s1", "user_42", "a.a", "a.b", "a.c", "a.d")
	slow.Sender.Roles, slow.BacklogBytes, slow.LastDrop = []string{"editor", "admin"}, 5<<20, "slow\tclient\x1b[2J"
	return []*hubv1.SessionInfo{slow, session("s2", ""), session("s3", "user_7", "a.a")}
}

func TestSessionsAreListedPageByPage(t *testing.T) {
	f := &fakeHub{sessions: threeSessions()}
	address := f.start(t)
	list := call{}.run(t.Context(), "sessions", "--hub", address, "--user", "u", "--channel", "a.a")
	// A session's age depends on the test's: only its place is compared.
	list.stdout = regexp.MustCompile(`5m(\d+s)? *`).ReplaceAllString(list.stdout, "5m ")
	list.want(t, exitOK, `SESSION  USER     ROLES         AGE  TRANSPORT  ADDRESS         BACKLOG  LAST DROP        SUBSCRIPTIONS
s1       user_42  editor,admin  5m websocket  192.0.2.7:4711  5.0 MiB  slow client�[2J  4: a.a, a.b, a.c, …
s2       -        -             5m websocket  192.0.2.7:4711  0 B      -                0
s3  user_7  -  5m websocket  192.0.2.7:4711  0 B  -  1: a.a
`, "")
	request := f.last().(*hubv1.ListSessionsRequest)
	if request.GetUserId() != "u" || request.GetChannel() != "a.a" || request.GetLimit() != 1000 || request.GetCursor() != "2" || len(f.asked) != 2 {
		t.Errorf("%d questions, the last: %v", len(f.asked), request)
	}

	asJSON := call{}.run(t.Context(), "sessions", "--hub", address, "--json")
	var got []struct {
		Sender       struct{ Session string }
		BacklogBytes string
	}
	if err := json.Unmarshal([]byte(asJSON.stdout), &got); err != nil || len(got) != 3 || got[0].BacklogBytes != "5242880" || got[2].Sender.Session != "s3" {
		t.Errorf("%v: %+v", err, asJSON)
	}
}

func TestNoSessionsSaysWhatToDo(t *testing.T) {
	address := (&fakeHub{}).start(t)
	for _, c := range []struct {
		args   []string
		stderr string
	}{
		{nil, "The hub has no sessions. Browsers connect to its other address, http.address.\n"},
		{[]string{"--user", "ann"}, "ann has no session at this hub.\n"},
		{[]string{"--channel", "a.b"}, "No session is subscribed to a.b. Why: hub explain a.b --user USER\n"},
		{[]string{"--channel", "a.b", "--user", "ann"}, "ann has no session that is subscribed to a.b. Why: hub explain a.b --user ann\n"},
	} {
		args := append([]string{"sessions", "--hub", address}, c.args...)
		call{}.run(t.Context(), args...).want(t, exitOK, "", c.stderr)
		call{}.run(t.Context(), append(args, "--json")...).want(t, exitOK, "[]\n", c.stderr)
	}
}

func TestSessionsAndSubscriptionsAreEnded(t *testing.T) {
	f := &fakeHub{ended: 2}
	address := f.start(t)
	for _, c := range []struct {
		args   []string
		stdout string
		want   proto.Message
	}{
		{
			[]string{"disconnect", "--user", "ann", "--message", "Closed."},
			"2 sessions ended\n",
			&hubv1.DisconnectSessionRequest{Sessions: &hubv1.SessionSelector{By: &hubv1.SessionSelector_UserId{UserId: "ann"}}, Message: "Closed."},
		},
		{
			[]string{"disconnect", "--session", "s1", "--json"},
			`{"sessions":2}` + "\n",
			&hubv1.DisconnectSessionRequest{Sessions: &hubv1.SessionSelector{By: &hubv1.SessionSelector_Session{Session: "s1"}}},
		},
		{
			[]string{"unsubscribe", "a.b", "--role", "editor"},
			"2 subscriptions ended\n",
			&hubv1.UnsubscribeRequest{Sessions: &hubv1.SessionSelector{By: &hubv1.SessionSelector_Role{Role: "editor"}}, Channel: "a.b"},
		},
	} {
		call{}.run(t.Context(), append(c.args, "--hub", address)...).want(t, exitOK, c.stdout, "")
		if !proto.Equal(f.last(), c.want) {
			t.Errorf("the hub got %v, want %v", f.last(), c.want)
		}
	}
}

func TestNothingToEndIsAFailure(t *testing.T) {
	address := (&fakeHub{}).start(t)
	call{}.run(t.Context(), "disconnect", "--user", "an", "--hub", address).
		want(t, exitFailed, "", "hub: there was no such session to end; hub sessions lists those that are connected\n")
	call{}.run(t.Context(), "unsubscribe", "a.b", "--user", "an", "--hub", address, "--json").
		want(t, exitFailed, `{"subscriptions":0}`+"\n", "hub: there was no such subscription to end; hub sessions --channel a.b lists its subscribers\n")
}

func TestStatsAreForPeopleAndScripts(t *testing.T) {
	address := (&fakeHub{}).start(t)
	text := call{}.run(t.Context(), "stats", "--hub", address)
	if want := regexp.MustCompile(`^hub            h_�1
up             3h\S*, since \d{4}-\S+Z
sessions       12
subscriptions  30
channels       4 with subscribers
workers        2
backlog        1\.5 KiB
$`); text.code != exitOK || !want.MatchString(text.stdout) || text.stderr != "" {
		t.Errorf("%+v", text)
	}
	if asJSON := (call{}).run(t.Context(), "stats", "--hub", address, "--json"); !strings.Contains(asJSON.stdout, `"sessions":"12"`) {
		t.Errorf("%+v", asJSON)
	}
}
