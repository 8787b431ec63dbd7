package e2e_test

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/server"
)

func TestASessionGoesOnWithANewToken(t *testing.T) {
	each(t, func(t *testing.T, m mode) {
		h := startHub(t)
		soon := time.Now().Add(30 * time.Second)
		c := dial(t, h.url, m, as(until(t, "user_1", soon)))
		c.ready()
		c.subscribe("e2e.mail.user_1")
		same(t, "hub:expiring", string(c.next("hub:expiring").arg(0)), `{"expiresAt":"`+soon.UTC().Truncate(time.Second).Format(time.RFC3339)+`"}`)

		later := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
		same(t, "the ack", c.ack("hub:refresh", object{"token": until(t, "user_1", later)}), `{"ok":true,"expiresAt":"`+later.Format(time.RFC3339)+`","lost":[]}`)
		if s := h.list(t, &hubv1.ListSessionsRequest{UserId: "user_1"}).GetSessions(); len(s) != 1 || !s[0].GetExpiresAt().AsTime().Equal(later) {
			t.Errorf("the operator sees %v", s)
		}
		h.broadcast(t, "e2e.mail.user_1", `{"text":"x"}`)
		c.next("e2e.mail.user_1")
	})
}

// Who loses a role loses what depended on it, and nothing else.
func TestAScopeThatIsLostEndsWhatDependedOnIt(t *testing.T) {
	each(t, func(t *testing.T, m mode) {
		h := startHub(t)
		r := room()
		c := h.connect(t, m, as(token(t, "user_1", "editor")))
		kept := []string{"e2e.mail.user_1", "e2e.members", r}
		for _, channel := range append(kept, "e2e.desk") {
			c.subscribe(channel)
		}
		var refreshed struct {
			OK   bool
			Lost []struct {
				Channel string
				Error   failure
			}
		}
		decode(t, c.ack("hub:refresh", object{"token": token(t, "user_1", "reader")}), &refreshed)
		if !refreshed.OK || len(refreshed.Lost) != 1 || refreshed.Lost[0].Channel != "e2e.desk" || refreshed.Lost[0].Error.Reason != "SCOPE_DENIED" {
			t.Errorf("the ack is %+v", refreshed)
		}
		if !c.has("hub:unsubscribed") {
			t.Error("the end of the subscription had not been told when the ack came")
		}
		same(t, "its channel", string(field(t, c.next("hub:unsubscribed").arg(0), "channel")), `"e2e.desk"`)
		for _, channel := range append(kept, "e2e.desk") {
			h.broadcast(t, channel, `{"text":"x"}`)
		}
		for _, channel := range kept {
			c.next(channel)
		}
		h.silence(t, c, "e2e.desk")
		c.refused("hub:subscribe", "e2e.desk").want(t, "SCOPE_DENIED")
	})
}

func TestATokenThatDoesNotHoldChangesNothing(t *testing.T) {
	h := common.get(t)
	c := h.connect(t, modern, as(token(t, "user_1", "editor")))
	c.subscribe("e2e.desk")
	for name, test := range map[string]struct{ token, reason string }{
		"another user's": {token(t, "user_2", "editor"), "CREDENTIALS_INVALID"},
		"expired":        {until(t, "user_1", time.Now().Add(-time.Hour)), "CREDENTIALS_EXPIRED"},
		"garbage":        {"garbage", "CREDENTIALS_INVALID"},
		"empty":          {"", "REQUEST_INVALID"},
	} {
		t.Run(name, func(t *testing.T) {
			c.refused("hub:refresh", object{"token": test.token}).want(t, test.reason, violationsOf(test.token)...)
		})
	}
	h.broadcast(t, "e2e.desk", `{"text":"x"}`)
	c.next("e2e.desk")
	h.connect(t, modern, options{}).refused("hub:refresh", object{"token": token(t, "user_1")}).want(t, "CREDENTIALS_INVALID")
}

// violationsOf are the rules that a token breaks: it is not empty.
func violationsOf(token string) []violation {
	if token == "" {
		return []violation{{Field: "token", Rule: "string.min_bytes"}}
	}
	return nil
}

// Where workers say who sessions are, one of them judges the new token.
func TestAWorkerJudgesTheNewToken(t *testing.T) {
	h := startHub(t, func(cfg *server.Config) {
		cfg.Auth = server.AuthConfig{Worker: &server.WorkerAuth{Group: "sessions"}}
	})
	w := h.work(t, &hubv1.Attach{Group: "sessions", Authenticator: true})
	roles := make(chan []string, 2)
	roles <- []string{"editor"}
	roles <- []string{"reader"}
	go func() {
		for range 2 {
			frame := <-w.frames
			ask := frame.GetAuthenticate()
			identity := &hubv1.Identity{UserId: ask.GetAuth().GetFields()["token"].GetStringValue(), Roles: <-roles}
			_ = w.stream.Send(&hubv1.HandleRequest{Frame: &hubv1.HandleRequest_Identify{
				Identify: &hubv1.Identify{QuestionId: ask.GetQuestionId(), Identity: identity},
			}})
		}
	}()
	c := h.connect(t, modern, as("user_7"))
	c.subscribe("e2e.desk")
	same(t, "the ack", c.ack("hub:refresh", object{"token": "user_7"}),
		`{"ok":true,"lost":[{"channel":"e2e.desk","error":{"code":"PERMISSION_DENIED","reason":"SCOPE_DENIED",`+
			`"message":"the channel is for sessions with one of the roles: editor, chief","retryable":false,"violations":[]}}]}`)
}

// news declares a channel at run time.
func news(scope *hubv1.Scope) *hubv1.RegisterChannelsRequest {
	options := &descriptorpb.MessageOptions{}
	proto.SetExtension(options, hubv1.E_Channel, &hubv1.ChannelOptions{Name: "late.news", Scope: scope})
	return &hubv1.RegisterChannelsRequest{Files: &descriptorpb.FileDescriptorSet{File: []*descriptorpb.FileDescriptorProto{{
		Name: new("late/v1/news.proto"), Package: new("late.v1"), Syntax: new("proto3"), Dependency: []string{"hub/v1/channel.proto"},
		MessageType: []*descriptorpb.DescriptorProto{{Name: new("News"), Options: options}},
	}}}}
}

// A channel that is declared again, for fewer, loses those who are not among them.
func TestAScopeThatIsNarrowedEndsWhoIsNotInIt(t *testing.T) {
	h := startHub(t)
	public := &hubv1.Scope{Kind: &hubv1.Scope_Public{Public: &hubv1.PublicScope{}}}
	authenticated := &hubv1.Scope{Kind: &hubv1.Scope_Authenticated{Authenticated: &hubv1.AuthenticatedScope{}}}
	declare := func(scope *hubv1.Scope, dry bool) {
		t.Helper()
		req := news(scope)
		req.DryRun = dry
		if _, err := h.admin.RegisterChannels(t.Context(), req); err != nil {
			t.Fatal(err)
		}
	}
	declare(public, false)
	somebody, nobody := h.connect(t, modern, as(token(t, "user_1"))), h.connect(t, modern, options{})
	r := room()
	for _, c := range []*client{somebody, nobody} {
		c.subscribe("late.news")
		c.subscribe(r)
	}
	declare(authenticated, true) // only asks
	h.broadcast(t, "late.news", `{}`)
	nobody.next("late.news")
	declare(authenticated, false)
	ended := nobody.next("hub:unsubscribed")
	failureOf(t, field(t, ended.arg(0), "error")).want(t, "CREDENTIALS_REQUIRED")
	h.broadcast(t, "late.news", `{}`)
	h.broadcast(t, r, `{"n":1}`)
	somebody.next("late.news")
	somebody.next("late.news")
	nobody.next(r)
	h.silence(t, nobody, "late.news")
	somebody.none("hub:unsubscribed")
}

// A channel of whose joins a worker decides from now on: it is asked about those who
// are there, once.
func TestAWorkerDecidesOfWhoIsThereAlready(t *testing.T) {
	h := startHub(t)
	handler := &hubv1.Scope{Kind: &hubv1.Scope_Handler{Handler: &hubv1.HandlerScope{}}}
	declare := func(req *hubv1.RegisterChannelsRequest) {
		t.Helper()
		if _, err := h.admin.RegisterChannels(t.Context(), req); err != nil {
			t.Fatal(err)
		}
	}
	declare(news(&hubv1.Scope{Kind: &hubv1.Scope_Public{Public: &hubv1.PublicScope{}}}))
	friend, foe := h.connect(t, modern, as(token(t, "friend"))), h.connect(t, modern, as(token(t, "foe")))
	for _, c := range []*client{friend, foe} {
		c.subscribe("late.news")
	}
	w := h.work(t, &hubv1.Attach{Group: "news", Authorizer: true})
	asked := make(chan struct{}, 10)
	w.answers(func(f *hubv1.HandleResponse) *hubv1.HandleRequest {
		asked <- struct{}{}
		return &hubv1.HandleRequest{Frame: &hubv1.HandleRequest_Decide{Decide: &hubv1.Decide{
			QuestionId: f.GetAuthorize().GetQuestionId(), Allow: f.GetAuthorize().GetSender().GetUserId() == "friend", Message: "friends only",
		}}}
	})
	declare(news(handler))
	failureOf(t, field(t, foe.next("hub:unsubscribed").arg(0), "error")).want(t, "SCOPE_DENIED")
	again := news(handler)
	again.Files.File[0].MessageType[0].Field = []*descriptorpb.FieldDescriptorProto{{
		Name: new("text"), Number: new(int32(1)), Type: new(descriptorpb.FieldDescriptorProto_TYPE_STRING), Label: new(descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL),
	}}
	declare(again)
	h.broadcast(t, "late.news", `{"text":"among us"}`)
	friend.next("late.news")
	h.silence(t, foe, "late.news")
	friend.none("hub:unsubscribed")
	friend.ack("hub:unsubscribe", "late.news") // what was to be asked has been, in the session's order
	if len(asked) != 2 {
		t.Errorf("the worker was asked %d times", len(asked))
	}
}
