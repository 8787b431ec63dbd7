package hubtest_test

import (
	"fmt"
	"strings"
	"testing"

	blogv1 "github.com/realtime-hub/hub/examples/blog/gen/blog/v1"
	hub "github.com/realtime-hub/hub/sdk/go"
	"github.com/realtime-hub/hub/sdk/go/hubtest"
)

func TestChannelsKeepTheirContract(t *testing.T) {
	hubtest.Contract(t, blogv1.ArticleFeedChannel)
	hubtest.ContractInbound(t, blogv1.ArticleFeedInbound)
	hubtest.Contract(t, blogv1.ArticleViewersChannel("1"))
	hubtest.Contract(t, blogv1.UserNotificationChannel("user_42"))
	hubtest.Contract(t, blogv1.CursorMovedChannel("b"))
	hubtest.ContractInbound(t, blogv1.CursorMovedInbound)
}

func TestContractOfWhatIsNotDeclaredEndsTheTest(t *testing.T) {
	for want, test := range map[string]func(tb *probe){
		`no message that is linked into this test declares the channel "blog.gone"`: func(tb *probe) {
			hubtest.Contract(tb, hub.NewChannel[*blogv1.ArticleFeed]("blog.gone"))
		},
		`blog.notifications.{user_id} takes no messages`: func(tb *probe) {
			hubtest.ContractInbound(tb, hub.NewInbound[*blogv1.UserNotification]("blog.notifications.{user_id}"))
		},
		`the message of blog.article.feed is blog.v1.ArticleFeed, not blog.v1.ArticleViewed`: func(tb *probe) {
			hubtest.Contract(tb, hub.NewChannel[*blogv1.ArticleViewed]("blog.article.feed"))
		},
	} {
		if got := watch(test); !strings.Contains(got, want) {
			t.Errorf("%q is not in %q", want, got)
		}
	}
}

func ExampleContract() {
	// func TestArticleFeedKeepsItsContract(t *testing.T) {
	hubtest.Contract(t, blogv1.ArticleFeedChannel)
	fmt.Println(t.texts)
	// Output: []
}
