package hubtest_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	blogv1 "github.com/realtime-hub/hub/examples/blog/gen/blog/v1"
	"github.com/realtime-hub/hub/hub/hubtest"
	hub "github.com/realtime-hub/hub/sdk/go"
	recorder "github.com/realtime-hub/hub/sdk/go/hubtest"
)

// The recorder's word is the hub's: each broadcast is sent to both, and their
// answers are the same in every field that a backend can read.
func TestTheRecorderSaysWhatTheHubSays(t *testing.T) {
	client := hubtest.Start(t, blog).Client(t)
	unknown := article("Hello")
	unknown.ProtoReflect().SetUnknown(protoreflect.RawFields("\x98\x06\x01")) // field 99
	const channel = "blog.article.feed"
	for name, out := range map[string]hub.Outgoing{
		"accepted":                 {Channel: channel, Payload: article("Hello")},
		"accepted for a user":      {Channel: "blog.notifications.user_42", Payload: &blogv1.UserNotification{Text: "hi"}},
		"accepted with all":        {Channel: channel, Payload: article("Hello"), ID: strings.Repeat("i", 128), ExceptSessions: many(100)},
		"no channel":               {Payload: article("Hello")},
		"no payload":               {Channel: channel},
		"a nil payload":            {Channel: channel, Payload: (*blogv1.ArticleFeed)(nil)},
		"bad UTF-8":                {Channel: channel, Payload: article("\xff")},
		"a long id":                {Channel: channel, Payload: article("Hello"), ID: strings.Repeat("i", 129)},
		"many sessions":            {Channel: channel, Payload: article("Hello"), ExceptSessions: many(101)},
		"a session without a name": {Channel: channel, Payload: article("Hello"), ExceptSessions: []string{"a", ""}},
		"sessions that are none":   {Channel: channel, Payload: article("Hello"), ExceptSessions: []string{"", strings.Repeat("s", 129)}},
		"an unknown channel":       {Channel: "blog.articel.feed", Payload: article("Hello")},
		"a malformed name":         {Channel: "blog..feed", Payload: article("Hello")},
		"a template":               {Channel: "blog.notifications.{user_id}", Payload: &blogv1.UserNotification{Text: "hi"}},
		"a long name":              {Channel: "blog." + strings.Repeat("x", 300), Payload: article("Hello")},
		"a param against a rule":   {Channel: "blog.notifications.ann", Payload: &blogv1.UserNotification{Text: "hi"}},
		"another's message":        {Channel: channel, Payload: &blogv1.UserNotification{Text: "hi"}},
		"a message without option": {Channel: channel, Payload: wrapperspb.String("hi")},
		"a broken rule":            {Channel: channel, Payload: article("")},
		"all rules broken":         {Channel: channel, Payload: &blogv1.ArticleFeed{Slug: "A B", Title: strings.Repeat("x", 201)}},
		"an impossible time":       {Channel: channel, Payload: &blogv1.ArticleFeed{Id: "1", Slug: "a", Title: "b", PublishedAt: &timestamppb.Timestamp{Nanos: -1}}},
		"an unknown field":         {Channel: channel, Payload: unknown},
		"too large":                {Channel: channel, Payload: article(strings.Repeat("x", 70_000))},
		"much too large":           {Channel: channel, Payload: article(strings.Repeat("x", 300_000))},
	} {
		t.Run(name, func(t *testing.T) {
			_, want := client.SendBroadcast(t.Context(), out)
			var got error
			failed, _ := watch(func(tb *probe) { _, got = recorder.NewRecorder(tb).SendBroadcast(t.Context(), out) })
			if told(got) != told(want) {
				t.Errorf("the recorder says\n%s\nthe hub\n%s", told(got), told(want))
			}
			if accepted := strings.HasPrefix(name, "accepted"); (want == nil) != accepted || (failed == "") != accepted {
				t.Errorf("the hub says %v, the recorder fails its test with %q", want, failed)
			}
		})
	}
}

// told is everything of an answer.
func told(err error) string {
	refused, ok := errors.AsType[*hub.Error](err)
	if !ok {
		return fmt.Sprint(err)
	}
	return fmt.Sprintf("%v %v %v %q", refused.Code, refused.Retryable, refused, refused.Violations)
}

func many(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprint("s", i)
	}
	return out
}

func TestAnIDIsSentOnce(t *testing.T) {
	h := hubtest.Start(t, blog)
	client, b := h.Client(t), h.Browser(t)
	b.Subscribe(feed.Name())
	for i := range 3 {
		receipt, err := hub.Broadcast(t.Context(), client, feed, article(fmt.Sprint(i)), hub.WithID("published-1"))
		if err != nil || receipt.ID != "published-1" || receipt.Duplicate != (i > 0) {
			t.Errorf("%+v, %v", receipt, err)
		}
	}
	if got := hubtest.Receive(b, feed); !proto.Equal(got, article("0")) {
		t.Errorf("received %v", got)
	}
	if more := b.Pending(); len(more) != 0 {
		t.Errorf("received %v, too", more)
	}
}
