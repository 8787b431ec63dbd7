package hubtest_test

import (
	"context"
	"fmt"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	blogv1 "github.com/realtime-hub/hub/examples/blog/gen/blog/v1"
	hub "github.com/realtime-hub/hub/sdk/go"
	"github.com/realtime-hub/hub/sdk/go/hubtest"
)

// t is the test's own; examples have none.
var t = &probe{}

// publish is the code under test: a use case that broadcasts.
func publish(ctx context.Context, b hub.Broadcaster, title string) error {
	_, err := hub.Broadcast(ctx, b, feed, &blogv1.ArticleFeed{Id: "1", Slug: "hello", Title: title, PublishedAt: timestamppb.Now()})
	return err
}

func ExampleNewRecorder() {
	// func TestPublish(t *testing.T) {
	rec := hubtest.NewRecorder(t)
	err := publish(context.Background(), rec, "Hello")
	fmt.Println(err, len(rec.Broadcasts()), rec.Broadcasts()[0].Channel)
	// Output: <nil> 1 blog.article.feed
}

func ExampleOnly() {
	rec := hubtest.NewRecorder(t)
	_ = publish(context.Background(), rec, "Hello")
	article := hubtest.Only[*blogv1.ArticleFeed](t, rec)
	fmt.Println(article.GetTitle())
	// Output: Hello
}

func ExampleOn() {
	rec := hubtest.NewRecorder(t)
	_ = publish(context.Background(), rec, "Hello")
	_ = publish(context.Background(), rec, "World")
	for _, article := range hubtest.On(rec, feed) {
		fmt.Println(article.GetTitle())
	}
	// Output:
	// Hello
	// World
}

func ExampleRecorder_FailNext() {
	rec := hubtest.NewRecorder(t)
	rec.FailNext(&hub.Error{Code: codes.Unavailable, Reason: "DRAINING", Message: "the hub is shutting down"})
	fmt.Println(publish(context.Background(), rec, "Hello"))
	fmt.Println(publish(context.Background(), rec, "Hello"))
	// Output:
	// hub: DRAINING: the hub is shutting down
	// <nil>
}

func ExampleRecorder_Broadcasts() {
	rec := hubtest.NewRecorder(t)
	_, _ = hub.Broadcast(context.Background(), rec, notification("user_42"), &blogv1.UserNotification{Text: "Hello"})
	for _, b := range rec.Broadcasts() {
		fmt.Println(b.Channel, b.Declared, b.Params["user_id"])
	}
	// Output: blog.notifications.user_42 blog.notifications.{user_id} user_42
}

// A broadcast that a hub would refuse fails the test, and the code under test
// gets the hub's answer.
func ExampleRecorder() {
	rec := hubtest.NewRecorder(t)
	fmt.Println(publish(context.Background(), rec, ""))
	// Output: hub: PAYLOAD_INVALID: title: must be at least 1 characters
}

var _ testing.TB = t
