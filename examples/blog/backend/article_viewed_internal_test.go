package backend

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"

	blogv1 "github.com/realtime-hub/hub/examples/blog/gen/blog/v1"
	hub "github.com/realtime-hub/hub/sdk/go"
	"github.com/realtime-hub/hub/sdk/go/hubtest"
)

// page calls the handlers as a worker would, for sessions that are made up. The
// recorder stands where a hub would.
type page struct {
	t       *testing.T
	rec     *hubtest.Recorder
	viewers *viewers
	handle  hub.Handler[*blogv1.ArticleViewed]
	end     func(ctx context.Context, e hub.Event) error
	sent    int
}

func newPage(t *testing.T) *page {
	t.Helper()
	repo := newMemory("One", "Two")
	return newPageOn(t, repo, repo)
}

func newPageOn(t *testing.T, repo *memory, readings Readings) *page {
	t.Helper()
	rec := hubtest.NewRecorder(t)
	v := newViewers(rec, repo)
	return &page{
		t: t, rec: rec, viewers: v,
		handle: onArticleViewed(repo, v, newReadingList(rec, readings)), end: onSessionEnded(v),
	}
}

func (p *page) view(article string, sender hub.Sender) error {
	p.sent++
	return p.handle(p.t.Context(), &blogv1.ArticleViewed{Id: article}, hub.Inbound{ID: fmt.Sprint("m", p.sent), Sender: sender})
}

func (p *page) views(session, article string) {
	p.t.Helper()
	if err := p.view(article, hub.Sender{Session: session}); err != nil {
		p.t.Errorf("%s views %s: %v", session, article, err)
	}
}

func (p *page) leaves(session string) {
	p.t.Helper()
	if err := p.end(p.t.Context(), hub.Event{Kind: hub.Disconnected, Sender: hub.Sender{Session: session}}); err != nil {
		p.t.Errorf("%s leaves: %v", session, err)
	}
}

// said are all counts that were broadcast, as "article-1:2".
func (p *page) said(want ...string) {
	p.t.Helper()
	var got []string
	for _, b := range p.rec.Broadcasts() {
		if n, ok := b.Payload.(*blogv1.ArticleViewers); ok {
			got = append(got, fmt.Sprintf("%s:%d", b.Params["article_id"], n.GetCount()))
		}
	}
	if !slices.Equal(got, want) {
		p.t.Errorf("said %v, want %v", got, want)
	}
}

func TestAnArticlesViewersAreDistinctSessions(t *testing.T) {
	p := newPage(t)
	p.views("ann", "article-1")
	p.views("ann", "article-1") // a second time, or a redelivery
	p.views("bob", "article-1")
	p.said("article-1:1", "article-1:1", "article-1:2")
}

func TestASessionViewsOneArticleAtATime(t *testing.T) {
	p := newPage(t)
	p.views("ann", "article-1")
	p.views("ann", "article-2")
	p.said("article-1:1", "article-1:0", "article-2:1")
}

func TestASessionThatEndsTakesItsViewAway(t *testing.T) {
	p := newPage(t)
	p.views("ann", "article-1")
	p.views("bob", "article-1")
	p.leaves("ann")
	p.leaves("ann") // a redelivery
	p.leaves("eve") // who had nothing open
	p.said("article-1:1", "article-1:2", "article-1:1")
}

// A message that was accepted from a session is delivered also after its end.
func TestAViewThatComesAfterItsSessionsEndCountsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPage(t)
		p.leaves("ann")
		time.Sleep(70 * time.Second) // in the bubble: as late as a message may come
		p.leaves("bob")
		p.views("ann", "article-1")
		p.said("article-1:0")
	})
}

func TestASessionThatEndedIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		repo := newMemory()
		for _, session := range []string{"ann", "bob"} {
			if _, err := repo.Close(t.Context(), session); err != nil {
				t.Error(err)
			}
			time.Sleep(goneFor + time.Second) // in the bubble
		}
		if len(repo.gone) != 1 || len(repo.leavings) != 1 {
			t.Errorf("kept: %v, %v", repo.gone, repo.leavings)
		}
	})
}

func TestAnUnknownArticleIsRejected(t *testing.T) {
	p := newPage(t)
	err := p.view("article-9", hub.Sender{Session: "ann", UserID: "user_42"})
	if no, ok := errors.AsType[*hub.RejectError](err); !ok || no.Code != codes.NotFound || no.Reason != "ARTICLE_UNKNOWN" {
		t.Errorf("got %v", err)
	}
	if all := p.rec.Broadcasts(); len(all) != 0 {
		t.Errorf("broadcast %v", all)
	}
}

func TestACountThatCouldNotBeSaidIsSaidWhenTheMessageComesAgain(t *testing.T) {
	p := newPage(t)
	p.views("ann", "article-1")
	p.rec.FailNext(&hub.Error{Code: codes.Unavailable, Reason: "DRAINING", Retryable: true})
	err := p.view("article-2", hub.Sender{Session: "ann"})
	if _, ok := errors.AsType[*hub.RetryError](err); !ok || !strings.Contains(err.Error(), OnArticleViewed) {
		t.Errorf("got %v", err)
	}
	p.views("ann", "article-2") // the redelivery: article-1 was left before it
	p.said("article-1:1", "article-2:1", "article-1:0", "article-2:1")
}

func TestACallWithoutAnAnswerIsMadeAgain(t *testing.T) {
	p := newPage(t)
	p.rec.FailNext(errors.Join(&hub.Error{Code: codes.DeadlineExceeded}, context.DeadlineExceeded))
	if _, ok := errors.AsType[*hub.RetryError](p.view("article-1", hub.Sender{Session: "ann"})); !ok {
		t.Error("the message does not come again")
	}
}

func TestARefusalForGoodIsNotTriedAgain(t *testing.T) {
	p := newPage(t)
	p.rec.FailNext(&hub.Error{Code: codes.PermissionDenied, Reason: "SCOPE_DENIED"})
	err := p.view("article-1", hub.Sender{Session: "ann"})
	if _, retry := errors.AsType[*hub.RetryError](err); err == nil || retry {
		t.Errorf("got %v", err)
	}
	p.views("bob", "article-2")
	p.said("article-2:1")
}

func TestANewHubsSessionsAreCountedAnew(t *testing.T) {
	p := newPage(t)
	p.views("ann", "article-1")
	p.viewers.begin(t.Context(), "hub-1") // this worker has just started; the views are another's
	p.viewers.begin(t.Context(), "hub-1") // a stream was lost, not the hub
	p.views("bob", "article-1")
	p.viewers.begin(t.Context(), "hub-2")
	p.views("cid", "article-1")
	p.said("article-1:1", "article-1:2", "article-1:1")
}

func TestAUserIsToldOfTheFirstViewOnly(t *testing.T) {
	p := newPage(t)
	for _, session := range []string{"desk", "phone"} {
		if err := p.view("article-1", hub.Sender{Session: session, UserID: "user_42"}); err != nil {
			t.Error(err)
		}
	}
	p.views("anonymous", "article-1")
	told := hubtest.On(p.rec, UserNotification("user_42"))
	if len(told) != 1 || told[0].GetText() != "“One” is on your reading list." {
		t.Errorf("told %v", told)
	}
}

func TestANotificationThatFailedComesWithTheMessageAgain(t *testing.T) {
	p := newPage(t)
	user := hub.Sender{Session: "desk", UserID: "user_42"}
	p.rec.FailNext(nil) // the count
	p.rec.FailNext(&hub.Error{Code: codes.ResourceExhausted, Reason: "OVERLOADED", Retryable: true})
	if _, ok := errors.AsType[*hub.RetryError](p.view("article-1", user)); !ok {
		t.Error("the message does not come again")
	}
	if err := p.view("article-1", user); err != nil {
		t.Error(err)
	}
	if told := hubtest.On(p.rec, UserNotification("user_42")); len(told) != 1 {
		t.Errorf("told %v", told)
	}
}

// full is a database that takes nothing.
type full struct{ Readings }

func (full) SetRead(context.Context, string, string) error { return errors.New("the disk is full") }

func TestAReadingThatWasNotKeptIsNotToldTwice(t *testing.T) {
	repo := newMemory("One")
	p := newPageOn(t, repo, full{repo})
	for range 2 { // the message and its redelivery
		p.sent = 0
		if _, ok := errors.AsType[*hub.RetryError](p.view("article-1", hub.Sender{Session: "desk", UserID: "user_42"})); !ok {
			t.Error("the message does not come again")
		}
	}
	if told := hubtest.On(p.rec, UserNotification("user_42")); len(told) != 1 {
		t.Errorf("told %v", told)
	}
}
