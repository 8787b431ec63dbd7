package hubtest_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/protobuf/types/known/timestamppb"

	blogv1 "github.com/realtime-hub/hub/examples/blog/gen/blog/v1"
	"github.com/realtime-hub/hub/hub/channel"
	"github.com/realtime-hub/hub/hub/hubtest"
	hub "github.com/realtime-hub/hub/sdk/go"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(examples{m}) }

// t is what examples have in a test's place.
var t = &probe{}

// examples ends what the examples started.
type examples struct{ *testing.M }

func (e examples) Run() int {
	code := e.M.Run()
	if failed := t.end(); failed != "" {
		fmt.Println("examples:", failed)
		return 1
	}
	return code
}

// blog are the example's channels.
var blog = hubtest.Channels("../../examples/blog/proto")

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
	texts    []string     // guarded by mu
	logged   bytes.Buffer // guarded by mu
	cleanups []func()     // guarded by mu
}

func (p *probe) Helper()                  {}
func (p *probe) Context() context.Context { return context.Background() }
func (p *probe) Output() io.Writer        { return p }

func (p *probe) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.logged.Write(text)
}

func (p *probe) Cleanup(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cleanups = append(p.cleanups, f)
}

func (p *probe) Errorf(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.texts = append(p.texts, fmt.Sprintf(format, args...))
}

func (p *probe) Fatalf(format string, args ...any) {
	p.Errorf(format, args...)
	runtime.Goexit()
}

// end runs the cleanups and is what the test failed with.
func (p *probe) end() string {
	for _, cleanup := range slices.Backward(p.cleanups) {
		cleanup()
	}
	return strings.Join(p.texts, "\n")
}

// watch runs a test to its end, cleanups included, and is what it failed with.
func watch(test func(tb *probe)) (failed, logged string) {
	p, ended := &probe{}, make(chan struct{})
	go func() {
		defer close(ended)
		test(p)
	}()
	<-ended
	failed = p.end()
	return failed, p.logged.String()
}
