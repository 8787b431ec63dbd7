package backend

import blogv1 "github.com/realtime-hub/hub/examples/blog/gen/blog/v1"

// What the feature tells, for the program around it. The descriptors are
// generated: a payload of another type, or a missing param, does not compile.
//
//nolint:gochecknoglobals // descriptors are constants; Go only cannot say so
var (
	// ArticleFeed is where new articles appear.
	ArticleFeed = blogv1.ArticleFeedChannel
	// ArticleViewers is where the number of an article's viewers appears.
	ArticleViewers = blogv1.ArticleViewersChannel
	// UserNotification is for one user.
	UserNotification = blogv1.UserNotificationChannel
	// BoardCursor is where the cursors of a board's editors appear.
	BoardCursor = blogv1.CursorMovedChannel
	// hub:channels
)
