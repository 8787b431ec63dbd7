// Package good compiles.
package good

import (
	"context"

	allv1 "github.com/realtime-hub/hub/cmd/hub/internal/plugin/testdata/gen/all/v1"
	blogv1 "github.com/realtime-hub/hub/cmd/hub/internal/plugin/testdata/gen/blog/v1"
	hub "github.com/realtime-hub/hub/sdk/go"
)

// Use uses what is made of templates, literals and inbound messages.
func Use(ctx context.Context, b hub.Broadcaster) []hub.Registration {
	_, _ = hub.Broadcast(ctx, b, blogv1.ArticleFeedChannel, &blogv1.ArticleFeed{Id: "1"})
	_, _ = hub.Broadcast(ctx, b, blogv1.UserNotificationChannel("user_42"), &blogv1.UserNotification{Text: "hi"})
	_, _ = hub.Broadcast(ctx, b, blogv1.AwkwardChannel("a", "b", "c", "d"), &blogv1.Awkward{})
	_, _ = hub.Broadcast(ctx, b, allv1.StringChannel, &allv1.String{})
	return []hub.Registration{
		hub.Handle(blogv1.ArticleFeedInbound, func(context.Context, *blogv1.ArticleViewed, hub.Inbound) error { return nil }),
		hub.Handle(blogv1.CursorMovedInbound, func(context.Context, *blogv1.CursorMoved, hub.Inbound) error { return nil }),
		hub.Handle(blogv1.Awkward_InnerInbound, func(context.Context, *blogv1.Awkward_Inner, hub.Inbound) error { return nil }),
	}
}
