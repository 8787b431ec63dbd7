package backend

import (
	blogv1 "github.com/realtime-hub/hub/examples/blog/gen/blog/v1"
	"github.com/realtime-hub/hub/hub/channel"
	hub "github.com/realtime-hub/hub/sdk/go"
)

// The payload's type is the channel's: another one does not compile.
var (
	// ArticleFeed is where new articles appear.
	ArticleFeed = hub.NewChannel[*blogv1.ArticleFeed]("blog.article.feed")
	// ArticleViewed is what a page says on the feed's channel.
	ArticleViewed = hub.NewInbound[*blogv1.ArticleViewed]("blog.article.feed")
	// CursorMoved is what an editor's page says on a board's channel.
	CursorMoved = hub.NewInbound[*blogv1.CursorMoved]("blog.board.{board_id}.cursor")
	// hub:channels
)

// ArticleViewers is where the number of an article's viewers appears.
func ArticleViewers(article string) channel.Of[*blogv1.ArticleViewers] {
	return channel.Filled[*blogv1.ArticleViewers]("blog.article.{article_id}.viewers", channel.Params{"article_id": article})
}

// UserNotification is for one user.
func UserNotification(user string) channel.Of[*blogv1.UserNotification] {
	return channel.Filled[*blogv1.UserNotification]("blog.notifications.{user_id}", channel.Params{"user_id": user})
}

// BoardCursor is where the cursors of a board's editors appear.
func BoardCursor(board string) channel.Of[*blogv1.CursorMoved] {
	return channel.Filled[*blogv1.CursorMoved]("blog.board.{board_id}.cursor", channel.Params{"board_id": board})
}
