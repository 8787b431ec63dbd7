// Package bad does not compile: in each line with the mark, and in no other.
package bad

import (
	"context"

	blogv1 "github.com/realtime-hub/hub/cmd/hub/internal/plugin/testdata/gen/blog/v1"
	"github.com/realtime-hub/hub/hub/channel"
	hub "github.com/realtime-hub/hub/sdk/go"
)

// Misuse misuses what is made.
func Misuse(ctx context.Context, b hub.Broadcaster) {
	// A payload of another type.
	_, _ = hub.Broadcast(ctx, b, blogv1.ArticleFeedChannel, &blogv1.ArticleViewed{})               // refused
	_, _ = hub.Broadcast(ctx, b, blogv1.UserNotificationChannel("user_42"), &blogv1.ArticleFeed{}) // refused
	_, _ = hub.Broadcast(ctx, b, blogv1.ArticleFeedChannel, blogv1.ArticleFeed{})                  // refused
	// A param too few, one too many, none that is wanted, one of another type.
	_, _ = hub.Broadcast(ctx, b, blogv1.UserNotificationChannel(), &blogv1.UserNotification{})         // refused
	_, _ = hub.Broadcast(ctx, b, blogv1.UserNotificationChannel("a", "b"), &blogv1.UserNotification{}) // refused
	_, _ = hub.Broadcast(ctx, b, blogv1.UserNotificationChannel, &blogv1.UserNotification{})           // refused
	_, _ = hub.Broadcast(ctx, b, blogv1.UserNotificationChannel(42), &blogv1.UserNotification{})       // refused
	_, _ = hub.Broadcast(ctx, b, blogv1.ArticleFeedChannel("a"), &blogv1.ArticleFeed{})                // refused
	// What browsers send is not what they receive.
	_, _ = hub.Broadcast(ctx, b, blogv1.ArticleFeedInbound, &blogv1.ArticleViewed{})                                    // refused
	hub.Handle(blogv1.ArticleFeedInbound, func(context.Context, *blogv1.ArticleFeed, hub.Inbound) error { return nil }) // refused
	hub.Handle(blogv1.ArticleFeedChannel, func(context.Context, *blogv1.ArticleFeed, hub.Inbound) error { return nil }) // refused
	// One channel made of another.
	_ = channel.Of[*blogv1.ArticleViewed](blogv1.ArticleFeedChannel) // refused
}
