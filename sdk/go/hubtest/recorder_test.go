package hubtest_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	blogv1 "github.com/realtime-hub/hub/examples/blog/gen/blog/v1"
	"github.com/realtime-hub/hub/hub/channel"
	hub "github.com/realtime-hub/hub/sdk/go"
	"github.com/realtime-hub/hub/sdk/go/hubtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var feed = hub.NewChannel[*blogv1.ArticleFeed]("blog.article.feed")

func notification(userID string) channel.Of[*blogv1.UserNotification] {
	return channel.Filled[*blogv1.UserNotification]("blog.notifications.{user_id}", channel.Params{"user_id": userID})
}

func article(title string) *blogv1.ArticleFeed {
	return &blogv1.ArticleFeed{Id: "1", Slug: "one", Title: title, PublishedAt: &timestamppb.Timestamp{Seconds: 1}}
}

// probe is a test that is watched: what it would fail with, and nothing fails.
type probe struct {
	testing.TB

	mu       sync.Mutex
	texts    []string
	cleanups []func()
}

func (p *probe) Helper()                  {}
func (p *probe) Context() context.Context { return context.Background() }
func (p *probe) Cleanup(f func())         { p.cleanups = append(p.cleanups, f) }

func (p *probe) Errorf(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.texts = append(p.texts, fmt.Sprintf(format, args...))
}

func (p *probe) Fatalf(format string, args ...any) {
	p.Errorf(format, args...)
	runtime.Goexit()
}

// watch runs a test to its end, cleanups included, and is what it failed with.
func watch(test func(tb *probe)) string {
	p, ended := &probe{}, make(chan struct{})
	go func() {
		defer close(ended)
		test(p)
	}()
	<-ended
	for _, cleanup := range p.cleanups {
		cleanup()
	}
	return strings.Join(p.texts, "\n")
}

func TestBroadcastsAreKeptInTheirOrder(t *testing.T) {
	rec := hubtest.NewRecorder(t)
	first := article("First")
	for _, send := range []func() (hub.Receipt, error){
		func() (hub.Receipt, error) { return hub.Broadcast(t.Context(), rec, feed, first) },
		func() (hub.Receipt, error) {
			return hub.Broadcast(t.Context(), rec, notification("user_42"), &blogv1.UserNotification{Text: "hi"}, hub.WithID("job-7"), hub.ExceptSessions("s"))
		},
		func() (hub.Receipt, error) { return hub.Broadcast(t.Context(), rec, feed, article("Second")) },
	} {
		receipt, err := send()
		if err != nil || receipt.ID == "" || receipt.Duplicate {
			t.Fatalf("%+v, %v", receipt, err)
		}
	}
	first.Title = "changed by its sender later"
	got := rec.Broadcasts()
	if len(got) != 3 {
		t.Fatalf("%d broadcasts are kept: %v", len(got), got)
	}
	if b := got[0]; b.Channel != "blog.article.feed" || b.Declared != b.Channel || b.Params != nil || len(b.ID) < 22 || !proto.Equal(b.Payload, article("First")) {
		t.Errorf("the first is %+v", b)
	}
	if b := got[1]; b.Channel != "blog.notifications.user_42" || b.Declared != "blog.notifications.{user_id}" || b.Params["user_id"] != "user_42" ||
		b.ID != "job-7" || len(b.ExceptSessions) != 1 || b.ExceptSessions[0] != "s" {
		t.Errorf("the second is %+v", b)
	}
	articles := hubtest.On(rec, feed)
	if len(articles) != 2 || articles[0].GetTitle() != "First" || articles[1].GetTitle() != "Second" {
		t.Errorf("on the feed there are %v", articles)
	}
	if other := hubtest.On(rec, notification("user_43")); len(other) != 0 {
		t.Errorf("another user's channel has %v", other)
	}
}

func TestWhatAHubWouldRefuseFailsTheTest(t *testing.T) {
	for name, c := range map[string]struct {
		send   func(ctx context.Context, rec *hubtest.Recorder) error
		reason string
		text   string // of the failure
	}{
		"a rule is broken": {func(ctx context.Context, rec *hubtest.Recorder) error {
			_, err := hub.Broadcast(ctx, rec, feed, article(""))
			return err
		}, "PAYLOAD_INVALID", `a hub would refuse this broadcast on "blog.article.feed": hub: PAYLOAD_INVALID: title: `},
		"another channel's message": {func(ctx context.Context, rec *hubtest.Recorder) error {
			_, err := hub.Broadcast(ctx, rec, hub.NewChannel[*blogv1.UserNotification]("blog.article.feed"), &blogv1.UserNotification{Text: "hi"})
			return err
		}, "PAYLOAD_MALFORMED", "(blog.v1.UserNotification declares the channel blog.notifications.{user_id})"},
		"a name that is misspelt": {func(ctx context.Context, rec *hubtest.Recorder) error {
			_, err := hub.Broadcast(ctx, rec, hub.NewChannel[*blogv1.ArticleFeed]("blog.articel.feed"), article("First"))
			return err
		}, "CHANNEL_UNKNOWN", "(blog.v1.ArticleFeed declares the channel blog.article.feed)"},
		"a message that declares nothing": {func(ctx context.Context, rec *hubtest.Recorder) error {
			_, err := hub.Broadcast(ctx, rec, hub.NewChannel[*wrapperspb.StringValue]("blog.text"), wrapperspb.String("hi"))
			return err
		}, "CHANNEL_UNKNOWN", "google.protobuf.StringValue declares no channel"},
		"a param against its rules": {func(ctx context.Context, rec *hubtest.Recorder) error {
			_, err := hub.Broadcast(ctx, rec, notification("ann"), &blogv1.UserNotification{Text: "hi"})
			return err
		}, "CHANNEL_NAME_INVALID", "user_id"},
	} {
		t.Run(name, func(t *testing.T) {
			failed := watch(func(tb *probe) {
				rec := hubtest.NewRecorder(tb)
				err := c.send(t.Context(), rec)
				if refused, ok := errors.AsType[*hub.Error](err); !ok || refused.Reason != c.reason {
					t.Errorf("the answer is %v, not %s", err, c.reason)
				}
				if kept := rec.Broadcasts(); len(kept) != 0 {
					t.Errorf("it is kept: %v", kept)
				}
			})
			if !strings.Contains(failed, c.text) {
				t.Errorf("the test fails with %q, not %q", failed, c.text)
			}
		})
	}
}

func TestFailuresComeInTheirOrder(t *testing.T) {
	rec := hubtest.NewRecorder(t)
	draining := &hub.Error{Code: codes.Unavailable, Reason: "DRAINING", Retryable: true}
	rec.FailNext(draining)
	rec.FailNext(nil)
	rec.FailNext(context.DeadlineExceeded)
	for i, want := range []error{draining, nil, context.DeadlineExceeded, nil} {
		if _, err := hub.Broadcast(t.Context(), rec, feed, article(fmt.Sprint(i)), hub.WithID(fmt.Sprint(i))); !errors.Is(err, want) {
			t.Errorf("broadcast %d is answered by %v, not %v", i, err, want)
		}
	}
	// What failed left nothing: its id is new.
	if receipt, err := hub.Broadcast(t.Context(), rec, feed, article("again"), hub.WithID("0")); err != nil || receipt.Duplicate {
		t.Errorf("%+v, %v", receipt, err)
	}
	if got := hubtest.On(rec, feed); len(got) != 3 {
		t.Errorf("there are %v", got)
	}
}

func TestAFailureThatMetNoBroadcastFailsTheTest(t *testing.T) {
	failed := watch(func(tb *probe) { hubtest.NewRecorder(tb).FailNext(errors.New("no")) })
	if !strings.Contains(failed, "1 broadcasts that did not come") {
		t.Errorf("the test fails with %q", failed)
	}
}

func TestASecondUseOfAnIDIsADuplicate(t *testing.T) {
	rec := hubtest.NewRecorder(t)
	for i := range 3 {
		receipt, err := hub.Broadcast(t.Context(), rec, feed, article(fmt.Sprint(i)), hub.WithID("published-1"))
		if err != nil || receipt.ID != "published-1" || receipt.Duplicate != (i > 0) {
			t.Errorf("%+v, %v", receipt, err)
		}
	}
	if got := hubtest.Only[*blogv1.ArticleFeed](t, rec); got.GetTitle() != "0" {
		t.Errorf("it is %v", got)
	}
	// An id is a channel's own.
	if receipt, err := hub.Broadcast(t.Context(), rec, notification("user_1"), &blogv1.UserNotification{Text: "x"}, hub.WithID("published-1")); err != nil || receipt.Duplicate {
		t.Errorf("%+v, %v", receipt, err)
	}
}

func TestAnEndedContextIsNoRefusal(t *testing.T) {
	rec := hubtest.NewRecorder(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := hub.Broadcast(ctx, rec, feed, article("First"))
	failure, ok := errors.AsType[*hub.Error](err)
	if !ok || failure.Code != codes.Canceled || !errors.Is(err, context.Canceled) || len(rec.Broadcasts()) != 0 {
		t.Errorf("it says %v", err)
	}
}

func TestOnlyTellsWhatThereIsInstead(t *testing.T) {
	for name, c := range map[string]struct {
		send func(rec *hubtest.Recorder)
		want string
	}{
		"nothing": {func(*hubtest.Recorder) {}, "want one broadcast, of *blogv1.ArticleFeed; there are 0"},
		"two": {func(rec *hubtest.Recorder) {
			for range 2 {
				_, _ = hub.Broadcast(t.Context(), rec, feed, article("First"))
			}
		}, "there are 2\nblog.article.feed {"},
		"another": {func(rec *hubtest.Recorder) {
			_, _ = hub.Broadcast(t.Context(), rec, notification("user_1"), &blogv1.UserNotification{Text: "hi"})
		}, "there are 1\nblog.notifications.user_1 {"},
	} {
		failed := watch(func(tb *probe) {
			rec := hubtest.NewRecorder(tb)
			c.send(rec)
			hubtest.Only[*blogv1.ArticleFeed](tb, rec)
			t.Errorf("%s: the test goes on", name)
		})
		if !strings.Contains(failed, c.want) {
			t.Errorf("%s: the test fails with %q", name, failed)
		}
	}
}

func TestOnTellsAWrongDescriptor(t *testing.T) {
	failed := watch(func(tb *probe) {
		rec := hubtest.NewRecorder(tb)
		_, _ = hub.Broadcast(t.Context(), rec, feed, article("First"))
		hubtest.On(rec, hub.NewChannel[*blogv1.UserNotification]("blog.article.feed"))
		hubtest.On(rec, notification(""))
	})
	if !strings.Contains(failed, "is a channel of *blogv1.ArticleFeed, not of *blogv1.UserNotification") || !strings.Contains(failed, "user_id") {
		t.Errorf("the test fails with %q", failed)
	}
}

func TestManyMayBroadcastAtOnce(t *testing.T) {
	rec := hubtest.NewRecorder(t)
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			if _, err := hub.Broadcast(t.Context(), rec, feed, article(fmt.Sprint(i)), hub.WithID(fmt.Sprint(i/2))); err != nil {
				t.Error(err)
			}
			_ = hubtest.On(rec, feed)
		})
	}
	all.Wait()
	if n := len(rec.Broadcasts()); n != 10 {
		t.Errorf("%d broadcasts are kept; want one for each id", n)
	}
}
