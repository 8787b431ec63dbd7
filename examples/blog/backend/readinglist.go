package backend

import (
	"context"
	"fmt"

	blogv1 "github.com/realtime-hub/hub/examples/blog/gen/blog/v1"
	hub "github.com/realtime-hub/hub/sdk/go"
)

// readingList is the use case that keeps what a user has read.
type readingList struct {
	b        hub.Broadcaster
	readings Readings
}

func newReadingList(b hub.Broadcaster, readings Readings) *readingList {
	return &readingList{b: b, readings: readings}
}

// viewed notes an article at the user's first view, and tells all the user's
// pages. It is told before it is noted: when that fails, the message comes
// again, and its id keeps the hub from telling it twice.
func (l *readingList) viewed(ctx context.Context, user string, article Article, message string) error {
	read, err := l.readings.HasRead(ctx, user, article.ID)
	if err != nil || read {
		return err
	}
	text := fmt.Sprintf("“%s” is on your reading list.", article.Title)
	told := &blogv1.UserNotification{Text: text}
	if _, err := hub.Broadcast(ctx, l.b, blogv1.UserNotificationChannel(user), told, hub.WithID(message)); err != nil {
		return err
	}
	return l.readings.SetRead(ctx, user, article.ID)
}
